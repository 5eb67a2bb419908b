//! The median of many sizes in bounded memory. Knows nothing of what has them.

/// Up to how many sizes the median is exact: 2 MB of them.
const EXACT: usize = 250_000;

/// How finely sizes are told apart beyond that: a bucket is 1/64 as wide as it is far from 0, and its
/// middle is off by half of that.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.ilog2();

/// Sizes whose median is wanted.
#[derive(Debug)]
pub(crate) enum Sizes {
    /// All of them.
    Exact(Vec<u64>),
    /// How many are in each bucket.
    Buckets(Vec<u64>),
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Sizes {
    pub(crate) fn add(&mut self, size: u64) {
        match self {
            Self::Exact(sizes) if sizes.len() < EXACT => sizes.push(size),
            Self::Exact(sizes) => {
                let mut buckets = Vec::new();
                for size in sizes.drain(..).chain([size]) {
                    count(&mut buckets, size);
                }
                *self = Self::Buckets(buckets);
            }
            Self::Buckets(buckets) => count(buckets, size),
        }
    }

    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    /// The median, none where there are no sizes; of an even number the mean of the middle two.
    pub(crate) fn median(self) -> Option<u64> {
        match self {
            Self::Exact(mut sizes) => {
                let middle = sizes.len() / 2;
                let is_even = sizes.len().is_multiple_of(2);
                if sizes.is_empty() {
                    return None;
                }
                let (below, upper, _) = sizes.select_nth_unstable(middle);
                let lower = below.iter().max().filter(|_| is_even).unwrap_or(upper);
                Some(lower.midpoint(*upper))
            }
            Self::Buckets(buckets) => {
                let total: u64 = buckets.iter().sum();
                let mut passed = 0;
                let at = buckets.iter().position(|count| {
                    passed += count;
                    passed * 2 >= total
                });
                at.map(middle)
            }
        }
    }
}

fn count(buckets: &mut Vec<u64>, size: u64) {
    let at = bucket(size);
    if buckets.len() <= at {
        buckets.resize(at + 1, 0);
    }
    buckets[at] += 1;
}

/// Sizes below 64 have a bucket each; from there on each doubling is cut into 64.
fn bucket(size: u64) -> usize {
    if size < STEPS {
        return usize::try_from(size).expect("it is below 64");
    }
    let doublings = size.ilog2() - STEP_BITS;
    let step = (size >> doublings) - STEPS;
    let at = u64::from(doublings + 1) * STEPS + step;
    usize::try_from(at).expect("there are fewer than 64 times 64 buckets")
}

/// The middle of a bucket.
fn middle(at: usize) -> u64 {
    let at = at as u64;
    if at < STEPS {
        return at;
    }
    let doublings = at / STEPS - 1;
    let low = (STEPS + at % STEPS) << doublings;
    low + ((1 << doublings) - 1) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn median(sizes: impl IntoIterator<Item = u64>) -> Option<u64> {
        let mut all = Sizes::default();
        sizes.into_iter().for_each(|size| all.add(size));
        assert!(all.is_exact());
        all.median()
    }

    #[test]
    fn it_is_the_middle_or_the_mean_of_the_middle_two() {
        assert_eq!(median([]), None);
        assert_eq!(median([7]), Some(7));
        assert_eq!(median([9, 1, 5]), Some(5));
        assert_eq!(median([9, 1, 5, 6]), Some(5));
        assert_eq!(median([u64::MAX, u64::MAX]), Some(u64::MAX));
    }

    #[test]
    fn beyond_that_it_is_close() {
        let mut sizes = Sizes::default();
        let total = EXACT as u64 + 1;
        (0..total).for_each(|n| sizes.add(n * 1_000));
        assert!(!sizes.is_exact());
        let found = sizes.median().unwrap();
        let exact = total / 2 * 1_000;
        assert!(found.abs_diff(exact) <= exact / 128, "{found} for {exact}");
    }

    proptest! {
        #[test]
        fn a_bucket_is_narrow_and_buckets_are_in_order(size: u64, other: u64) {
            let near = middle(bucket(size));
            prop_assert!(near.abs_diff(size) <= size / 128 + 1, "{} for {}", near, size);
            prop_assert_eq!(bucket(near), bucket(size));
            prop_assert!(size > other || bucket(size) <= bucket(other));
        }
    }
}
