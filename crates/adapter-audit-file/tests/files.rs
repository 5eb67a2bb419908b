//! What the files do that the contract does not say: they are rotated, private, and mended.

#![expect(clippy::unwrap_used, reason = "a panic is the failure of a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use adapter_audit_file::{AuditFile, Rotation};
use artifact_domain::access::{Action, AuditEntry, AuditFilter, Outcome};
use artifact_domain::port::AuditLog;
use artifact_domain::{ErrorKind, Timestamp};

fn entry(number: usize) -> AuditEntry {
    AuditEntry {
        time: Timestamp::UNIX_EPOCH,
        who: None,
        from: None,
        action: Action::Read,
        request: "GET /".to_owned(),
        target: None,
        outcome: Outcome::Done,
        status: 200,
        request_id: number.to_string(),
    }
}

async fn ids(log: &AuditFile) -> Vec<String> {
    let found = log.query(AuditFilter::last(10_000)).await.unwrap();
    found.into_iter().map(|entry| entry.request_id).collect()
}

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name != "audit.jsonl.lock");
    names.sort();
    names
}

#[tokio::test]
async fn a_full_file_is_put_aside_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let rotation = Rotation {
        max_bytes: 1_000,
        keep: 2,
    };
    let log = AuditFile::new(path.clone(), rotation);
    for number in 0..100 {
        log.append(entry(number)).await.unwrap();
    }
    assert_eq!(
        files(folder.path()),
        ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    );
    let left = ids(&log).await;
    let first = 100 - left.len();
    assert!((10..40).contains(&left.len()), "{} are left", left.len());
    assert_eq!(
        left,
        (first..100)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    );
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn two_logs_of_one_path_lose_nothing_while_it_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let rotation = Rotation {
        max_bytes: 2_000,
        keep: 1_000,
    };
    let logs = [0, 1].map(|_| AuditFile::new(path.clone(), rotation));
    for number in 0..400 {
        logs[number % 2].append(entry(number)).await.unwrap();
    }
    let mut found = ids(&logs[0]).await;
    found.sort_by_key(|id| id.parse::<usize>().unwrap());
    assert_eq!(
        found,
        (0..400)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    );
    assert!(files(folder.path()).len() > 10);
}

#[tokio::test]
async fn what_a_crash_has_torn_spoils_no_other_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    AuditFile::new(path.clone(), Rotation::default())
        .append(entry(1))
        .await
        .unwrap();
    let mut text = fs::read(&path).unwrap();
    text.extend(b"{\"time\":\"1970-");
    fs::write(&path, &text).unwrap();
    let log = AuditFile::new(path.clone(), Rotation::default());
    assert_eq!(ids(&log).await, ["1"]);
    log.append(entry(2)).await.unwrap();
    assert_eq!(ids(&log).await, ["1", "2"]);
    assert!(
        fs::read(&path).unwrap().starts_with(&text),
        "nothing is ever taken away"
    );
}

#[tokio::test]
async fn a_file_that_vanishes_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditFile::new(path.clone(), Rotation::default());
    log.append(entry(1)).await.unwrap();
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    log.append(entry(2)).await.unwrap();
    assert_eq!(ids(&log).await, ["2"]);
}

#[tokio::test]
async fn what_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let log = AuditFile::new(file.join("audit.jsonl"), Rotation::default());
    let error = log.append(entry(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.message().contains("audit.jsonl"), "{error}");
}
