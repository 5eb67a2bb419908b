//! Answers queries: goes through the entries of a plan and keeps the first of what is selected.
//! Memory: one page of records, whatever the number of entries. Whoever calls holds the lock of readers.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use artifact_domain::query::{Cursor, Order, Page, Query, SortValue, Versions};
use artifact_domain::{ArtifactRecord, Error, Result};
use sled::IVec;

use crate::engine::Engine;
use crate::error::damaged;
use crate::key::{self, CreatedAndId, Key};
use crate::plan::{Arrival, Plan, Source};
use crate::read;

pub(crate) fn query(engine: &Engine, query: &Query) -> Result<Page> {
    let plan = Plan::of(query, engine)?;
    let mut first = First::of(query);
    for source in &plan.live {
        collect(engine, query, source, &plan.probes, &mut first)?;
    }
    for source in &plan.others {
        collect(engine, query, source, &[], &mut first)?;
    }
    Ok(first.into_page())
}

fn collect(
    engine: &Engine,
    query: &Query,
    source: &Source,
    probes: &[Key],
    first: &mut First,
) -> Result<()> {
    let entries = engine
        .scan(&source.span, source.direction)?
        .map(|item| created_and_id(&item?));
    if source.arrival == Arrival::Few && query.order == Order::Created {
        let mut few = entries.collect::<Result<Vec<_>>>()?;
        few.retain(|entry| is_in_window(query, entry));
        few.sort_unstable_by(|a, b| b.cmp(a));
        return go_through(engine, query, few.into_iter().map(Ok), true, probes, first);
    }
    let in_order = source.arrival == Arrival::InOrder;
    go_through(engine, query, entries, in_order, probes, first)
}

/// Offers what is selected; of entries in order only as many as can be wanted.
fn go_through(
    engine: &Engine,
    query: &Query,
    entries: impl Iterator<Item = Result<CreatedAndId>>,
    in_order: bool,
    probes: &[Key],
    first: &mut First,
) -> Result<()> {
    for entry in entries {
        let entry = entry?;
        if !passes(engine, probes, &entry)? {
            continue;
        }
        let record = read::expect(engine, key::trailing_id(&entry).ok_or_else(torn)?)?;
        if !is_selected(engine, query, &record)? {
            continue;
        }
        if !first.offer(record) && in_order {
            break;
        }
    }
    Ok(())
}

fn created_and_id((key, value): &(IVec, IVec)) -> Result<CreatedAndId> {
    key::created_and_id(key, value).ok_or_else(torn)
}

fn torn() -> Error {
    damaged("the key of an entry is torn")
}

fn passes(engine: &Engine, probes: &[Key], entry: &CreatedAndId) -> Result<bool> {
    for probe in probes {
        if !engine.contains(&[probe.as_bytes(), entry].concat())? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an entry is in the times that are asked for, and after the cursor of the order
/// `Created`. Cheaper to know than its record.
fn is_in_window(query: &Query, entry: &CreatedAndId) -> bool {
    let after_cursor = |cursor: &Cursor| match cursor.value() {
        SortValue::Created(time) => {
            let (created, id) = (key::time_bytes(*time), cursor.id().as_uuid());
            entry[..] < [&created[..], id.as_bytes()].concat()[..]
        }
        SortValue::Size(_) | SortValue::Name(_) => true,
    };
    let filter = &query.filter;
    let (from, before) = (filter.created_from, filter.created_before);
    from.is_none_or(|from| entry[..] >= key::time_bytes(from)[..])
        && before.is_none_or(|before| entry[..] < key::time_bytes(before)[..])
        && query.cursor.as_ref().is_none_or(after_cursor)
}

fn is_selected(engine: &Engine, query: &Query, record: &ArtifactRecord) -> Result<bool> {
    let after = |cursor: &Cursor| cursor.is_before(record);
    if !query.cursor.as_ref().is_none_or(after) || !query.filter.selects(record, query.now) {
        return Ok(false);
    }
    let only_newest = query.filter.versions == Versions::Newest && record.state.is_live();
    Ok(!(only_newest && read::has_newer(engine, record, query.now)?))
}

/// The records that come first, as many as have room on a page.
struct First {
    order: Order,
    limit: usize,
    bytes: usize,
    /// The one that comes last is on top.
    heap: BinaryHeap<Ranked>,
    /// The first one that has no room: neither it nor what comes after it belongs to this page.
    end: Option<Ranked>,
}

impl First {
    fn of(query: &Query) -> Self {
        Self {
            order: query.order,
            limit: query.limit.get(),
            bytes: 0,
            heap: BinaryHeap::new(),
            end: None,
        }
    }

    /// Says whether the record has room so far. If not, nothing that comes after it has.
    fn offer(&mut self, record: ArtifactRecord) -> bool {
        let id = record.id;
        let order = self.order;
        let ranked = Ranked { record, order };
        if self.end.as_ref().is_some_and(|end| *end <= ranked) {
            return false;
        }
        self.bytes += ranked.record.memory_bytes();
        self.heap.push(ranked);
        while self.heap.len() > self.limit || self.bytes > Page::MAX_BYTES && self.heap.len() > 1 {
            self.end = self.heap.pop();
            let gone = self.end.as_ref().map(|end| end.record.memory_bytes());
            self.bytes -= gone.unwrap_or(0);
        }
        self.end.as_ref().is_none_or(|end| end.record.id != id)
    }

    fn into_page(self) -> Page {
        let sorted = self.heap.into_sorted_vec().into_iter();
        let items: Vec<_> = sorted.map(|ranked| ranked.record).collect();
        let last = items.last().filter(|_| self.end.is_some());
        let next = last.map(|last| Cursor::after(last, self.order));
        Page { items, next }
    }
}

/// A record that compares by its place in the answer.
struct Ranked {
    record: ArtifactRecord,
    order: Order,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.compare(&self.record, &other.record)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}
