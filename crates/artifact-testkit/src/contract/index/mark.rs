//! The texts that use cases leave with the index.

use artifact_domain::port::ArtifactIndex;

use crate::Subject;

/// There is no mark at first; one takes the place of the other, and none that of the last.
pub async fn a_mark_is_kept_until_another_takes_its_place(index: Subject<dyn ArtifactIndex>) {
    assert_eq!(index.retention_mark().await.unwrap(), None);
    let marks = [None, Some("first"), Some("ü \n 2"), Some(""), None, None];
    for step in marks.windows(2) {
        let [before, after] = [step[0], step[1]].map(|mark| mark.map(str::to_owned));
        let set = index.set_retention_mark(before, after.clone()).await;
        assert!(set.unwrap());
        assert_eq!(index.retention_mark().await.unwrap(), after);
    }
    let long = Some("x".repeat(1_024));
    assert!(index.set_retention_mark(None, long.clone()).await.unwrap());
    assert_eq!(index.retention_mark().await.unwrap(), long);
}

/// A mark that is not the expected one stays.
pub async fn a_mark_that_is_not_the_expected_one_stays(index: Subject<dyn ArtifactIndex>) {
    let text = |text: &str| Some(text.to_owned());
    assert!(
        !index
            .set_retention_mark(text("a"), text("b"))
            .await
            .unwrap()
    );
    assert_eq!(index.retention_mark().await.unwrap(), None);
    assert!(index.set_retention_mark(None, text("a")).await.unwrap());
    for expected in [None, text("b"), text("")] {
        let set = index.set_retention_mark(expected, text("c")).await;
        assert!(!set.unwrap());
        assert_eq!(index.retention_mark().await.unwrap(), text("a"));
    }
}

/// Of those who replace one mark at once, one does.
pub async fn of_those_who_replace_a_mark_one_does(index: Subject<dyn ArtifactIndex>) {
    let set = |number: u32| {
        let index = &index;
        async move {
            let mark = Some(number.to_string());
            index.set_retention_mark(None, mark).await.unwrap()
        }
    };
    let done = futures::future::join_all((0..8).map(set)).await;
    let winners: Vec<_> = (0..8).zip(done).filter(|(_, won)| *won).collect();
    assert_eq!(winners.len(), 1);
    let mark = index.retention_mark().await.unwrap();
    assert_eq!(mark, Some(winners[0].0.to_string()));
}
