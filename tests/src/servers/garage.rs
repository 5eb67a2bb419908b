//! Garage: S3 by a second distributed engine, of one node here. It has one storage class, no policies,
//! and takes no notice of the conditions of a put. It is built from source, so it is there in the long
//! mode of the tests alone.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::access::Access;
use super::process::{Process, free_port, scripts};
use super::{Server, folder, installed};

/// The region that it has where nobody says another.
const REGION: &str = "garage";

/// A running Garage.
#[derive(Debug)]
pub struct Garage {
    /// Who may make buckets and do anything with them.
    pub owner: Access,
    /// Who may make none, and reaches none of the others'.
    pub stranger: Access,
    process: Option<Process>,
}

impl Garage {
    /// A bucket that all know of, and only the owner may use. Those that a key makes are known to it alone.
    pub const BUCKET: &str = "e2e-of-all";

    /// The longest key that fits into LMDB, behind the id of its bucket.
    pub const LONGEST_KEY_BYTES: usize = 479;
}

impl Server for Garage {
    const NAME: &'static str = "garage";

    fn start() -> Self {
        let program = folder().join("bin/garage");
        installed(&program);
        let port = free_port();
        // Keys look so, or are refused.
        let key = |letter: &str| format!("GK{}", letter.repeat(24));
        let owner = Access {
            region: REGION.to_owned(),
            ..Access::new(port, &key("a"), &"1".repeat(64))
        };
        let stranger = owner.of(&key("b"), &"2".repeat(64));
        let mut command = Command::new(scripts().join("garage"));
        command
            .arg(program)
            .arg(Self::BUCKET)
            .args([port, free_port(), free_port()].map(|port| port.to_string()));
        for (name, user) in [("OWNER", &owner), ("STRANGER", &stranger)] {
            command
                .env(format!("{name}_KEY"), &user.access_key)
                .env(format!("{name}_SECRET"), &user.secret_key);
        }
        let process = Process::start(Self::NAME, &command).wait_for(&owner.endpoint);
        Self {
            owner,
            stranger,
            process: Some(process),
        }
    }

    fn log(&self) -> Option<PathBuf> {
        self.process.as_ref().map(Process::log)
    }

    fn hand_over(&self) -> Value {
        json!([self.owner.to_json(), self.stranger.to_json()])
    }

    fn take_over(value: &Value) -> Self {
        Self {
            owner: Access::from_json(&value[0]),
            stranger: Access::from_json(&value[1]),
            process: None,
        }
    }
}
