//! Work on its own task, so that uploads run on all cores; it ends with whoever waits for it.

use std::pin::Pin;
use std::task::{Context, Poll};

use artifact_domain::{Error, Result};
use tokio::task::JoinHandle;

use crate::exit;

/// Work that runs by itself. Dropped, it is cut off at its next wait.
#[derive(Debug)]
pub(super) struct Spawned<T>(JoinHandle<T>);

impl<T: Send + 'static> Spawned<T> {
    /// Begins at once.
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl<T> Future for Spawned<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let failed = |fault| -> Error { exit::internal("a worker task stopped", fault) };
        Pin::new(&mut self.0)
            .poll(context)
            .map(|done| done.map_err(failed))
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_its_own() {
        assert_eq!(Spawned::new(async { 7 }).await.unwrap(), 7);
        let panicking: Spawned<()> = Spawned::new(async { panic!("on purpose") });
        assert!(panicking.await.is_err());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_cut_off() {
        let (held, ended) = oneshot::channel::<()>();
        let endless = Spawned::new(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        drop(endless);
        assert!(ended.await.is_err());
    }
}
