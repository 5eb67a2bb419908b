//! The rule of the newest version in queries.

use artifact_domain::port::{ArtifactIndex, NewUpload};
use artifact_domain::query::{Filter, TagFilter, Versions};
use artifact_domain::{ArtifactType, State};

use super::{archive, begun, changed, deleted, everything, hold, selected, stored, upload};
use crate::{Subject, sample};

async fn versions(index: &dyn ArtifactIndex, filter: Filter, now: i64) -> Vec<u32> {
    let found = selected(index, filter, sample::at(now)).await;
    let mut versions: Vec<_> = found.iter().map(|record| record.version.get()).collect();
    versions.sort_unstable();
    versions
}

/// `Newest` gives the highest version that can be read, `All` every one.
pub async fn newest_is_one_and_all_is_every_one(index: Subject<dyn ArtifactIndex>) {
    for _ in 0..11 {
        stored(&*index, upload(), 1).await;
    }
    assert_eq!(versions(&*index, Filter::default(), 0).await, [11]);
    let all = Filter {
        versions: Versions::All,
        ..Filter::default()
    };
    assert_eq!(
        versions(&*index, all, 0).await,
        (1..=11).collect::<Vec<_>>()
    );
}

/// A higher version that is on its way or deleted hides nothing; one that is archived does.
pub async fn only_a_version_that_can_be_read_hides_others(index: Subject<dyn ArtifactIndex>) {
    stored(&*index, upload(), 1).await;
    begun(&*index, upload()).await;
    assert_eq!(versions(&*index, Filter::default(), 0).await, [1]);
    let third = stored(&*index, upload(), 1).await;
    assert_eq!(versions(&*index, Filter::default(), 0).await, [3]);
    let third = changed(&*index, third, archive).await;
    assert_eq!(versions(&*index, Filter::default(), 0).await, [3]);
    deleted(&*index, third).await;
    assert_eq!(versions(&*index, Filter::default(), 0).await, [1]);
}

/// A higher version hides others until it expires; held, it hides them for ever.
pub async fn an_expired_version_hides_nothing(index: Subject<dyn ArtifactIndex>) {
    stored(&*index, upload(), 1).await;
    let second = NewUpload {
        expires_at: Some(sample::at(100)),
        ..upload()
    };
    let second = stored(&*index, second, 1).await;
    for (now, expected) in [(99, [2]), (100, [1]), (99, [2])] {
        assert_eq!(versions(&*index, Filter::default(), now).await, expected);
    }
    let second = changed(&*index, second, hold).await;
    assert_eq!(versions(&*index, Filter::default(), 100).await, [2]);
    changed(&*index, second, |record| record.hold = None).await;
    assert_eq!(versions(&*index, Filter::default(), 100).await, [1]);
}

/// The rule comes before every other condition: an older version is not selected because the
/// newest fails a condition.
pub async fn the_rule_comes_before_other_conditions(index: Subject<dyn ArtifactIndex>) {
    let first = NewUpload {
        tags: sample::tags(&["first"]),
        created_at: sample::at(-10),
        ..upload()
    };
    stored(&*index, first, 10).await;
    let second = stored(&*index, upload(), 20).await;
    changed(&*index, second, archive).await;
    let fits_the_first_only: [fn(&mut Filter); 4] = [
        |f| f.tags = vec![TagFilter::parse("first").unwrap()],
        |f| f.max_size_bytes = Some(10),
        |f| f.created_before = Some(sample::at(0)),
        |f| f.states = vec![State::Active],
    ];
    for change in fits_the_first_only {
        let mut filter = Filter::default();
        change(&mut filter);
        assert_eq!(versions(&*index, filter.clone(), 0).await, [0; 0]);
        filter.versions = Versions::All;
        assert_eq!(versions(&*index, filter, 0).await, [1]);
    }
}

/// Versions that are not live are subject to no rule of the newest.
pub async fn what_is_not_live_is_not_hidden(index: Subject<dyn ArtifactIndex>) {
    let gone = stored(&*index, upload(), 1).await;
    deleted(&*index, gone).await;
    begun(&*index, upload()).await;
    stored(&*index, upload(), 1).await;
    stored(&*index, upload(), 1).await;
    let filter = Filter {
        versions: Versions::Newest,
        ..everything()
    };
    assert_eq!(versions(&*index, filter, 0).await, [1, 2, 4]);
}

/// Every coordinate has a newest version of its own.
pub async fn every_coordinate_has_its_own_newest(index: Subject<dyn ArtifactIndex>) {
    for round in 1..=2 {
        for (spec, task, artifact_type, name) in [
            ("s", "t", "log", "a"),
            ("s", "t", "log", "A"),
            ("s", "t", "diff", "a"),
            ("s", "u", "log", "a"),
            ("r", "t", "log", "a"),
        ] {
            stored(
                &*index,
                sample::upload(spec, task, artifact_type, name),
                round,
            )
            .await;
        }
    }
    assert_eq!(versions(&*index, Filter::default(), 0).await, [2; 5]);
    let diffs = Filter {
        types: vec![ArtifactType::Diff],
        ..Filter::default()
    };
    assert_eq!(versions(&*index, diffs, 0).await, [2]);
}
