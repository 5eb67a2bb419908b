//! Object stores for tests, as real servers on loopback, and a proxy before them that injects faults.
//! Knows no crate of the store.
//!
//! `tests/servers/install` installs what they need. `tests/run` starts them once for all tests (see
//! the program `servers`); where nobody did, a test starts its own. Each test makes a bucket of its
//! own, so that all can share one server.

mod access;
mod garage;
mod gcs;
mod moto;
mod process;
mod proxy;
mod rgw;
mod s3s;
mod transfers;

use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use access::Access;
pub use garage::Garage;
pub use gcs::GcpEmulator;
pub use moto::Moto;
pub use process::processes_in;
pub use proxy::{Fault, Proxy, Request, Which};
pub use rgw::Rgw;
pub use s3s::S3s;
pub(crate) use transfers::{Headers, Transfer, What, encoded, transfer};

/// Names what is not installed and whose tests are left out, parted by commas.
const WITHOUT: &str = "E2E_WITHOUT";

/// Set in the long mode, in which Garage is built and tried too.
const LONG: &str = "E2E_LONG";

/// A server outside the process of the test.
pub trait Server: Sized {
    /// What it is called in `E2E_WITHOUT` and, in capitals, in the variable that hands it over.
    const NAME: &'static str;

    /// Starts one, which ends with the value.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    fn start() -> Self;

    /// Where it writes, in the folder that its processes run in; none if another process keeps it.
    fn log(&self) -> Option<PathBuf>;

    /// What another process needs in order to use it.
    fn hand_over(&self) -> Value;

    /// The server that another process has started, and keeps.
    fn take_over(value: &Value) -> Self;

    /// The variable that hands it over.
    fn variable() -> String {
        format!("E2E_SERVER_{}", Self::NAME.to_uppercase())
    }

    /// The one that was started for all tests, or else one of the test's own. None where
    /// `E2E_WITHOUT` names it, which is said.
    fn at_hand() -> Option<Self> {
        is_wanted(Self::NAME).then(|| match env::var(Self::variable()) {
            Ok(given) => {
                let given = serde_json::from_str(&given).expect("what is handed over is JSON");
                Self::take_over(&given)
            }
            Err(_) => Self::start(),
        })
    }
}

/// Whether a test is to use this server, or `clients` for those in Python, `rclone`,
/// `chromium`, `node`: unless `E2E_WITHOUT` names it, which is said.
pub fn is_wanted(name: &str) -> bool {
    let without = env::var(WITHOUT).unwrap_or_default();
    let is_left_out = without.split(',').any(|left_out| left_out == name);
    if is_left_out {
        #[expect(clippy::print_stdout, reason = "nothing is skipped in silence")]
        {
            println!("NOT TRIED: {name}, which {WITHOUT} names");
        }
    }
    !is_left_out
}

/// Whether this is the long mode. What belongs to it is left out of other runs by the filter of
/// `.config/nextest.toml`.
pub fn is_long() -> bool {
    env::var_os(LONG).is_some_and(|value| !value.is_empty())
}

/// A program of the Python environment of the tests, such as `python` with boto3, or `aws`.
///
/// # Panics
/// When it is not installed.
pub fn venv(program: &str) -> PathBuf {
    let path = folder().join("venv/bin").join(program);
    installed(&path);
    path
}

/// The packages of Node that the tests use, for `NODE_PATH`.
///
/// # Panics
/// When they are not installed.
pub fn node_modules() -> PathBuf {
    let path = folder().join("node/node_modules");
    installed(&path);
    path
}

/// Where `tests/servers/install` keeps what it installs: the folder that `E2E_SERVERS` names, or
/// else `servers` in the target folder.
fn folder() -> PathBuf {
    env::var_os("E2E_SERVERS").map_or_else(
        || {
            let test = env::current_exe().expect("a test knows its own path");
            let target = test.ancestors().find(|up| up.join("CACHEDIR.TAG").exists());
            target
                .expect("cargo marks its target folder")
                .join("servers")
        },
        PathBuf::from,
    )
}

fn installed(path: &Path) {
    assert!(
        path.exists(),
        "{} is missing: run tests/servers/install, or name what is not to be tried in {WITHOUT}",
        path.display()
    );
}
