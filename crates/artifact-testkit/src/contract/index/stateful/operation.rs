//! The operations that are played, and how they are made up. Numbers in them choose among what is
//! there when they are played, so that a shortened sequence still means something.

use artifact_domain::policy::Reservation;
use artifact_domain::port::Supersede;
use artifact_domain::query::{Area, Expiry, Filter, Order, TagFilter, Versions};
use artifact_domain::{ArtifactType, State, Tier, Timestamp};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::sample;

/// Which of the versions that ever began, and now and then one that never did.
pub(super) type Which = u8;
/// Seconds after the time of the samples. So few that many are the same.
pub(super) type Seconds = i64;

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Begin(Begin),
    Renew(Which, Seconds),
    Reserve(Which, Reservation),
    Commit(Commit),
    Update(Update),
    Remove(Which),
    Find(Which),
    FindVersion(u8, u32),
    FindNewest(u8, Seconds),
    Ask(Box<Question>),
    Usage,
    Recount(bool),
    Due(Seconds, usize),
    Abandoned(Seconds, usize),
    SeekTable(Which),
}

#[derive(Debug, Clone)]
pub(super) struct Begin {
    pub(super) coordinate: u8,
    /// Takes the id of a version that ever began.
    pub(super) again: Option<Which>,
    pub(super) created: Seconds,
    pub(super) lease: Seconds,
    pub(super) expires: Option<Seconds>,
    pub(super) tags: Vec<&'static str>,
    pub(super) reservation: Reservation,
}

#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) which: Which,
    pub(super) size: u64,
    pub(super) supersede: Supersede,
    /// The length of the seek table, and every byte of it.
    pub(super) table: Option<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Update {
    pub(super) which: Which,
    /// With another revision than the one that is stored.
    pub(super) stale: bool,
    pub(super) change: Change,
}

#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) filter: Filter,
    pub(super) order: Order,
    pub(super) page: usize,
    pub(super) now: Seconds,
}

#[derive(Debug, Clone)]
pub(super) enum Change {
    Tags(Vec<&'static str>),
    Expiry(Option<Seconds>),
    /// Holds what is live; what is not is left without a hold.
    Hold,
    Release,
    State(State),
    Tier(Tier),
    /// Other bytes, but of an upload on its way, which has none yet.
    Content(u64),
    /// Something that cannot change.
    Created(Seconds),
}

const TAGS: [&str; 5] = ["a", "a=1", "b", "b=2", "c=%"];

pub(super) fn any() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => begin().prop_map(Operation::Begin),
        1 => (which(), seconds()).prop_map(|(which, until)| Operation::Renew(which, until)),
        4 => (which(), reservation()).prop_map(|(which, r)| Operation::Reserve(which, r)),
        8 => commit().prop_map(Operation::Commit),
        6 => update().prop_map(Operation::Update),
        3 => which().prop_map(Operation::Remove),
        1 => which().prop_map(Operation::Find),
        1 => (0..6_u8, 1..5_u32).prop_map(|(at, version)| Operation::FindVersion(at, version)),
        2 => (0..6_u8, seconds()).prop_map(|(at, now)| Operation::FindNewest(at, now)),
        6 => question().prop_map(|question| Operation::Ask(Box::new(question))),
        2 => Just(Operation::Usage),
        1 => prop::bool::ANY.prop_map(Operation::Recount),
        1 => (seconds(), 0..5_usize).prop_map(|(now, limit)| Operation::Due(now, limit)),
        1 => (seconds(), 0..5_usize).prop_map(|(now, limit)| Operation::Abandoned(now, limit)),
        1 => which().prop_map(Operation::SeekTable),
    ]
}

fn which() -> impl Strategy<Value = Which> {
    prop::num::u8::ANY
}

fn seconds() -> impl Strategy<Value = Seconds> {
    0..12_i64
}

/// So few bytes, and so low a limit, that many do not fit.
fn reservation() -> impl Strategy<Value = Reservation> {
    (0..6_u64, weighted(0.6, 0..20_u64))
        .prop_map(|(bytes, limit_bytes)| Reservation { bytes, limit_bytes })
}

fn tags() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(TAGS.to_vec(), 0..=3)
}

fn order() -> impl Strategy<Value = Order> {
    select(vec![Order::Created, Order::Size, Order::Name])
}

