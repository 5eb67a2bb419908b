//! Chooses which entries to go through for a query. A plan only narrows and orders: every record
//! is still held against the whole filter.

use artifact_domain::query::{Filter, Glob, Order, Query, SortValue, TagFilter};
use artifact_domain::{ArtifactType, Result, State, Timestamp};

use crate::engine::{Direction, Engine};
use crate::key::{Key, Span, table};

/// Entries to go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) span: Span,
    pub(crate) direction: Direction,
    pub(crate) arrival: Arrival,
}

/// How entries come, compared to the order of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// In that order, so that the first are enough.
    InOrder,
    /// In another, but there are few of them: [`FEW`] at most.
    Few,
    /// In another.
    AnyOrder,
}

/// So many entries can be counted, kept and sorted in the time that some hundred records take.
pub(crate) const FEW: usize = 4_096;

/// How to answer a query: by all of the sources together; no record is in two of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Those of live versions.
    pub(crate) live: Vec<Source>,
    /// Prefixes under which a live version must have an entry: cheaper to look up than its record.
    pub(crate) probes: Vec<Key>,
    /// Those of versions that are not live.
    pub(crate) others: Vec<Source>,
}

impl Plan {
    /// Plans a query by its conditions, and by how many entries they have where that matters.
    pub(crate) fn of(query: &Query, engine: &Engine) -> Result<Self> {
        let filter = &query.filter;
        let mut plan = Self {
            live: Vec::new(),
            probes: Vec::new(),
            others: Vec::new(),
        };
        if filter.states.iter().any(|state| state.is_live()) {
            let exact = exact_conditions(filter);
            let mut candidates: Vec<_> = exact
                .iter()
                .map(|prefix| vec![by_created(query, prefix)])
                .collect();
            candidates.extend(inexact_conditions(query));
            plan.live = choose(query, candidates, engine)?;
            plan.probes = exact
                .into_iter()
                .filter(|prefix| plan.live != [by_created(query, prefix)])
                .collect();
        }
        if filter.states.contains(&State::Deleted) {
            plan.others
                .push(by_created(query, &Key::new(table::DELETED)));
        }
        if filter.states.contains(&State::Uploading) {
            plan.others.push(unordered(Key::new(table::LEASE)));
        }
        Ok(plan)
    }
}

/// Takes the candidate with the fewest entries, if one has few; else one that gives the order of
/// the query, and then few entries are looked at because few are asked for.
fn choose(query: &Query, mut candidates: Vec<Vec<Source>>, engine: &Engine) -> Result<Vec<Source>> {
    let in_order = candidates
        .iter()
        .position(|candidate| is_in_order(candidate));
    if in_order == Some(0) && candidates.len() == 1 {
        return Ok(candidates.swap_remove(0));
    }
    // Where an order is at hand, counting must not cost more than it can save.
    let most = in_order.map_or(FEW, |_| FEW.min(256 + 4 * query.limit.get()));
    let mut cap = 64;
    while cap < 8 * most && !candidates.is_empty() {
        let cap_now = cap.min(most);
        let mut best = (cap_now, None);
        for (place, candidate) in candidates.iter().enumerate() {
            let count = count_upto(candidate, best.0, engine)?;
            if count < best.0 {
                best = (count, Some(place));
            }
        }
        if let Some(place) = best.1 {
            let mut few = candidates.swap_remove(place);
            for source in &mut few {
                if source.arrival == Arrival::AnyOrder {
                    source.arrival = Arrival::Few;
                }
            }
            return Ok(few);
        }
        cap *= 8;
    }
    Ok(match in_order {
        Some(place) => candidates.swap_remove(place),
        None => vec![everything(query)],
    })
}

fn is_in_order(candidate: &[Source]) -> bool {
    let mut sources = candidate.iter();
    sources.all(|source| source.arrival == Arrival::InOrder)
}

fn arrival(in_order: bool) -> Arrival {
    if in_order {
        Arrival::InOrder
    } else {
        Arrival::AnyOrder
    }
}

fn count_upto(sources: &[Source], cap: usize, engine: &Engine) -> Result<usize> {
    let mut count = 0;
    for source in sources {
        for item in engine
            .scan(&source.span, source.direction)?
            .take(cap - count)
        {
            item?;
            count += 1;
        }
    }
    Ok(count)
}

