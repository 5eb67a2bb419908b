//! What a look at a bucket has in common on all services: what is tried with, in which order, how long
//! a check may take, and how it is told. Knows no service.

use std::time::Duration;

use artifact_domain::{Check, Error, ErrorKind, Result, Timestamp};
use futures::future::BoxFuture;

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where all doctors write: not below `artifacts`, so no listing of the store has it.
pub(super) const FOLDER: &str = ".doctor/";

/// How old something is there that nobody uses any more. A doctor takes some minutes at most, and clocks
/// that differ by more than that are told.
const LEFT_AFTER: Duration = Duration::from_hours(24);

/// What is written and read.
pub(super) const CONTENT: &[u8] = b"0123456789 artifact doctor";

/// A check, or several, by the name under which it is told that it failed.
pub(super) type Probe<'a> = (&'static str, BoxFuture<'a, Result<Vec<Check>>>);

/// All checks of a bucket.
pub(super) struct Examination<'a> {
    /// Where it fails, nothing else is tried.
    pub(super) reach: Probe<'a>,
    /// Where it fails, what needs its object is not tried.
    pub(super) write: Probe<'a>,
    /// What can be done with the object.
    pub(super) uses: Vec<Probe<'a>>,
    /// What is asked about the bucket.
    pub(super) questions: Vec<Probe<'a>>,
    /// Takes everything away that was written.
    pub(super) clear: Probe<'a>,
}

impl Examination<'_> {
    /// Goes through all checks and tells each as it ends; once `is_over` it only clears.
    pub(super) async fn run(
        self,
        is_over: &(dyn Fn() -> bool + Send + Sync),
        tell: &mut (dyn FnMut(Check) + Send),
    ) {
        if !told(self.reach, tell).await {
            return;
        }
        let mut others = self.questions;
        if told(self.write, tell).await {
            others.splice(..0, self.uses);
        }
        for probe in others {
            if is_over() {
                break;
            }
            told(probe, tell).await;
        }
        // Whatever became of the rest, nothing is left.
        told(self.clear, tell).await;
    }
}

/// A folder of its own for the objects of one look.
pub(super) fn folder() -> Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|cause| {
        Error::new(ErrorKind::Internal, "the system gives no random bytes").with_source(cause)
    })?;
    Ok(format!("{FOLDER}{:016x}/", u64::from_be_bytes(random)))
}

/// Before when something was written that killed doctors have left.
pub(super) fn left_before(now: Timestamp) -> Timestamp {
    now.saturating_sub(LEFT_AFTER)
}

/// Whether a doctor whose store begins at `root` gives its objects such a key: nothing else is touched.
pub(super) fn is_of_a_doctor(key: &str, root: &str) -> bool {
    let below = key
        .strip_prefix(root)
        .and_then(|key| key.strip_prefix(FOLDER));
    let folder = below.and_then(|key| key.split_once('/'));
    folder.is_some_and(|(name, _)| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// What is told of so many that were left and taken away: nothing of none.
pub(super) fn taken_away(count: u64) -> Vec<Check> {
    let said = format!("took away {count} of what a doctor had left that was killed");
    let check = Check::ok("leftovers", said);
    (count > 0).then_some(check).into_iter().collect()
}

/// Tells the outcome of a check: what it found, or that it failed or took too long. Gives whether it
/// came to its end.
async fn told((name, probe): Probe<'_>, tell: &mut (dyn FnMut(Check) + Send)) -> bool {
    let outcome = tokio::time::timeout(PATIENCE, probe).await;
    let outcome = outcome.unwrap_or_else(|_| {
        let message = format!("no end after {} seconds", PATIENCE.as_secs());
        Err(Error::new(ErrorKind::Unavailable, message)
            .with_hint("check the network, and how busy the service is"))
    });
    match outcome {
        Ok(checks) => {
            checks.into_iter().for_each(tell);
            true
        }
        Err(error) => {
            tell(Check::fail(name, &error));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_doctors_write_is_theirs() {
        let own = folder().unwrap();
        assert!(is_of_a_doctor(&format!("{own}a"), ""));
        assert!(is_of_a_doctor(&format!("team/{own}a"), "team/"));
        for other in [
            ".doctor/notes/a",
            ".doctor/0123456789abcdef",
            "artifacts/.doctor/0123456789abcdef/a",
        ] {
            assert!(!is_of_a_doctor(other, ""), "{other}");
        }
        assert!(!is_of_a_doctor(&format!("{own}a"), "team/"));
    }
}
