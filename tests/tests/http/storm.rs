//! A short storm: mixed load on a server that is killed and started again. The long one is the program
//! `http_storm`, see `tests/README.md`.

use std::time::Duration;

use e2e::http_storm::Storm;
use e2e::{Random, Sandbox};

#[track_caller]
fn breaks_no_promise(engine: &str, keeps_versions: bool) {
    let storm = Storm {
        length: Duration::from_secs(6),
        life: Duration::from_secs(1),
        clients: 4,
        keeps_versions,
    };
    let report = storm.run(Sandbox::with_index(engine), &mut Random::seeded());
    assert!(report.is_sound(), "{report}");
    // Each kind of request was answered, and some were cut off.
    for kind in [
        "upload 201",
        "read 206",
        "read 200",
        "edit 200",
        "delete 204",
    ] {
        assert!(report.count(kind) > 0, "{kind}\n{report}");
    }
    let cut_off = |(what, _): (&String, &u64)| what.ends_with("cut off");
    assert!(report.answers.iter().any(cut_off), "{report}");
    assert!(report.kills >= 2 && report.standing > 0, "{report}");
}

#[test]
fn a_storm_with_the_newest_version_alone_breaks_no_promise() {
    breaks_no_promise("sqlite", false);
}

#[test]
fn a_storm_with_every_version_breaks_no_promise() {
    breaks_no_promise("sqlite", true);
}

#[test]
fn a_storm_on_sled_breaks_no_promise() {
    breaks_no_promise("sled", false);
}
