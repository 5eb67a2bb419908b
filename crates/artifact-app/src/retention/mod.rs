//! Keeping artifacts for as long as the rules say, and no longer: what is due, why, and clearing
//! it away. The rules themselves are the domain's.

mod cleanup;
mod latest;
mod mark;
mod plan;
mod set;
mod why;

pub use cleanup::{CleanupOptions, CleanupOutcome, CleanupReport};
pub(crate) use mark::Compared;
pub use plan::{CleanupAction, CleanupItem};
pub use set::{KeepFor, RetentionChange};
pub use why::{Fate, Retained};
