//! Whatever was uploaded, held, changed and deleted, under whatever rules and clocks: the plan of
//! cleanup is what the naive model says, what it does is its plan, and done twice it is done once.

use std::collections::BTreeMap;

use artifact_app::{CleanupAction, CleanupItem, CleanupOptions, KeepFor, Store};
use artifact_domain::policy::FOR_EVER_DAYS;
use artifact_domain::port::ArtifactIndex;
use artifact_domain::{ArtifactId, ArtifactRecord, ArtifactRef, State};
use futures::TryStreamExt;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::model::{Expected, Rules};
use super::{days, hold, put_for, with_rules};
use crate::world::World;

/// The clock moves back by more than is tolerated, so that is left out of the question.
const TRUST: CleanupOptions = CleanupOptions { trust_clock: true };

const TASKS: [&str; 4] = ["a", "a1", "a12", "b"];
const PATTERNS: [&str; 4] = ["*", "a*", "a1*", "b"];
const TYPES: [&str; 3] = ["log", "diff", "video"];

#[derive(Debug, Clone)]
enum Step {
    Upload(&'static str, &'static str, Option<u32>),
    Advance(u32),
    GoBack(u32),
    Delete(usize),
    Hold(usize),
    Release(usize),
    Set(usize, KeepFor),
    Rules(Rules),
    /// An upload by somebody with other rules.
    Foreign(Rules, &'static str, &'static str),
    CleanUp,
}

