//! Many at once: as if all calls came one after another.

use std::collections::HashSet;

use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::{Filter, Versions};
use artifact_domain::{ErrorKind, State};
use futures::future::join_all;

use super::{begun, commit_superseding, found, kind, selected, stored, upload};
use crate::{Subject, sample};

/// 64 uploads that begin at once get the versions 1 to 64, none twice.
pub async fn uploads_that_begin_at_once_share_no_version(index: Subject<dyn ArtifactIndex>) {
    let begins = (0..64).map(|_| {
        let port = index.port();
        tokio::spawn(async move { begun(&*port, upload()).await.version.get() })
    });
    let mut versions: Vec<_> = join_all(begins)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=64).collect::<Vec<_>>());
}

/// Of uploads that begin at once with one id only one begins.
pub async fn of_one_id_only_one_upload_begins(index: Subject<dyn ArtifactIndex>) {
    let new = upload();
    let begins = (0..16).map(|_| {
        let (port, new) = (index.port(), new.clone());
        tokio::spawn(async move { port.begin(new).await })
    });
    let mut began = 0;
    for result in join_all(begins).await {
        match result.unwrap() {
            Ok(_) => began += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists),
        }
    }
    assert_eq!(began, 1);
    assert_eq!(begun(&*index, upload()).await.version.get(), 2);
}

/// Of 32 who change the same revision one wins and the others get `Conflict`; all get their turn
/// if they try again, and no change is lost.
pub async fn of_one_revision_only_one_change_wins(index: Subject<dyn ArtifactIndex>) {
    let record = stored(&*index, upload(), 1).await;
    let changes = (0..32).map(|number| {
        let (port, id) = (index.port(), record.id);
        tokio::spawn(async move {
            loop {
                let mut read = found(&*port, id).await.unwrap();
                let before = read.revision;
                read.tags
                    .set(format!("k{number}").parse().unwrap())
                    .unwrap();
                match port.update(read).await {
                    Ok(written) => {
                        assert_eq!(written.revision, before.next());
                        return written.revision;
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                }
            }
        })
    });
    let revisions: HashSet<_> = join_all(changes)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(revisions.len(), 32, "two changes share a revision");
    let last = found(&*index, record.id).await.unwrap();
    assert_eq!(last.tags.iter().count(), 32, "a change was lost");
    assert_eq!(last.revision.get(), record.revision.get() + 32);
    let stale = index.update(record).await;
    assert_eq!(kind(stale), ErrorKind::Conflict);
}

/// Whole uploads at once, with versioning on: none is lost, all are live, the counters agree.
pub async fn uploads_at_once_lose_none(index: Subject<dyn ArtifactIndex>) {
    let uploads = (0..64).map(|number| {
        let port = index.port();
        let upload = sample::upload("s", "t", "log", &format!("{}", number % 4));
        tokio::spawn(async move { stored(&*port, upload, 10).await })
    });
    for upload in join_all(uploads).await {
        assert_eq!(upload.unwrap().state, State::Active);
    }
    let all = Filter {
        versions: Versions::All,
        ..Filter::default()
    };
    let records = selected(&*index, all, sample::now()).await;
    let mut versions: Vec<_> = records.iter().map(|record| record.version.get()).collect();
    versions.sort_unstable();
    let expected: Vec<_> = (1..=16).flat_map(|version| [version; 4]).collect();
    assert_eq!(versions, expected);
    let usage = index.usage().await.unwrap();
    assert_eq!(
        (usage.len(), usage[0].count, usage[0].size_bytes),
        (1, 64, 640)
    );
}

/// Whole uploads at once, with versioning off: one version stays live, and each of the others is
/// deleted exactly once.
pub async fn uploads_at_once_supersede_all_but_one(index: Subject<dyn ArtifactIndex>) {
    let uploads = (0..32).map(|_| {
        let port = index.port();
        tokio::spawn(async move {
            let id = begun(&*port, upload()).await.id;
            commit_superseding(&*port, id).await
        })
    });
    let mut gone = Vec::new();
    for committed in join_all(uploads).await {
        let committed = committed.unwrap();
        gone.extend(committed.superseded.iter().map(|record| record.id));
        if committed.record.state == State::Deleted {
            gone.push(committed.record.id);
        }
    }
    assert_eq!(gone.len(), 31);
    assert_eq!(gone.into_iter().collect::<HashSet<_>>().len(), 31);
    let live = selected(&*index, Filter::default(), sample::now()).await;
    assert_eq!(live.len(), 1);
    let usage = index.usage().await.unwrap();
    let counts: Vec<_> = usage.iter().map(|row| (row.state, row.count)).collect();
    assert_eq!(counts, [(State::Active, 1), (State::Deleted, 31)]);
}

/// Between a commit and a reaper one wins, and both know who.
pub async fn a_commit_and_a_reaper_do_not_both_win(index: Subject<dyn ArtifactIndex>) {
    for _ in 0..30 {
        let read = begun(&*index, upload()).await;
        let id = read.id;
        let (writer, cleaner) = (index.port(), index.port());
        let committing = tokio::spawn(async move { writer.commit(sample::commit(id, 1)).await });
        let reaping =
            tokio::spawn(async move { cleaner.update(read.into_deleted().unwrap()).await });
        let (commit, taken) = (committing.await.unwrap(), reaping.await.unwrap());
        let state = found(&*index, id).await.unwrap().state;
        match (commit, taken) {
            (Ok(_), Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Conflict);
                assert_eq!(state, State::Active);
            }
            (Err(error), Ok(_)) => {
                assert_eq!(error.kind(), ErrorKind::Conflict);
                assert_eq!(state, State::Deleted);
            }
            (commit, taken) => panic!("{commit:?} and {taken:?}"),
        }
    }
}

