//! What the log says where a request is made again: one line, of what, why, and how soon. Knows
//! neither services nor when a request is made again.

use std::fmt::Display;
use std::time::Duration;

/// Says that request number `attempt` of `doing` failed, and after which wait it is made again.
/// `cause` is what [`brief`](crate::error::brief) makes of it.
pub(super) fn tell(doing: impl Display, attempt: u32, wait: Duration, cause: &str) {
    // What is borne is no warning: whoever wants to know asks for more.
    let wait_ms = wait.as_millis();
    tracing::info!(what = %doing, attempt, wait_ms, cause, "retrying");
}
