//! Room that uploads on their way hold.

use artifact_domain::policy::Reservation;
use artifact_domain::port::{ArtifactIndex, NewUpload};
use artifact_domain::{ErrorKind, State};
use futures::future::join_all;

use super::{begun, changed, deleted, found, kind, stored, upload};
use crate::{Subject, sample};

/// An upload to a name that reserves so many bytes under a limit.
fn reserving(name: &str, bytes: u64, limit_bytes: u64) -> NewUpload {
    NewUpload {
        reservation: sample::reservation(bytes, limit_bytes),
        ..sample::upload("spec", "task", "log", name)
    }
}

/// All that is stored or reserved, and how much of it by uploads.
async fn held(index: &dyn ArtifactIndex) -> (u64, u64) {
    let usage = index.usage().await.unwrap();
    let sum = |of: &dyn Fn(State) -> bool| {
        let rows = usage.iter().filter(|row| of(row.state));
        rows.map(|row| row.stored_size_bytes).sum()
    };
    (sum(&|_| true), sum(&|state| state == State::Uploading))
}

/// What an upload reserves is counted from its beginning to its commit, which counts what is
/// stored instead.
pub async fn a_reservation_is_counted_until_the_commit(index: Subject<dyn ArtifactIndex>) {
    let record = begun(&*index, reserving("a", 40, 100)).await;
    assert_eq!(record.reserved_bytes, 40);
    assert_eq!(held(&*index).await, (40, 40));
    assert_eq!(found(&*index, record.id).await, Some(record.clone()));
    let commit = sample::commit(record.id, 25);
    let committed = index.commit(commit.clone()).await.unwrap().record;
    assert_eq!(committed.reserved_bytes, 0);
    assert_eq!(held(&*index).await, (25, 0));
    // The same commit again gives nothing back twice.
    index.commit(commit).await.unwrap();
    assert_eq!(held(&*index).await, (25, 0));
}

/// An upload that is given up gives back what it has reserved, at once.
pub async fn an_upload_that_is_given_up_gives_back(index: Subject<dyn ArtifactIndex>) {
    let record = begun(&*index, reserving("a", 100, 100)).await;
    let refused = index.begin(reserving("b", 1, 100)).await;
    assert_eq!(kind(refused), ErrorKind::QuotaExceeded);
    let record = deleted(&*index, record).await;
    assert_eq!(record.reserved_bytes, 0);
    assert_eq!(held(&*index).await, (0, 0));
    begun(&*index, reserving("b", 100, 100)).await;
    index.remove(record.id).await.unwrap();
    assert_eq!(held(&*index).await, (100, 100));
}

/// An upload that does not fit is refused, and nothing has changed: its id and its version are
/// free.
pub async fn what_does_not_fit_does_not_begin(index: Subject<dyn ArtifactIndex>) {
    stored(&*index, sample::upload("spec", "task", "log", "old"), 30).await;
    begun(&*index, reserving("on its way", 30, 100)).await;
    let before = index.usage().await.unwrap();
    let new = reserving("a", 41, 100);
    assert_eq!(
        kind(index.begin(new.clone()).await),
        ErrorKind::QuotaExceeded
    );
    assert_eq!(index.usage().await.unwrap(), before);
    assert_eq!(found(&*index, new.id).await, None);
    let exactly = NewUpload {
        reservation: sample::reservation(40, 100),
        ..new
    };
    assert_eq!(begun(&*index, exactly).await.version.get(), 1);
    // Without any room nothing begins, not even what reserves nothing; without a limit all does.
    let nothing = index.begin(reserving("b", 0, 100)).await;
    assert_eq!(kind(nothing), ErrorKind::QuotaExceeded);
    let unlimited = NewUpload {
        reservation: Reservation {
            bytes: 1_000,
            limit_bytes: None,
        },
        ..upload()
    };
    begun(&*index, unlimited).await;
    assert_eq!(held(&*index).await, (1_100, 1_070));
}

/// What is deleted counts until it is removed: its bytes may still be there.
pub async fn what_is_deleted_counts_until_it_is_removed(index: Subject<dyn ArtifactIndex>) {
    let record = stored(&*index, upload(), 100).await;
    let record = deleted(&*index, record).await;
    let refused = index.begin(reserving("a", 1, 100)).await;
    assert_eq!(kind(refused), ErrorKind::QuotaExceeded);
    index.remove(record.id).await.unwrap();
    begun(&*index, reserving("a", 100, 100)).await;
}

