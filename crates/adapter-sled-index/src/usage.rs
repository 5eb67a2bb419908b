//! The counters: one row per spec, type, state and tier, kept in the batch of every change.

use std::collections::BTreeMap;

use artifact_domain::port::{Recount, UsageRow};
use artifact_domain::{ArtifactRecord, ArtifactType, Error, Result, SpecName, State, Tier};

use crate::engine::{Direction, Engine, Scan};
use crate::error::damaged;
use crate::key::{self, Key, table};
use crate::{chunk, read};

/// What changes added to rows and took from them; a removed record counts negative.
#[derive(Debug, Default)]
pub(crate) struct UsageDelta(BTreeMap<Key, [i128; 3]>);

impl UsageDelta {
    pub(crate) fn add(&mut self, record: &ArtifactRecord) {
        self.shift(record, 1);
    }

    pub(crate) fn subtract(&mut self, record: &ArtifactRecord) {
        self.shift(record, -1);
    }

    fn shift(&mut self, record: &ArtifactRecord, sign: i128) {
        let size_bytes = record.content.as_ref().map_or(0, |c| c.size_bytes);
        let row = self.0.entry(row_key(record)).or_default();
        let amounts = [1, size_bytes.into(), record.held_bytes().into()];
        for (total, amount) in row.iter_mut().zip(amounts) {
            *total += sign * amount;
        }
    }

    /// By how much all that is stored or reserved changes.
    pub(crate) fn stored_bytes(&self) -> i128 {
        self.0.values().map(|[_, _, stored]| stored).sum()
    }

    /// The rows as they will be; none for a row that nothing is counted in any more.
    pub(crate) fn apply(self, engine: &Engine) -> Result<Vec<(Key, Option<Vec<u8>>)>> {
        let changed = self.0.into_iter().filter(|(_, delta)| *delta != [0; 3]);
        changed
            .map(|(key, delta)| {
                let stored = engine.get(key.as_bytes())?;
                let old = stored.map_or(Ok([0; 3]), |value| decode(&value))?;
                let mut value = Vec::with_capacity(24);
                for (old, delta) in old.into_iter().zip(delta) {
                    let new = u64::try_from(i128::from(old) + delta)
                        .map_err(|_| drifted("the counters disagree with the records"))?;
                    value.extend(new.to_be_bytes());
                }
                let empty = value.iter().take(8).all(|&byte| byte == 0);
                Ok((key, (!empty).then_some(value)))
            })
            .collect()
    }
}

/// Every row, in their order.
pub(crate) fn rows(engine: &Engine) -> Result<Vec<UsageRow>> {
    let mut rows = scan(engine)?
        .map(|item| {
            let (key, value) = item?;
            read_row(&key, &value)
        })
        .collect::<Result<Vec<_>>>()?;
    rows.sort_unstable();
    Ok(rows)
}

/// All that is stored or reserved.
pub(crate) fn stored_bytes(engine: &Engine) -> Result<i128> {
    scan(engine)?
        .map(|item| {
            let [_, _, stored] = decode(&item?.1)?;
            Ok(i128::from(stored))
        })
        .sum()
}

/// The keys of all rows, whatever is in them.
pub(crate) fn keys(engine: &Engine) -> Result<impl Iterator<Item = Result<Key>>> {
    Ok(scan(engine)?.map(|item| Ok(Key::from_bytes(&item?.0))))
}

/// A row as it is stored.
pub(crate) fn entry(row: &UsageRow) -> (Key, Vec<u8>) {
    let key = key_of(&row.spec, &row.artifact_type, row.state, row.tier);
    let numbers = [row.count, row.size_bytes, row.stored_size_bytes];
    (key, numbers.map(u64::to_be_bytes).concat())
}

/// Counts every record anew and holds the rows against that; gives the rows as they should be too.
pub(crate) fn recount(engine: &Engine) -> Result<(Recount, Vec<UsageRow>)> {
    let mut sums = UsageDelta::default();
    for item in engine.scan(&Key::new(table::RECORD).span(), Direction::Ascending)? {
        let (key, _) = item?;
        if let Some(id) = chunk::first_of(&key) {
            sums.add(&read::expect(engine, id)?);
        }
    }
    let counted = sums.0.into_iter().map(|(key, amounts)| {
        let value = amounts.map(|amount| u64::try_from(amount).unwrap_or(u64::MAX));
        read_row(key.as_bytes(), &value.map(u64::to_be_bytes).concat())
    });
    let counted = counted.collect::<Result<Vec<_>>>()?;
    let (mut kept, mut unreadable) = (Vec::new(), 0);
    for item in scan(engine)? {
        let (key, value) = item?;
        match read_row(&key, &value) {
            Ok(row) => kept.push(row),
            Err(_) => unreadable += 1,
        }
    }
    Ok((Recount::new(&kept, &counted, unreadable), counted))
}

fn scan(engine: &Engine) -> Result<Scan> {
    engine.scan(&Key::new(table::USAGE).span(), Direction::Ascending)
}

fn read_row(key: &[u8], value: &[u8]) -> Result<UsageRow> {
    let [count, size_bytes, stored_size_bytes] = decode(value)?;
    let (spec, artifact_type, state, tier) =
        parse_row(key).ok_or_else(|| drifted("the key of a counter is torn"))?;
    Ok(UsageRow {
        spec,
        artifact_type,
        state,
        tier,
        count,
        size_bytes,
        stored_size_bytes,
    })
}

fn drifted(what: &str) -> Error {
    damaged(what).with_hint("`artifact verify --repair` counts anew")
}

fn row_key(record: &ArtifactRecord) -> Key {
    let at = &record.coordinate;
    key_of(at.spec(), at.artifact_type(), record.state, record.tier)
}

fn key_of(spec: &SpecName, artifact_type: &ArtifactType, state: State, tier: Tier) -> Key {
    Key::new(table::USAGE)
        .text(spec.as_str())
        .text(artifact_type.as_str())
        .text(state.as_str())
        .text(tier.as_str())
}

fn parse_row(key: &[u8]) -> Option<(SpecName, ArtifactType, State, Tier)> {
    let mut rest = key.get(1..)?;
    let spec = SpecName::new(key::take_text(&mut rest)?).ok()?;
    let artifact_type = key::take_text(&mut rest)?.parse().ok()?;
    let state = key::take_text(&mut rest)?.parse().ok()?;
    let tier = key::take_text(&mut rest)?.parse().ok()?;
    Some((spec, artifact_type, state, tier))
}

fn decode(value: &[u8]) -> Result<[u64; 3]> {
    let (numbers, rest) = value.as_chunks::<8>();
    match numbers {
        [a, b, c] if rest.is_empty() => Ok([a, b, c].map(|bytes| u64::from_be_bytes(*bytes))),
        _ => Err(drifted("a counter is torn")),
    }
}
