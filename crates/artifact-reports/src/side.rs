//! Which of the two sides of a comparison is meant.

/// One of the two sides that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// What it was like before.
    Baseline,
    /// What it is like now.
    Current,
}

impl Side {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Baseline, Self::Current];

    /// Its name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Current => "current",
        }
    }
}
