//! A trend as lines of bars that fit a terminal. Knows no store.

use artifact_api::TrendDay;
use indicatif::HumanBytes;

/// How many bars stand in a line at most.
const WIDTH: usize = 60;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What stands for nothing: the lowest bar stands for something.
const NOTHING: char = '·';

/// The span, and a line of bars each for count, size and median, with the highest value.
pub(super) fn lines(days: &[TrendDay]) -> Vec<String> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return Vec::new();
    };
    let bytes = |count: u64| HumanBytes(count).to_string();
    let of_one = days.len().div_ceil(WIDTH);
    let each = if of_one == 1 {
        String::new()
    } else {
        format!(", a bar for {of_one} days: the highest of them")
    };
    let line = |what: &str, value: &dyn Fn(&TrendDay) -> u64, show: &dyn Fn(u64) -> String| {
        let values: Vec<_> = days.iter().map(value).collect();
        let highest = values.iter().max().copied().unwrap_or(0);
        format!("{what:<7} {}  max {}", bars(&values, of_one), show(highest))
    };
    vec![
        format!("{} to {}{each}", first.date, last.date),
        line("count", &|day| day.count, &|count| count.to_string()),
        line("size", &|day| day.size_bytes, &bytes),
        line("median", &|day| day.median_size_bytes.unwrap_or(0), &bytes),
    ]
}

/// A bar for so many values each, as high as the highest of them.
fn bars(values: &[u64], of_one: usize) -> String {
    let highest = u128::from(values.iter().max().copied().unwrap_or(0));
    values
        .chunks(of_one)
        .map(|some| {
            let value = u128::from(some.iter().max().copied().unwrap_or(0));
            // From 1 to 8 of 8; what is 0 gets none.
            let level = (value * 8).checked_div(highest).unwrap_or(0).max(1) - 1;
            match usize::try_from(level) {
                Ok(level) if value > 0 => BARS[level.min(7)],
                _ => NOTHING,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_values() {
        assert_eq!(bars(&[0, 1, 4, 8], 1), "·▁▄█");
        assert_eq!(bars(&[1, 100, 50], 1), "▁█▄");
        assert_eq!(bars(&[0, 0], 1), "··");
        assert_eq!(bars(&[u64::MAX, 1], 1), "█▁");
        assert_eq!(bars(&[1, 8, 0, 0, 2], 2), "█·▂");
    }
}
