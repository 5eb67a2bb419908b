//! Chance that can be had again: a failing run is repeated from its seed. Knows no store.

use std::env;

/// Names the seed, so that a failing run can be repeated.
const VARIABLE: &str = "E2E_SEED";

/// A small generator of numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From the seed that `E2E_SEED` names, or else another one in each process; prints which.
    pub fn seeded() -> Self {
        let seed = env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
        #[expect(clippy::print_stdout, reason = "a failing run is repeated from it")]
        {
            println!("{VARIABLE}={seed}");
        }
        Self(seed)
    }

    /// The same numbers in every run.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        // Constants of Knuth's MMIX generator.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let count = u64::try_from(choices.len()).expect("a slice is not that long");
        let index = usize::try_from(self.below(count)).expect("it is below a length");
        &choices[index]
    }
}
