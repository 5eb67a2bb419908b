//! The program on buckets of services that others wrote: what it does there, what it says where a
//! service refuses or is not there, and what becomes of faults on the way.

mod credentials;
mod errors;
mod faults;
mod reasons;
mod retries;
mod services;

use e2e::servers::Access;
use e2e::{Outcome, Sandbox};

/// A store whose index is on SQLite, with a new bucket of this user.
fn sandbox(access: &Access) -> Sandbox {
    Sandbox::with_index("sqlite").in_bucket(access, &access.make_bucket())
}

/// Asserts that nothing the program says has the secret.
#[track_caller]
fn assert_discreet(outcome: &Outcome, access: &Access) {
    let secret = &access.secret_key;
    assert!(!outcome.stderr.contains(secret), "{outcome}");
    assert!(
        !String::from_utf8_lossy(&outcome.stdout).contains(secret),
        "{outcome}"
    );
}
