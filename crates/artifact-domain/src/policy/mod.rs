//! Pure decisions: given the settings and the facts, what follows. Nothing here acts.

mod quota;
mod retention;

pub use quota::QuotaPolicy;
pub use retention::RetentionPolicy;
