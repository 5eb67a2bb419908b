#![doc = include_str!("../README.md")]

mod document;
mod file;
mod kept;
mod lifetime;
mod secret;
mod signing;
mod tokens;
mod uses;

use artifact_domain::{Error, ErrorKind, Result};

pub use lifetime::Lifetime;
pub use signing::{Signature, SigningKeys};
pub use tokens::{Listed, NewToken, Token, TokenFile};

/// Runs what blocks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|fault| {
        Error::new(ErrorKind::Internal, "work on a file of access stopped").with_source(fault)
    })?
}
