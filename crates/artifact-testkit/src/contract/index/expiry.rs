//! What is due for expiry.

use artifact_domain::port::{ArtifactIndex, DueCursor, NewUpload};
use artifact_domain::{ArtifactId, ArtifactRecord, Timestamp};

use super::{archive, begun, changed, deleted, hold, ids, stored};
use crate::{Subject, sample};

async fn expiring(index: &dyn ArtifactIndex, name: &str, expires_at: i64) -> ArtifactRecord {
    let upload = NewUpload {
        expires_at: Some(sample::at(expires_at)),
        ..sample::upload("s", "t", "log", name)
    };
    stored(index, upload, 1).await
}

async fn due(index: &dyn ArtifactIndex, now: i64, limit: usize) -> Vec<ArtifactId> {
    let due = index.due_for_expiry(sample::at(now), None, limit).await;
    ids(&due.unwrap())
}

/// What has expired is due from that very instant, those first that expired first, no more than
/// were asked for.
pub async fn those_are_due_first_that_expired_first(index: Subject<dyn ArtifactIndex>) {
    let third = expiring(&*index, "third", 30).await.id;
    let first = expiring(&*index, "first", 10).await.id;
    let second = expiring(&*index, "second", 20).await.id;
    let long_ago = expiring(&*index, "long ago", -9_000).await.id;
    assert_eq!(due(&*index, 9, 10).await, [long_ago]);
    assert_eq!(due(&*index, 10, 10).await, [long_ago, first]);
    assert_eq!(due(&*index, 99, 10).await, [long_ago, first, second, third]);
    assert_eq!(due(&*index, 99, 3).await, [long_ago, first, second]);
    assert_eq!(due(&*index, 99, 1).await, [long_ago]);
    assert_eq!(due(&*index, 99, 0).await, []);
    assert_eq!(due(&*index, 10, 10).await, [long_ago, first]);
}

/// What never expires is never due.
pub async fn what_never_expires_is_never_due(index: Subject<dyn ArtifactIndex>) {
    stored(&*index, super::upload(), 1).await;
    let due = index.due_for_expiry(Timestamp::MAX, None, 10).await;
    assert_eq!(due.unwrap(), []);
}

/// Held, uploading and deleted versions are not due; archived ones are.
pub async fn only_live_versions_without_a_hold_are_due(index: Subject<dyn ArtifactIndex>) {
    let held = expiring(&*index, "held", 10).await;
    let held = changed(&*index, held, hold).await;
    let archived = expiring(&*index, "archived", 20).await;
    let archived = changed(&*index, archived, archive).await;
    let gone = expiring(&*index, "gone", 10).await;
    deleted(&*index, gone).await;
    let uploading = NewUpload {
        expires_at: Some(sample::at(10)),
        ..sample::upload("s", "t", "log", "uploading")
    };
    begun(&*index, uploading).await;
    assert_eq!(due(&*index, 99, 10).await, [archived.id]);
    let free = changed(&*index, held, |record| record.hold = None).await;
    assert_eq!(due(&*index, 99, 10).await, [free.id, archived.id]);
}

/// Held versions take no place from others that are due.
pub async fn held_versions_take_no_place(index: Subject<dyn ArtifactIndex>) {
    for number in 0..5 {
        let held = expiring(&*index, &format!("held{number}"), 10).await;
        changed(&*index, held, hold).await;
    }
    let other = expiring(&*index, "other", 20).await.id;
    assert_eq!(due(&*index, 99, 1).await, [other]);
}

/// What is due follows every change of the time of expiry.
pub async fn what_is_due_follows_changes(index: Subject<dyn ArtifactIndex>) {
    let record = expiring(&*index, "moved", 10).await;
    let later = changed(&*index, record, |r| r.expires_at = Some(sample::at(50))).await;
    assert_eq!(due(&*index, 49, 10).await, []);
    assert_eq!(due(&*index, 50, 10).await, [later.id]);
    let never = changed(&*index, later, |r| r.expires_at = None).await;
    assert_eq!(due(&*index, 99, 10).await, []);
    let sooner = changed(&*index, never, |r| r.expires_at = Some(sample::at(-5))).await;
    assert_eq!(due(&*index, 0, 10).await, [sooner.id]);
    let gone = deleted(&*index, sooner).await;
    assert_eq!(due(&*index, 99, 10).await, []);
    index.remove(gone.id).await.unwrap();
    assert_eq!(due(&*index, 99, 10).await, []);
}

/// Those that expired at the same instant are all due, each once.
pub async fn ties_are_all_due(index: Subject<dyn ArtifactIndex>) {
    let mut expected = Vec::new();
    for number in 0..20 {
        expected.push(expiring(&*index, &number.to_string(), 10).await.id);
    }
    let mut found = due(&*index, 10, 100).await;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(due(&*index, 10, 7).await.len(), 7);
}

/// Page after page gives each once, of one instant in the order of ids, also when those of the
/// page before are gone by then.
pub async fn what_is_due_is_gone_through_page_by_page(index: Subject<dyn ArtifactIndex>) {
    let mut expected = Vec::new();
    for number in 0..7 {
        let end = if number < 5 { 10 } else { 20 };
        expected.push(expiring(&*index, &number.to_string(), end).await.id);
    }
    expiring(&*index, "later", 30).await;
    for removed in [false, true] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = index
                .due_for_expiry(sample::at(20), after, 3)
                .await
                .unwrap();
            let Some(last) = page.last() else {
                break;
            };
            after = DueCursor::after(last);
            found.extend(ids(&page));
            if removed {
                for record in page {
                    let gone = deleted(&*index, record).await;
                    index.remove(gone.id).await.unwrap();
                }
            }
        }
        assert_eq!(found, expected);
    }
    assert_eq!(due(&*index, 20, 10).await, []);
}
