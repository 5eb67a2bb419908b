//! What a user of the crate may rely on, through other readers of the formats.
#![expect(clippy::unwrap_used, reason = "a failure here is the finding")]

mod reading;
mod zip_writing;
