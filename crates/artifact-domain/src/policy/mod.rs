//! Pure decisions: given the settings and the facts, what follows. Nothing here acts.

mod quota;
mod retention;
mod versions;

pub use quota::QuotaPolicy;
pub use retention::RetentionPolicy;
pub use versions::{PruneRule, Ranking, Verdict};