fn begin() -> impl Strategy<Value = Begin> {
    let ends = (seconds(), weighted(0.3, seconds()));
    let again = weighted(0.03, which());
    (0..6_u8, again, seconds(), ends, tags(), reservation()).prop_map(
        |(coordinate, again, created, (lease, expires), tags, reservation)| Begin {
            coordinate,
            again,
            created,
            lease,
            expires,
            tags,
            reservation,
        },
    )
}

fn commit() -> impl Strategy<Value = Commit> {
    let supersede = select(vec![Supersede::Nothing, Supersede::Older]);
    let table = weighted(0.3, prop::num::u8::ANY);
    (which(), 0..4_u64, supersede, table).prop_map(|(which, size, supersede, table)| Commit {
        which,
        size,
        supersede,
        table,
    })
}

fn update() -> impl Strategy<Value = Update> {
    (which(), prop::bool::weighted(0.1), change()).prop_map(|(which, stale, change)| Update {
        which,
        stale,
        change,
    })
}

fn question() -> impl Strategy<Value = Question> {
    (filter(), order(), 1..6_usize, seconds()).prop_map(|(filter, order, page, now)| Question {
        filter,
        order,
        page,
        now,
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => tags().prop_map(Change::Tags),
        2 => weighted(0.8, seconds()).prop_map(Change::Expiry),
        2 => Just(Change::Hold),
        1 => Just(Change::Release),
        6 => select(State::ALL.to_vec()).prop_map(Change::State),
        1 => select(Tier::ALL.to_vec()).prop_map(Change::Tier),
        1 => (0..4_u64).prop_map(Change::Content),
        1 => seconds().prop_map(Change::Created),
    ]
}

fn glob(patterns: &[&'static str]) -> impl Strategy<Value = Option<artifact_domain::query::Glob>> {
    let glob = select(patterns.to_vec()).prop_map(|text| text.parse().unwrap());
    weighted(0.25, glob)
}

/// Parts of the store, at times none at all.
fn within() -> impl Strategy<Value = Option<Vec<Area>>> {
    let specs = select(vec!["s", "s*", "S", "*"]);
    let tasks = select(vec!["*", "t1", "*2"]);
    let area = (specs, tasks).prop_map(|(spec, task)| Area {
        spec: spec.parse().unwrap(),
        task: task.parse().unwrap(),
    });
    weighted(0.25, vec(area, 0..3))
}

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    weighted(0.2, seconds().prop_map(sample::at))
}

fn filter() -> impl Strategy<Value = Filter> {
    let globs = (
        glob(&["s", "s*", "S", "*"]),
        glob(&["t1", "t?", "*2"]),
        glob(&["a%", "a_", "*", "[ab]*"]),
    );
    let types = [ArtifactType::Log, ArtifactType::Diff, ArtifactType::Code];
    let tags = subsequence(vec!["a", "a=1", "a=", "b=2", "c=%", "x"], 0..=2);
    let sizes = (weighted(0.2, 0..4_u64), weighted(0.2, 0..4_u64));
    let states = prop_oneof![
        Just(vec![State::Active, State::Archived]),
        Just(State::ALL.to_vec()),
        subsequence(State::ALL.to_vec(), 0..=4),
    ];
    let versions = select(vec![Versions::Newest, Versions::All]);
    let lists = (
        prop_oneof![3 => Just(vec![]), 1 => subsequence(types.to_vec(), 1..=3)],
        prop_oneof![3 => Just(vec![]), 1 => tags],
        states,
    );
    let expiry = prop_oneof![
        3 => Just(Expiry::Any),
        1 => Just(Expiry::Never),
        1 => Just(Expiry::Ends),
    ];
    (
        globs,
        lists,
        (time(), time()),
        sizes,
        (versions, expiry, within()),
    )
        .prop_map(
            |(
                (spec, task, name),
                (types, tags, states),
                created,
                sizes,
                (versions, expiry, within),
            )| Filter {
                spec,
                task,
                name,
                types,
                tags: tags
                    .into_iter()
                    .map(|text| TagFilter::parse(text).unwrap())
                    .collect(),
                created_from: created.0,
                created_before: created.1,
                min_size_bytes: sizes.0,
                max_size_bytes: sizes.1,
                states,
                versions,
                expiry,
                within,
            },
        )
}
