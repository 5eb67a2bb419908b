//! Faults on the way to a bucket: what passes is tried again, a part at a time; what lasts is said; what
//! arrives as something else is never kept and never served.

use std::time::Duration;

use e2e::Sandbox;
use e2e::servers::{Access, Fault, Proxy, Rgw, S3s, Server, Which};
use e2e::tree::noise;

use crate::assert_discreet;

/// How large a part is, and the artifacts that are sent in three of them.
const PART: usize = 8 << 20;
const LENGTH: usize = 2 * PART + 1_000_000;

const PUTS: Which<'_> = Which {
    method: "PUT",
    target: "/output/",
};

const GETS: Which<'_> = Which {
    method: "GET",
    target: "/output/",
};

/// A store before whose service a proxy stands. The service and its folder live as long.
struct Faulty {
    store: Sandbox,
    proxy: Proxy,
    owner: Access,
    _s3s: Option<S3s>,
}

impl Faulty {
    fn new() -> Self {
        let s3s = S3s::start();
        let owner = s3s.owner.clone();
        Self::before(owner, Some(s3s))
    }

    fn before(owner: Access, s3s: Option<S3s>) -> Self {
        let bucket = owner.make_bucket();
        let proxy = Proxy::before(&owner.endpoint);
        let store = Sandbox::with_index("sqlite").in_bucket(&owner.at(proxy.endpoint()), &bucket);
        Self {
            store,
            proxy,
            owner,
            _s3s: s3s,
        }
    }

    /// Uploads the file of three parts.
    fn upload(&self, more: &[&str]) -> e2e::Outcome {
        self.store.write("big.bin", noise(1, LENGTH));
        let args = ["upload", "big.bin", "--type", "data", "--no-progress"];
        let outcome = self.store.run(&[&args[..], more].concat());
        assert_discreet(&outcome, &self.owner);
        outcome
    }

    fn download(&self) -> e2e::Outcome {
        let args = ["download", URI, "-o", "got", "--no-progress", "-v"];
        let outcome = self.store.run(&args);
        assert_discreet(&outcome, &self.owner);
        outcome
    }

    /// What was uploaded comes back.
    #[track_caller]
    fn assert_whole(&self) {
        let _ = self.download().expect_code(0);
        assert!(self.store.read("got") == noise(1, LENGTH), "other bytes");
    }

    /// Nothing is visible, and after its lease nothing is left.
    #[track_caller]
    fn assert_nothing(&self) {
        self.proxy.heal();
        assert_eq!(self.store.ok(&["search"]), "");
        self.store.ok(&["gc"]);
        let sum = self.store.json(&["gc", "--dry-run"]);
        assert_eq!(sum[0]["items"], 0, "{sum:?}");
        assert_eq!(self.store.ok(&["search", "--state", "uploading"]), "");
    }

    fn puts_of_part(&self, number: u32) -> usize {
        self.proxy.count(Which {
            method: "PUT",
            target: &format!("partNumber={number}&"),
        })
    }
}

const URI: &str = "artifact://default/local/data/big.bin";

fn part(target: &str) -> Which<'_> {
    Which {
        method: "PUT",
        target,
    }
}

#[test]
fn a_burst_of_requests_to_slow_down_is_borne_and_told() {
    for fault in [
        Fault::slow_down(),
        Fault::unavailable(),
        Fault::too_many_requests(),
    ] {
        let faulty = Faulty::new();
        faulty.store.write("x.txt", "content");
        faulty.proxy.inject(PUTS, 2, fault);
        let outcome = faulty.store.run(&["upload", "x.txt", "-v"]).expect_code(0);
        outcome.says(&["retrying"]);
        assert_eq!(faulty.proxy.faults_left(), 0);
        assert_eq!(faulty.proxy.count(PUTS), 3);
        assert_eq!(faulty.store.json(&["search"]).len(), 1);
        faulty.store.ok(&["verify"]);
    }
}

#[test]
fn a_fault_that_lasts_is_said_and_leaves_nothing() {
    let faulty = Faulty::new();
    faulty.proxy.inject(PUTS, 1_000, Fault::slow_down());
    let outcome = faulty.upload(&[]).expect_code(9);
    outcome.says(&["big.bin", "slow down", "hint: "]);
    faulty.assert_nothing();
}

