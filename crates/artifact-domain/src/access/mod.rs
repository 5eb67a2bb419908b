//! Who may do what to which artifacts. Knows no way in which somebody shows who he is.

mod action;
mod audit;
mod principal;
mod target;

pub use action::{Action, Actions};
pub use audit::{AuditEntry, AuditFilter, Outcome};
pub use principal::{Grant, Principal};
pub use target::Target;
