//! Pure decisions: given the settings and the facts, what follows. Nothing here acts.

mod quota;
mod retention;
mod task_patterns;
mod tier;
mod versions;

pub use quota::{QuotaPolicy, Reservation};
pub use retention::{Decision, FOR_EVER_DAYS, LatestGroup, RetentionPolicy, RetentionRule, Ruling};
pub use task_patterns::TaskPatterns;
pub use tier::TierPolicy;
pub use versions::{PruneRule, Ranking, Verdict};
