//! Cleanup that stays and runs at set times: the shortest schedule there is, a minute.

use std::fs::{self, File};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Running, Sandbox};

/// A minute until the next time comes, and as long again on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn cleanup_runs_at_its_scheduled_times_until_it_is_interrupted() {
    let store = Sandbox::new().with_env("ARTIFACT_RETENTION__SCHEDULE", "* * * * *");
    store.write("a.log", "text");
    store.ok(&["upload", "a.log"]);
    let printed = store.work("printed");
    let output = File::create(&printed).expect("it can be made");
    let mut command = store.command(["cleanup", "--scheduled", "--json"]);
    let mut running = Running::start_between(&mut command, std::process::Stdio::null(), output);
    let begun = Instant::now();
    let ran = || fs::read_to_string(&printed).is_ok_and(|text| text.contains("\"expired\":0"));
    while !ran() {
        assert!(begun.elapsed() < PATIENCE, "it has not run");
        thread::sleep(Duration::from_millis(100));
    }
    running.signal("INT");
    let outcome = running.wait().expect_code(130);
    outcome.says(&["the next cleanup is at ", "interrupted"]);
    assert_eq!(store.json(&["search"]).len(), 1);
}