/// A reservation grows as far as there is room, and shrinks whatever there is.
pub async fn a_reservation_grows_and_shrinks(index: Subject<dyn ArtifactIndex>) {
    stored(&*index, sample::upload("spec", "task", "log", "old"), 30).await;
    let record = begun(&*index, reserving("a", 10, 100)).await;
    for (bytes, limit, fits) in [
        (70, 100, true),
        (71, 100, false),
        (70, 100, true),
        (70, 50, true),
        (20, 10, true),
        (21, 10, false),
        (0, 10, true),
        (1, 30, false),
        (1, 31, true),
    ] {
        let before = held(&*index).await;
        let reservation = sample::reservation(bytes, limit);
        let outcome = index.reserve(record.id, reservation).await;
        if fits {
            outcome.unwrap();
            assert_eq!(held(&*index).await, (30 + bytes, bytes));
        } else {
            assert_eq!(kind(outcome), ErrorKind::QuotaExceeded);
            assert_eq!(held(&*index).await, before);
        }
    }
    let mut expected = record;
    expected.reserved_bytes = 1;
    assert_eq!(found(&*index, expected.id).await, Some(expected));
}

/// Only an upload on its way reserves anything.
pub async fn what_is_no_upload_reserves_nothing(index: Subject<dyn ArtifactIndex>) {
    let reservation = sample::reservation(1, 1_000);
    let unknown = index.reserve(sample::fresh_id(), reservation).await;
    assert_eq!(kind(unknown), ErrorKind::NotFound);
    let live = stored(&*index, upload(), 10).await;
    let reaped = begun(&*index, upload()).await;
    let reaped = deleted(&*index, reaped).await;
    for record in [live, reaped] {
        let outcome = index.reserve(record.id, reservation).await;
        assert_eq!(kind(outcome), ErrorKind::Conflict);
        assert_eq!(found(&*index, record.id).await, Some(record));
    }
    assert_eq!(held(&*index).await, (10, 0));
}

/// An update leaves what is reserved as it is, even one that has read it before it grew; and so
/// does a renewal.
pub async fn an_update_leaves_a_reservation_as_it_is(index: Subject<dyn ArtifactIndex>) {
    let record = begun(&*index, reserving("a", 10, 100)).await;
    let grown = index.reserve(record.id, sample::reservation(50, 100));
    grown.await.unwrap();
    let record = changed(&*index, record, |r| r.tags = sample::tags(&["a"])).await;
    assert_eq!(record.reserved_bytes, 50);
    let until = sample::at(9_000);
    index.renew(record.id, until).await.unwrap();
    assert_eq!(held(&*index).await, (50, 50));
    let now = found(&*index, record.id).await.unwrap();
    assert_eq!((now.reserved_bytes, now.lease_until), (50, Some(until)));
}

/// Of 50 who begin, or grow, at once only as many succeed as fit together.
pub async fn of_many_at_once_only_as_many_fit_as_there_is_room(index: Subject<dyn ArtifactIndex>) {
    let begins = (0..50).map(|number| {
        let port = index.port();
        let upload = reserving(&format!("{number}"), 10, 255);
        tokio::spawn(async move { port.begin(upload).await })
    });
    let mut began = Vec::new();
    for outcome in join_all(begins).await {
        match outcome.unwrap() {
            Ok(record) => began.push(record.id),
            Err(error) => assert_eq!(error.kind(), ErrorKind::QuotaExceeded),
        }
    }
    assert_eq!(began.len(), 25);
    assert_eq!(held(&*index).await, (250, 250));
    let growing = began.iter().map(|id| {
        let (port, id) = (index.port(), *id);
        tokio::spawn(async move { port.reserve(id, sample::reservation(11, 255)).await })
    });
    let grown = join_all(growing).await;
    let grown = grown
        .into_iter()
        .filter(|outcome| outcome.as_ref().unwrap().is_ok());
    assert_eq!(grown.count(), 5);
    assert_eq!(held(&*index).await, (255, 255));
}
