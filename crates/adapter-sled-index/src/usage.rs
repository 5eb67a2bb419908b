//! The counters: one row per spec, type, state and tier, kept in the batch of every change.

use std::collections::BTreeMap;

use artifact_domain::port::UsageRow;
use artifact_domain::{ArtifactRecord, Result, SpecName, State, Tier};

use crate::engine::{Direction, Engine};
use crate::error::damaged;
use crate::key::{self, Key, table};

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
        let content = record.content.as_ref();
        let sizes = content.map_or((0, 0), |c| (c.size_bytes, c.stored_size_bytes));
        let row = self.0.entry(row_key(record)).or_default();
        let amounts = [1, i128::from(sizes.0), i128::from(sizes.1)];
        for (total, amount) in row.iter_mut().zip(amounts) {
            *total += sign * amount;
        }
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
                        .map_err(|_| damaged("the counters disagree with the records"))?;
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
    let scan = engine.scan(&Key::new(table::USAGE).span(), Direction::Ascending)?;
    let mut rows = scan
        .map(|item| {
            let (key, value) = item?;
            let [count, size_bytes, stored_size_bytes] = decode(&value)?;
            let (spec, artifact_type, state, tier) =
                parse_row(&key).ok_or_else(|| damaged("the key of a counter is torn"))?;
            Ok(UsageRow {
                spec,
                artifact_type,
                state,
                tier,
                count,
                size_bytes,
                stored_size_bytes,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    rows.sort_unstable();
    Ok(rows)
}

fn row_key(record: &ArtifactRecord) -> Key {
    Key::new(table::USAGE)
        .text(record.coordinate.spec().as_str())
        .text(&record.coordinate.artifact_type().to_string())
        .text(record.state.as_str())
        .text(record.tier.as_str())
}

fn parse_row(key: &[u8]) -> Option<(SpecName, artifact_domain::ArtifactType, State, Tier)> {
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
        _ => Err(damaged("a counter is torn")),
    }
}
