//! Medians and their spread. Must not know what was measured.

use std::fmt;
use std::time::Duration;

/// Some measurements of one thing, in order: median, lowest and highest.
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(low), Some(high)) = (self.0.first(), self.0.last()) else {
            return f.write_str("nothing");
        };
        let digits = if *high < 10.0 { 2 } else { 0 };
        let median = self.0[self.0.len() / 2];
        write!(f, "{median:.digits$} ({low:.digits$} to {high:.digits$})")
    }
}

/// The 50th and the 99th percentile of some times.
pub(crate) fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
    format!("{:.2} / {:.2} ms", at(50), at(99))
}
