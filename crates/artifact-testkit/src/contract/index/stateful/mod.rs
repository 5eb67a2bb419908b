//! Random sequences of operations, played on an index and on a naive model of it: every answer and
//! every kind of error must be the same.

mod model;
mod operation;
mod play;

use std::future::Future;

use artifact_domain::port::ArtifactIndex;
use proptest::collection::vec;
use proptest::test_runner::{Config, TestError, TestRunner};

use crate::Subject;
use crate::contract::runtime;

/// How many sequences are played unless `PROPTEST_CASES` says otherwise.
const SEQUENCES: u32 = 64;
/// How many operations a sequence has at most.
const LONGEST: usize = 80;
/// How often a failing sequence is shortened: each try opens an index.
const SHRINKING: u32 = 500;

/// Plays random sequences, each on a fresh index, and shortens the first that fails.
///
/// # Panics
/// With the shortest failing sequence and what differed.
pub fn check<Open, Opening>(open: Open)
where
    Open: Fn() -> Opening,
    Opening: Future<Output = Subject<dyn ArtifactIndex>>,
{
    let runtime = runtime();
    let mut runner = TestRunner::new(configuration());
    let played = runner.run(&vec(operation::any(), 1..LONGEST), |operations| {
        runtime.block_on(async {
            let index = open().await;
            play::play(&*index, &operations).await
        })
    });
    match played {
        Ok(()) => {}
        Err(TestError::Fail(why, operations)) => panic!("{why}\nafter {operations:#?}"),
        Err(TestError::Abort(why)) => panic!("no sequence could be made: {why}"),
    }
}

fn configuration() -> Config {
    let asked_for = std::env::var_os("PROPTEST_CASES").is_some();
    let config = Config::default();
    Config {
        cases: if asked_for { config.cases } else { SEQUENCES },
        max_shrink_iters: SHRINKING,
        // The panic shows the whole sequence; a file beside sources that are not known is no use.
        failure_persistence: None,
        ..config
    }
}