/// Prefixes of the conditions that entries answer exactly, by time of creation.
fn exact_conditions(filter: &Filter) -> Vec<Key> {
    let tags = filter.tags.iter().filter_map(|tag| {
        let value = tag.value.as_ref()?;
        Some(Key::new(table::TAG).text(&tag.key).text(value))
    });
    let literal = |glob: &Option<Glob>, table| {
        let text = glob.as_ref()?.as_literal()?;
        Some(Key::new(table).text(text))
    };
    let one_type = match &filter.types[..] {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => Some(type_prefix(first)),
        _ => None,
    };
    let scopes = [
        literal(&filter.task, table::TASK),
        literal(&filter.spec, table::SPEC),
        one_type,
    ];
    tags.chain(scopes.into_iter().flatten()).collect()
}

/// Sources of the conditions that entries answer in another order, or in several parts.
fn inexact_conditions(query: &Query) -> Vec<Vec<Source>> {
    let filter = &query.filter;
    let mut all = Vec::new();
    let mut types: Vec<_> = filter.types.iter().collect();
    types.sort_unstable();
    types.dedup();
    if types.len() > 1 {
        let parts = types.into_iter().map(type_prefix);
        all.push(parts.map(|prefix| by_created(query, &prefix)).collect());
    }
    let keys = |tag: &&TagFilter| tag.value.is_none();
    for tag in filter.tags.iter().filter(keys) {
        all.push(vec![unordered(Key::new(table::TAG).text(&tag.key))]);
    }
    for (glob, table) in [(&filter.task, table::TASK), (&filter.spec, table::SPEC)] {
        if let Some(beginning) = partial(glob.as_ref()) {
            all.push(vec![unordered(Key::new(table).text_prefix(beginning))]);
        }
    }
    if let Some(glob) = &filter.name {
        let name = Key::new(table::NAME);
        match glob.as_literal() {
            Some(literal) => all.push(vec![by_name(query, name.text(literal))]),
            None if glob.literal_prefix().is_empty() => {}
            None => all.push(vec![by_name(
                query,
                name.text_prefix(glob.literal_prefix()),
            )]),
        }
    }
    all
}

/// What a pattern that is no literal begins with.
fn partial(glob: Option<&Glob>) -> Option<&str> {
    let glob = glob.filter(|glob| glob.as_literal().is_none())?;
    Some(glob.literal_prefix()).filter(|prefix| !prefix.is_empty())
}

fn everything(query: &Query) -> Source {
    match query.order {
        Order::Created => by_created(query, &Key::new(table::CREATED)),
        Order::Size => by_size(query),
        Order::Name => by_name(query, Key::new(table::NAME)),
    }
}

fn type_prefix(artifact_type: &ArtifactType) -> Key {
    Key::new(table::TYPE).text(artifact_type.as_str())
}

fn unordered(prefix: Key) -> Source {
    Source {
        span: prefix.span(),
        direction: Direction::Ascending,
        arrival: Arrival::AnyOrder,
    }
}

/// The entries of a table that goes on with the time of creation, newest first.
fn by_created(query: &Query, prefix: &Key) -> Source {
    let at = |time: Timestamp| prefix.clone().time(time);
    let mut span = prefix.clone().span();
    if let Some(from) = query.filter.created_from {
        span = span.starting_at(at(from));
    }
    if let Some(before) = query.filter.created_before {
        span = span.ending_before(at(before));
    }
    let ordered = query.order == Order::Created;
    if let Some(cursor) = query.cursor.as_ref().filter(|_| ordered)
        && let SortValue::Created(time) = cursor.value()
    {
        span = span.ending_before(at(*time).id(cursor.id()));
    }
    Source {
        span,
        direction: Direction::Descending,
        arrival: arrival(ordered),
    }
}

/// All entries by size, largest first.
fn by_size(query: &Query) -> Source {
    let at = |size: u64| Key::new(table::SIZE).number(size);
    let mut span = Key::new(table::SIZE).span();
    if let Some(min) = query.filter.min_size_bytes {
        span = span.starting_at(at(min));
    }
    if let Some(over) = query
        .filter
        .max_size_bytes
        .and_then(|max| max.checked_add(1))
    {
        span = span.ending_before(at(over));
    }
    if let Some(cursor) = &query.cursor
        && let SortValue::Size(size) = cursor.value()
    {
        span = span.ending_before(at(*size).id(cursor.id()));
    }
    Source {
        span,
        direction: Direction::Descending,
        arrival: Arrival::InOrder,
    }
}

