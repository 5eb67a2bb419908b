//! Ceph's object gateway: S3 by a distributed engine, with lifecycle rules that run (a day of theirs
//! lasts ten seconds), storage classes `STANDARD_IA` and `GLACIER`, users, rights and quotas.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::access::Access;
use super::process::{Process, free_port, scripts};
use super::{Server, installed};

/// A running gateway.
#[derive(Debug)]
pub struct Rgw {
    /// Who may make buckets and do anything with them.
    pub owner: Access,
    /// Who may make none, and reaches none of the others'.
    pub stranger: Access,
    /// Who may keep [`Rgw::QUOTA_BYTES`] in a bucket.
    pub limited: Access,
    process: Option<Process>,
}

impl Rgw {
    /// What `limited` may keep in a bucket.
    pub const QUOTA_BYTES: u64 = 4 << 20;
}

impl Server for Rgw {
    const NAME: &'static str = "rgw";

    fn start() -> Self {
        for program in ["ceph-mon", "ceph-osd", "radosgw"] {
            installed(&PathBuf::from("/usr/bin").join(program));
        }
        let port = free_port();
        let owner = Access::new(port, "e2e-owner", "secret-of-owner");
        let stranger = owner.of("e2e-stranger", "secret-of-stranger");
        let limited = owner.of("e2e-limited", "secret-of-limited");
        let mut command = Command::new(scripts().join("rgw"));
        command
            .args([port.to_string(), free_port().to_string()])
            .env("QUOTA_BYTES", Self::QUOTA_BYTES.to_string());
        for (name, user) in [
            ("OWNER", &owner),
            ("STRANGER", &stranger),
            ("LIMITED", &limited),
        ] {
            command
                .env(format!("{name}_KEY"), &user.access_key)
                .env(format!("{name}_SECRET"), &user.secret_key);
        }
        let process = Process::start(Self::NAME, &command).wait_for(&owner.endpoint);
        Self {
            owner,
            stranger,
            limited,
            process: Some(process),
        }
    }

    fn log(&self) -> Option<PathBuf> {
        self.process.as_ref().map(Process::log)
    }

    fn hand_over(&self) -> Value {
        json!([
            self.owner.to_json(),
            self.stranger.to_json(),
            self.limited.to_json()
        ])
    }

    fn take_over(value: &Value) -> Self {
        Self {
            owner: Access::from_json(&value[0]),
            stranger: Access::from_json(&value[1]),
            limited: Access::from_json(&value[2]),
            process: None,
        }
    }
}