/// Whoever reads while versions supersede each other always finds exactly one.
pub async fn readers_always_find_one_version(index: Subject<dyn ArtifactIndex>) {
    let first = begun(&*index, upload()).await;
    commit_superseding(&*index, first.id).await;
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (port, coordinate) = (index.port(), first.coordinate.clone());
            tokio::spawn(async move {
                for _ in 0..60 {
                    let all = selected(&*port, Filter::default(), sample::now()).await;
                    assert_eq!(all.len(), 1);
                    let newest = port.find_newest(coordinate.clone(), sample::now());
                    assert!(newest.await.unwrap().is_some());
                    let usage = port.usage().await.unwrap();
                    let live = usage.iter().filter(|row| row.state == State::Active);
                    assert_eq!(live.map(|row| row.count).sum::<u64>(), 1);
                }
            })
        })
        .collect();
    for _ in 0..40 {
        let id = begun(&*index, upload()).await.id;
        commit_superseding(&*index, id).await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

/// A call that is dropped has happened or not, never half: the counters agree, and the upload can
/// be committed again.
pub async fn a_dropped_call_happens_or_not(index: Subject<dyn ArtifactIndex>) {
    for wait_micros in [0, 50, 200, 1_000] {
        for _ in 0..5 {
            let id = begun(&*index, upload()).await.id;
            let wait = std::time::Duration::from_micros(wait_micros);
            let commit = index.commit(sample::commit(id, 10));
            // Whether it ended in time is the race that this case is about.
            let _ = tokio::time::timeout(wait, commit).await;
            let state = found(&*index, id).await.unwrap().state;
            assert!(matches!(state, State::Uploading | State::Active));
            let again = index.commit(sample::commit(id, 10)).await.unwrap();
            assert_eq!(again.record.state, State::Active);
            assert_eq!(again.record.revision.get(), 1);
        }
    }
    let usage = index.usage().await.unwrap();
    assert_eq!(
        (usage.len(), usage[0].count, usage[0].size_bytes),
        (1, 20, 200)
    );
}