/// The entries by name below a prefix, ascending.
fn by_name(query: &Query, prefix: Key) -> Source {
    let mut span = prefix.span();
    let ordered = query.order == Order::Name;
    if let Some(cursor) = query.cursor.as_ref().filter(|_| ordered)
        && let SortValue::Name(name) = cursor.value()
    {
        let at = Key::new(table::NAME).text(name).id(cursor.id());
        span = span.starting_after(at);
    }
    Source {
        span,
        direction: Direction::Ascending,
        arrival: arrival(ordered),
    }
}

#[cfg(test)]
mod tests {
    use artifact_domain::query::PageSize;
    use artifact_testkit::sample;

    use super::*;

    fn engine(dir: &tempfile::TempDir, tagged: u32, typed: u32) -> Engine {
        let engine = Engine::open(dir.path(), 1 << 20).unwrap().unwrap();
        let mut batch = sled::Batch::default();
        let tables = [
            (Key::new(table::TAG).text("os").text("linux"), tagged),
            (type_prefix(&ArtifactType::Log), typed),
        ];
        for (prefix, count) in tables {
            for number in 0..count {
                let key = prefix.clone().time(sample::now()).id(sample::id(number));
                batch.insert(key.into_bytes(), b"");
            }
        }
        engine.apply(batch).unwrap();
        engine
    }

    fn tables(sources: &[Source]) -> Vec<u8> {
        let first = |source: &Source| match &source.span.from {
            std::ops::Bound::Included(key) | std::ops::Bound::Excluded(key) => key[0],
            std::ops::Bound::Unbounded => panic!("a source without a table"),
        };
        sources.iter().map(first).collect()
    }

    fn query(change: impl FnOnce(&mut Filter)) -> Query {
        let mut filter = Filter::default();
        change(&mut filter);
        let mut query = Query::new(filter, sample::now());
        query.limit = PageSize::new(20).unwrap();
        query
    }

    fn linux_logs(filter: &mut Filter) {
        filter.tags = vec![TagFilter::parse("os=linux").unwrap()];
        filter.types = vec![ArtifactType::Log, ArtifactType::Log];
    }

    #[test]
    fn the_condition_with_the_fewest_entries_is_gone_through_and_the_others_are_probed() {
        for (tagged, typed, chosen) in [(5, 100, table::TAG), (300, 5, table::TYPE)] {
            let dir = tempfile::tempdir().unwrap();
            let plan = Plan::of(&query(linux_logs), &engine(&dir, tagged, typed)).unwrap();
            assert_eq!(tables(&plan.live), [chosen]);
            assert_eq!(plan.probes.len(), 1);
            assert_ne!(plan.probes[0].as_bytes()[0], chosen);
            assert!(plan.others.is_empty());
        }
    }

    #[test]
    fn many_entries_are_gone_through_only_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&dir, 5_000, 5_000);
        let mut query = query(linux_logs);
        let plan = Plan::of(&query, &engine).unwrap();
        assert_eq!(plan.live[0].arrival, Arrival::InOrder);
        assert_eq!(tables(&plan.live), [table::TAG]);
        query.order = Order::Size;
        let plan = Plan::of(&query, &engine).unwrap();
        assert_eq!(plan.live[0].arrival, Arrival::InOrder);
        assert_eq!(tables(&plan.live), [table::SIZE]);
        assert_eq!(plan.probes.len(), 2);
    }

    #[test]
    fn few_entries_in_another_order_are_taken_rather_than_all() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&dir, 50, 0);
        let by_key = |filter: &mut Filter| filter.tags = vec![TagFilter::parse("os").unwrap()];
        let plan = Plan::of(&query(by_key), &engine).unwrap();
        assert_eq!(tables(&plan.live), [table::TAG]);
        assert_eq!(plan.live[0].arrival, Arrival::Few);
    }

    #[test]
    fn versions_that_are_not_live_have_sources_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&dir, 0, 0);
        let states = |states: &[State]| {
            let plan = Plan::of(&query(|filter| filter.states = states.to_vec()), &engine).unwrap();
            (tables(&plan.live), tables(&plan.others))
        };
        assert_eq!(states(&[]), (vec![], vec![]));
        assert_eq!(states(&[State::Deleted]), (vec![], vec![table::DELETED]));
        assert_eq!(states(&[State::Uploading]), (vec![], vec![table::LEASE]));
        let all = (vec![table::CREATED], vec![table::DELETED, table::LEASE]);
        assert_eq!(states(&State::ALL), all);
    }
}
