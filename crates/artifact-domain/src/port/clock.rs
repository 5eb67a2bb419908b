//! The port to the present.

use crate::Timestamp;

/// Tells the time. Tests move it; production reads the system's.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Clock: Send + Sync + 'static {
    /// The present. It may go back between two calls, as a system's clock may: nothing that loses
    /// data may follow from that.
    fn now(&self) -> Timestamp;
}