fn step() -> impl Strategy<Value = Step> {
    let which = || 0..1_000_usize;
    let own = weighted(0.2, select(vec![1, 5, 40, FOR_EVER_DAYS]));
    let keep = select(vec![
        KeepFor::Days(2),
        KeepFor::Days(30),
        KeepFor::Ever,
        KeepFor::Rules,
    ]);
    prop_oneof![
        8 => (select(&TASKS[..]), select(&TYPES[..]), own)
            .prop_map(|(task, artifact_type, days)| Step::Upload(task, artifact_type, days)),
        4 => (0..12_u32).prop_map(Step::Advance),
        1 => (1..12_u32).prop_map(Step::GoBack),
        1 => which().prop_map(Step::Delete),
        1 => which().prop_map(Step::Hold),
        1 => which().prop_map(Step::Release),
        2 => (which(), keep).prop_map(|(which, keep)| Step::Set(which, keep)),
        1 => rules().prop_map(Step::Rules),
        1 => (rules(), select(&TASKS[..]), select(&TYPES[..]))
            .prop_map(|(rules, task, artifact_type)| Step::Foreign(rules, task, artifact_type)),
        4 => Just(Step::CleanUp),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    let count = || weighted(0.8, select(vec![1, 3, 7, 20]));
    let by_type = subsequence(TYPES.to_vec(), 0..=2);
    let by_task = subsequence(PATTERNS.to_vec(), 0..=2);
    let keep_by_task = subsequence(PATTERNS.to_vec(), 0..=2);
    let numbers = proptest::collection::vec(count(), 4);
    let keeps = proptest::collection::vec(0..4_u32, 2);
    let keep = prop_oneof![2 => Just(0), 3 => 1..4_u32];
    (
        count(),
        (by_type, by_task, keep_by_task),
        numbers,
        keeps,
        keep,
    )
        .prop_map(
            |(default_days, (by_type, by_task, keep_by_task), numbers, keeps, keep)| Rules {
                default_days,
                by_type: by_type.into_iter().zip(numbers[..2].to_vec()).collect(),
                by_task: by_task.into_iter().zip(numbers[2..].to_vec()).collect(),
                keep,
                keep_by_task: keep_by_task.into_iter().zip(keeps).collect(),
            },
        )
}

fn as_expected(plan: &[CleanupItem]) -> BTreeMap<ArtifactId, Expected> {
    let expected = |item: &CleanupItem| match item.action {
        CleanupAction::Expire(since) => Expected::Gone(since),
        CleanupAction::Restamp(end) => Expected::Stamped(end),
    };
    plan.iter()
        .map(|item| (item.record.id, expected(item)))
        .collect()
}

async fn planned(store: &Store) -> Result<BTreeMap<ArtifactId, Expected>, TestCaseError> {
    let plan: Vec<_> = store.cleanup_plan(TRUST).try_collect().await.unwrap();
    let found = as_expected(&plan);
    prop_assert_eq!(found.len(), plan.len(), "one is twice in {:#?}", plan);
    Ok(found)
}

async fn check_cleanup(world: &World, store: &Store, rules: &Rules) -> Result<(), TestCaseError> {
    let before = world.index.records();
    let expected = rules.expected(&before, store.now());
    prop_assert_eq!(&planned(store).await?, &expected);
    prop_assert_eq!(&world.index.records(), &before, "a plan changes nothing");
    let mut done = Vec::new();
    let report = store
        .cleanup(TRUST, |item, _| done.push(item.clone()))
        .await
        .unwrap();
    prop_assert_eq!(&as_expected(&done), &expected);
    prop_assert_eq!(done.len(), expected.len());
    prop_assert_eq!((report.failed, report.changed), (0, 0));
    let mut after = before;
    after.retain(|record| !matches!(expected.get(&record.id), Some(Expected::Gone(_))));
    for record in &mut after {
        if let Some(Expected::Stamped(end)) = expected.get(&record.id) {
            record.expires_at = *end;
            record.revision = record.revision.next();
        }
    }
    prop_assert_eq!(&world.index.records(), &after, "nothing else has changed");
    prop_assert_eq!(world.content_paths().len(), after.len());
    prop_assert_eq!(planned(store).await?, BTreeMap::new(), "twice is once");
    Ok(())
}

async fn play(first: Rules, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let world = World::new();
    let mut rules = first;
    let mut store = with_rules(&world, rules.policy());
    let mut names = 0..;
    for step in steps {
        let records = world.index.records();
        let which = |number: usize| -> Option<ArtifactRecord> {
            let number = number.checked_rem(records.len())?;
            Some(records[number].clone())
        };
        match step {
            Step::Upload(task, artifact_type, own) => {
                // Now and then another version of the same name.
                let name = format!("n{}", names.next().unwrap_or(0) / 2);
                put_for(&store, task, artifact_type, &name, own).await;
            }
            Step::Advance(count) => world.clock.advance(days(count)),
            Step::GoBack(count) => world.clock.go_back(days(count)),
            Step::Delete(number) => {
                if let Some(record) = which(number).filter(|record| record.hold.is_none()) {
                    store.delete(&ArtifactRef::Id(record.id)).await.unwrap();
                }
            }
            Step::Hold(number) => {
                if let Some(record) = which(number).filter(|record| record.hold.is_none()) {
                    hold(&world, &record).await;
                }
            }
            Step::Release(number) => {
                if let Some(mut record) = which(number).filter(|record| record.hold.is_some()) {
                    record.hold = None;
                    world.index.update(record).await.unwrap();
                }
            }
            Step::Set(number, keep) => {
                if let Some(record) = which(number) {
                    let id = ArtifactRef::Id(record.id);
                    store.set_retention(&id, keep).await.unwrap();
                }
            }
            Step::Rules(other) => {
                rules = other;
                store = with_rules(&world, rules.policy());
            }
            Step::Foreign(others, task, artifact_type) => {
                let other = with_rules(&world, others.policy());
                put_for(&other, task, artifact_type, "foreign", None).await;
            }
            Step::CleanUp => check_cleanup(&world, &store, &rules).await?,
        }
        let live = |record: &ArtifactRecord| record.state == State::Active;
        prop_assert!(world.index.records().iter().all(live));
    }
    check_cleanup(&world, &store, &rules).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_plan_of_cleanup_is_what_a_naive_model_says_and_twice_is_once(
        first in rules(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(play(first, steps))?;
    }
}
