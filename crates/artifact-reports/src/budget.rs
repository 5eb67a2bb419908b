//! How much may be remembered of all reports together. Knows no format.

use crate::Unreadable;

/// What one comparison may remember, in bytes.
pub(crate) const FACTS_BYTES: usize = 16 * 1024 * 1024;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(FACTS_BYTES)
    }
}

impl Budget {
    /// Takes a part of it for good.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Unreadable> {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err(Unreadable::new(format!(
                "the reports have more than can be compared in {} MiB",
                FACTS_BYTES >> 20
            ))),
        }
    }
}
