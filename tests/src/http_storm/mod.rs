//! Mixed load on a server that is killed and started again, over and over: what it has acknowledged is
//! there afterwards, and nothing is ever served that is wrong. Knows the server's interface and when it
//! is killed; what may be found is the business of the [ledger](crate::Ledger).

mod client;
mod content;
mod report;
mod shared;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Index, Ledger, Random, Sandbox, Server, tree};
use client::Client;
use shared::Shared;

pub use report::Report;

/// How long an upload may be silent before it is given up.
const LEASE: Duration = Duration::from_secs(2);

/// How many read at once what has been stored.
const READERS: usize = 4;

/// How long a storm is, and how hard.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// How long there is load.
    pub length: Duration,
    /// How long the server lives, more or less, before it is killed.
    pub life: Duration,
    /// How many clients there are at once.
    pub clients: u64,
    /// Whether every version stays, or the newest alone.
    pub keeps_versions: bool,
}

impl Storm {
    /// Goes through it, and compares what is there with what was acknowledged.
    pub fn run(self, store: Sandbox, random: &mut Random) -> Report {
        let store = store
            .with_env("ARTIFACT_UPLOAD__LEASE_S", LEASE.as_secs().to_string())
            .with_env(
                "ARTIFACT_VERSIONING__ENABLED",
                self.keeps_versions.to_string(),
            )
            .with_env("ARTIFACT_HTTP__LOG", "error");
        let shared = Shared::new(Server::start(&store), self.keeps_versions);
        thread::scope(|scope| {
            for number in 0..self.clients {
                let client = Client::new(number, random.below(1 << 30), &shared);
                scope.spawn(|| client.work());
            }
            self.kill(&store, &shared, random);
        });
        check(&store, shared)
    }

    /// Kills the server and starts it again until the time is over. The last one has no load.
    fn kill(self, store: &Sandbox, shared: &Shared, random: &mut Random) {
        let begun = Instant::now();
        let life_ms = u64::try_from(self.life.as_millis()).expect("a life is not that long");
        while !shared.is_over() {
            let life = Duration::from_millis(life_ms / 2 + random.below(life_ms));
            let left = self.length.saturating_sub(begun.elapsed());
            thread::sleep(life.min(left));
            shared.kill();
            if begun.elapsed() >= self.length {
                shared.end();
            }
            shared.start(store);
        }
    }
}

/// What must hold once the storm is over and nobody is there any more.
fn check(store: &Sandbox, shared: Shared) -> Report {
    // The leases of whoever was killed have ended then.
    thread::sleep(LEASE + Duration::from_millis(500));
    let (server, mut ledger, mut report) = shared.into_parts();
    let stored = found(&server, "");
    report.lost = ledger.compare(&stored, Index::Kept);
    report.standing = ledger.standing();
    read_back(&server, &stored, &mut report);
    for job in ["cleanup", "gc"] {
        let answer = server.send("POST", &format!("/api/v1/{job}"), &[], b"");
        report.must(answer.status == 200, || format!("{job}: {}", answer.text()));
    }
    let left = found(&server, "&state=uploading&state=deleted");
    report.must(left.is_empty(), || format!("gc has left {left:?}"));
    let verified = server.send("POST", "/api/v1/verify", &[], b"").text();
    let sum: Value = serde_json::from_str(&verified).unwrap_or_default();
    let is_sound = sum["sound"] == true && sum["versions"] == report.standing;
    report.must(is_sound, || format!("verify says {verified}"));
    let log = server.log();
    server.signal("TERM");
    let code = server.wait();
    report.must(code == Some(0), || {
        format!("the server has ended with {code:?}")
    });
    report.must(!log.contains("panicked"), || {
        format!("a server has panicked:\n{log}")
    });
    rebuild(store, &mut ledger, &mut report);
    report
}

/// The index comes back from what lies beside the blobs, and says the same.
fn rebuild(store: &Sandbox, ledger: &mut Ledger, report: &mut Report) {
    for path in store.index_files() {
        tree::remove(&path);
    }
    store.ok(&["reindex"]);
    ledger.settle();
    let rebuilt = store.json(&["search", "--all-versions"]);
    report.lost.extend(ledger.compare(&rebuilt, Index::Rebuilt));
}

/// Reads all that is stored, and compares it with what is known of it.
fn read_back(server: &Server, stored: &[Value], report: &mut Report) {
    let read = |records: &[Value]| -> Vec<String> {
        let wrong = records.iter().filter_map(|record| {
            let id = record["id"].as_str().unwrap_or_default();
            let answer = server.get(&format!("/api/v1/artifacts/{id}/content"));
            let is_right =
                answer.status == 200 && record["sha256"] == content::sha256(&answer.body);
            (!is_right).then(|| format!("{}: other bytes at the end: {record}", answer.status))
        });
        wrong.collect()
    };
    thread::scope(|scope| {
        let parts = stored.chunks(stored.len().div_ceil(READERS).max(1));
        let readers: Vec<_> = parts.map(|part| scope.spawn(move || read(part))).collect();
        for reader in readers {
            let wrong = reader.join().expect("a reader does not panic");
            report.wrong.extend(wrong);
        }
    });
}

/// Every version that a filter selects.
fn found(server: &Server, filter: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/artifacts?all_versions=true&limit=500{filter}{cursor}");
        let mut page = server.get(&path).expect(200).json();
        match page["items"].take() {
            Value::Array(items) => found.extend(items),
            other => panic!("{path}: {other} is no list"),
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}