#[test]
fn only_the_part_that_broke_is_sent_again() {
    let faulty = Faulty::new();
    let broken = part("partNumber=2&");
    faulty.proxy.inject(broken, 1, Fault::CutRequest(3_000_000));
    let _ = faulty.upload(&["--no-compress"]).expect_code(0);
    assert_eq!(faulty.proxy.faults_left(), 0);
    let sent: Vec<_> = (1..=3).map(|number| faulty.puts_of_part(number)).collect();
    assert_eq!(sent, [1, 2, 1], "{:?}", faulty.proxy.seen());
    faulty.assert_whole();
}

#[test]
fn an_upload_whose_connections_all_break_leaves_nothing() {
    let faulty = Faulty::new();
    let broken = part("partNumber=2&");
    faulty
        .proxy
        .inject(broken, 1_000, Fault::CutRequest(3_000_000));
    let outcome = faulty.upload(&["--no-compress"]).expect_code(9);
    outcome.says(&["big.bin", "hint: "]);
    faulty.assert_nothing();
}

#[test]
fn a_download_goes_on_where_it_broke() {
    let faulty = Faulty::new();
    let _ = faulty.upload(&["--no-compress"]).expect_code(0);
    faulty
        .proxy
        .inject(GETS, 2, Fault::CutResponse(PART as u64 / 2));
    faulty.assert_whole();
    assert_eq!(faulty.proxy.faults_left(), 0);
}

#[test]
fn a_download_that_breaks_each_time_is_said_and_leaves_nothing() {
    let faulty = Faulty::new();
    let _ = faulty.upload(&["--no-compress"]).expect_code(0);
    for (fault, says) in [
        (Fault::CutResponse(0), "connection to the service broke"),
        (Fault::unavailable(), "passing fault"),
    ] {
        faulty.proxy.inject(GETS, 1_000, fault);
        let outcome = faulty.download().expect_code(9);
        outcome.says(&["big.bin", says, "hint: ", "retrying"]);
        assert!(!faulty.store.work("got").exists(), "it was left");
        // The first one, and as many more as the settings say.
        assert_eq!(1_000 - faulty.proxy.faults_left(), 4, "{outcome}");
        faulty.proxy.heal();
    }
    faulty.assert_whole();
}

#[test]
fn a_download_that_stands_still_is_asked_for_again() {
    let faulty = Faulty::new();
    let _ = faulty.upload(&["--no-compress"]).expect_code(0);
    // Longer than a response may be silent.
    let stall = Fault::StallResponse(1_000_000, Duration::from_secs(100));
    faulty.proxy.inject(GETS, 1, stall);
    let begun = std::time::Instant::now();
    faulty.assert_whole();
    assert_eq!(faulty.proxy.faults_left(), 0);
    assert!(begun.elapsed() < Duration::from_secs(90), "it has waited");
}

/// An upload of which one byte arrives as another: the service refuses it.
#[track_caller]
fn assert_refused(faulty: &Faulty, length: usize, target: &str) {
    faulty
        .proxy
        .inject(part(target), 1, Fault::FlipRequest(100));
    faulty.store.write("flipped.bin", noise(1, length));
    let args = ["upload", "flipped.bin", "--no-compress", "--no-progress"];
    let outcome = faulty.store.run(&args).expect_code(5);
    assert_eq!(faulty.proxy.faults_left(), 0, "{outcome}");
    outcome.says(&["flipped.bin", "arrived damaged", "hint: "]);
    faulty.assert_nothing();
}

#[test]
fn a_byte_that_arrives_as_another_is_never_kept() {
    assert_refused(&Faulty::new(), 1_000, "/output/");
    // s3s-fs does not look at the checksums of parts.
    let Some(rgw) = Rgw::at_hand() else { return };
    assert_refused(&Faulty::before(rgw.owner.clone(), None), 1_000, "/output/");
    for target in ["partNumber=1&", "partNumber=2&"] {
        assert_refused(&Faulty::before(rgw.owner.clone(), None), LENGTH, target);
    }
}

#[test]
fn a_byte_that_comes_back_as_another_is_never_served() {
    for compress in [&["--no-compress"][..], &[]] {
        for at in [100, 3_000_000] {
            let faulty = Faulty::new();
            let _ = faulty.upload(compress).expect_code(0);
            faulty.proxy.inject(GETS, 1, Fault::FlipResponse(at));
            let outcome = faulty.download().expect_code(5);
            outcome.says(&["big.bin"]);
            assert!(!faulty.store.work("got").exists(), "it was left");
            assert_eq!(faulty.proxy.faults_left(), 0);
            faulty.assert_whole();
        }
    }
}
