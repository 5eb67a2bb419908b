//! The contract suites: plain async functions, one per promise of a port, that any implementation
//! must pass. They know the ports and nothing of who implements them.

pub mod audit;
pub mod authenticator;
pub mod blob_store;
pub mod bucket_rules;
pub mod index;
pub mod lock;

use std::future::Future;
use std::time::Duration;

use artifact_domain::{Error, Result};

use crate::Subject;

/// How long one case may take before it counts as hung.
const CASE_LIMIT: Duration = Duration::from_mins(3);

/// Runs one case on a fresh subject, in a runtime of its own with several threads. Whoever opens none
/// says why: the case is not tried then.
pub fn check<P, Open, Opening, Opened, Case, Checking>(open: Open, case: Case)
where
    P: ?Sized,
    Open: FnOnce() -> Opening,
    Opening: Future<Output = Opened>,
    Opened: Into<Option<Subject<P>>>,
    Case: FnOnce(Subject<P>) -> Checking,
    Checking: Future<Output = ()>,
{
    runtime().block_on(async {
        let whole = async {
            if let Some(subject) = open().await.into() {
                case(subject).await;
            }
        };
        tokio::time::timeout(CASE_LIMIT, whole)
            .await
            .expect("the case hangs");
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a test machine can start four threads")
}

/// The error of what must fail.
#[track_caller]
fn failure<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("it succeeded where it must fail"),
        Err(error) => error,
    }
}
