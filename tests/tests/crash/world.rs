//! A store that is treated badly, what it has acknowledged, and what is always true of it. Knows
//! nothing of who is killed when.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use e2e::servers::Access;
use e2e::{Index, Ledger, Outcome, Random, Sandbox, tree};
use serde_json::Value;

use crate::bucket::{Bucket, collect_later};
use crate::expiry::Kept;
use crate::handover::URL_S;

/// How long an upload may be silent, as the settings of the store say.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// More than the youngest age at which `gc` takes a blob for an orphan, which is an hour.
const LONG_AGO: Duration = Duration::from_hours(2);

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Sandbox,
    pub(crate) ledger: Ledger,
    pub(crate) round: u64,
    /// Where its blobs are, if they are not files.
    pub(crate) bucket: Option<Bucket>,
    kept: Kept,
    numbers: u64,
    /// Folders that were uploaded in this round, each to a task of its name.
    pub(crate) tasks: Vec<String>,
}

impl World {
    /// A new store on an index engine.
    pub(crate) fn new(index: &str) -> Self {
        Self::on(sandbox(index))
    }

    /// An empty store that [`sandbox`] has made.
    pub(crate) fn on(store: Sandbox) -> Self {
        let bucket = Bucket::of(&store);
        let kept = Kept::make(&store, bucket.as_ref());
        Self {
            store,
            bucket,
            ledger: Ledger::default(),
            round: 0,
            kept,
            numbers: 0,
            tasks: Vec::new(),
        }
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A file that no other is like, of a size that chance chooses.
    pub(crate) fn write_file(&mut self, random: &mut Random) -> PathBuf {
        let name = format!("file-{}", self.next_number());
        self.write_file_as(&name, random)
    }

    pub(crate) fn write_file_as(&mut self, name: &str, random: &mut Random) -> PathBuf {
        let mut limit = *random.pick(&[1, 300, 20_000, 20_000, 1_500_000]);
        if self.bucket.is_some() && random.percent(5) {
            // In parts.
            limit = 40_000_000;
        }
        let length = random.below(limit);
        self.write(name, length, random)
    }

    pub(crate) fn write_file_of(&mut self, length: u64, random: &mut Random) -> PathBuf {
        let name = format!("file-{}", self.next_number());
        self.write(&name, length, random)
    }

    fn write(&mut self, name: &str, length: u64, random: &mut Random) -> PathBuf {
        let number = self.next_number();
        let length = usize::try_from(length).expect("it is small");
        let mut bytes = format!("{number} of round {}\n", self.round).into_bytes();
        if random.percent(50) {
            bytes.extend(tree::noise(number, length));
        } else {
            bytes.extend(tree::prose(number, length));
        }
        self.store.write(name, bytes)
    }

    /// All versions that can be found.
    pub(crate) fn found(&self) -> Vec<Value> {
        let mut found = self.store.json(&["search", "--all-versions"]);
        found.retain(|record| !Kept::has(record));
        found
    }

    /// Compares what is found with what was acknowledged.
    #[track_caller]
    pub(crate) fn assert_kept(&mut self, index: Index) {
        self.kept.assert_kept(&self.store);
        let found = self.found();
        let wrong = self.ledger.compare(&found, index);
        assert!(
            wrong.is_empty(),
            "round {}, index {index:?}, after {} versions were found:\n{}",
            self.round,
            found.len(),
            wrong.join("\n")
        );
    }

    /// Makes the index whole again if a rebuild was cut off; true if one had to be.
    pub(crate) fn complete_index(&self) -> bool {
        let outcome = self.store.run(&["search"]);
        if outcome.code == Some(0) {
            return false;
        }
        outcome.expect_code(5).says(&["artifact reindex"]);
        self.reindex();
        true
    }

    /// Rebuilds what the index lacks. A version of which only the metadata is left was being
    /// deleted: its bytes went first. So code 5 is right here, and the ledger says what is lost.
    pub(crate) fn reindex(&self) {
        let outcome = self.store.run(&["reindex", "--json"]);
        assert!(matches!(outcome.code, Some(0 | 5)), "{outcome}");
        let findings = outcome.objects();
        let failed = &findings.last().expect("the last line sums up")["failed"];
        assert_eq!(*failed, 0, "{outcome}");
    }

    /// Takes the index away.
    pub(crate) fn lose_index(&self) {
        for path in self.store.index_files() {
            tree::remove(&path);
        }
    }

    /// Takes away the indexes that rebuilds have set aside.
    pub(crate) fn forget_damaged(&self) {
        for path in self.store.index_files() {
            let name = path.to_string_lossy();
            if name.contains(".damaged-") {
                tree::remove(&path);
            }
        }
    }

    /// The tasks that were uploaded in this round.
    pub(crate) fn tasks_of_round(&mut self) -> Vec<String> {
        std::mem::take(&mut self.tasks)
    }

    /// Starts a job on the whole store, with nobody beside it, and kills it at a moment before
    /// `longest`. True if it had not ended by itself.
    pub(crate) fn cut_off(&self, args: &[&str], longest: Duration, random: &mut Random) -> bool {
        let mut job = self.store.start(args);
        let longest_micros = u64::try_from(longest.as_micros()).expect("it is not that long");
        thread::sleep(Duration::from_micros(random.below(longest_micros.max(1))));
        job.kill();
        job.wait().signal.is_some()
    }

    /// Lets the leases end of whoever was killed.
    pub(crate) fn let_leases_end(&self) {
        thread::sleep(LEASE + Duration::from_millis(100));
        if self.bucket.is_some() {
            // And those of what was handed over, and of what was to be.
            thread::sleep(Duration::from_secs(URL_S));
        }
        self.age_blobs();
    }

    /// `gc` clears everything that was left by uploads whose leases have ended, just what it
    /// plans.
    #[track_caller]
    pub(crate) fn assert_clears(&mut self) {
        let plan = self.collect(true);
        assert_eq!(plan, self.collect(false), "gc did not do what it planned");
        assert_eq!(self.collect(true).0, 0, "gc has left something");
        let unfinished = ["--state", "uploading", "--state", "deleted"];
        let unfinished = [&["search", "--all-versions"], &unfinished[..]].concat();
        assert_eq!(self.store.ok(&unfinished), "", "gc has left something");
        self.ledger.settle();
        let blobs = self.blobs();
        assert_eq!(
            blobs.len(),
            self.ledger.standing() + Kept::BLOBS,
            "bytes without a version, or versions without: {blobs:#?}"
        );
        if let Some(bucket) = &self.bucket {
            assert_eq!(bucket.uploads(), [""; 0], "parts are left");
            let keys = bucket.keys();
            let is_own = |key: &&String| !key.starts_with("artifacts/");
            let others: Vec<_> = keys.iter().filter(is_own).collect();
            assert_eq!(others, Vec::<&String>::new(), "a stray object");
        }
    }

    /// What `gc` clears of blobs that are old enough, or would: how many items, and their bytes.
    fn collect(&self, is_dry: bool) -> (u64, u64) {
        if self.bucket.is_some() && !self.store.has_bucket() {
            return collect_later(&self.store, is_dry);
        }
        let mut args = vec!["gc", "--grace-hours", "1", "--json"];
        args.extend(is_dry.then_some("--dry-run"));
        let sum = sum(&self.store.run(&args));
        let number = |key: &str| sum[key].as_u64().expect("it is a number");
        (number("items"), number("size_bytes"))
    }

    /// Every byte is what the index says, and so is the metadata.
    #[track_caller]
    pub(crate) fn assert_sound(&self) {
        let outcome = self.store.run(&["verify", "--json"]).expect_code(0);
        let report = sum(&outcome);
        assert_eq!(report["sound"], true, "{outcome}");
        let versions = self.ledger.standing() + Kept::BLOBS;
        assert_eq!(report["versions"], versions, "{outcome}");
    }

    /// The files of a task come back as they were written.
    #[track_caller]
    pub(crate) fn assert_fetched(&self, task: &str) {
        let outcome = self
            .store
            .run(&["download", "--task", task, "-D", "out", "--no-progress"]);
        // Nothing of it may be there.
        if outcome.code == Some(3) {
            return;
        }
        let _ = outcome.expect_code(0);
        for (path, bytes) in tree::contents(&self.store.work("out")) {
            let written = self.store.read(Path::new(task).join(&path));
            assert!(written == bytes, "{task}/{} is not whole", path.display());
        }
        fs::remove_dir_all(self.store.work("out")).expect("it can be removed");
    }

    /// The blobs of all tiers, and what puts have left of them.
    fn blobs(&self) -> Vec<PathBuf> {
        if let Some(bucket) = &self.bucket
            && !self.store.has_bucket()
        {
            let is_blob = |key: &String| key.contains("/output/") || key.contains("/logs/");
            return bucket
                .keys()
                .into_iter()
                .filter(is_blob)
                .map(PathBuf::from)
                .collect();
        }
        let mut blobs = self.store.blobs();
        tree::files_below(&self.store.root().join("cold"), &mut blobs);
        blobs
    }

    /// Lets all blobs look as if they had been written long ago.
    fn age_blobs(&self) {
        if self.bucket.is_some() && !self.store.has_bucket() {
            return;
        }
        let then = SystemTime::now() - LONG_AGO;
        for path in self.blobs() {
            // Temporary files are judged by the lease, and that is over.
            if let Ok(file) = fs::File::options().append(true).open(&path) {
                file.set_modified(then).expect("times can be set");
            }
        }
    }
}

/// Names, in place of an engine, a store on SQLite whose blobs lie in a bucket.
pub(crate) const BUCKET: &str = "a bucket";

/// A sandbox whose uploads are given up soon after they have died, with a folder for what is
/// archived if its blobs are files.
pub(crate) fn sandbox(index: &str) -> Sandbox {
    let lease_s = LEASE.as_secs().to_string();
    let store = match index {
        BUCKET => with_classes(Sandbox::with_bucket("sqlite")),
        engine => {
            let store = Sandbox::with_index(engine);
            let cold = store.root().join("cold");
            store.with_env("ARTIFACT_TIERS__COLD__BASE_PATH", cold)
        }
    };
    store.with_env("ARTIFACT_UPLOAD__LEASE_S", lease_s)
}

/// An empty store in a new bucket of this server, which has storage classes.
pub(crate) fn on_server(owner: &Access) -> World {
    World::on(with_classes(in_bucket_of(owner)))
}

/// The same of one that has none.
pub(crate) fn on_plain_server(owner: &Access) -> World {
    World::on(in_bucket_of(owner))
}

fn in_bucket_of(owner: &Access) -> Sandbox {
    Sandbox::with_index("sqlite")
        .in_bucket(owner, &owner.make_bucket())
        .with_env("ARTIFACT_UPLOAD__LEASE_S", LEASE.as_secs().to_string())
}

/// What is archived is copied to another class.
fn with_classes(store: Sandbox) -> Sandbox {
    store
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__WARM", "STANDARD_IA")
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__COLD", "GLACIER")
}

/// The last line, of a command that succeeded.
#[track_caller]
fn sum(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let last = outcome.objects().pop();
    last.expect("the last line sums up")
}

/// The SHA-256 of files, as `sha256sum` says.
pub(crate) fn sha256_of(paths: &[impl AsRef<Path>]) -> Vec<String> {
    let output = Command::new("sha256sum")
        .args(paths.iter().map(AsRef::as_ref))
        .output()
        .expect("`sha256sum` can be run");
    assert!(output.status.success(), "files could not be hashed");
    let text = String::from_utf8(output.stdout).expect("digests are text");
    let digest = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let digests: Vec<_> = text.lines().map(digest).collect();
    assert_eq!(digests.len(), paths.len());
    digests
}
