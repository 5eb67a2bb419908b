//! Counts every record anew and holds the counters against that. Must not know who asks for it.

use std::collections::HashMap;

use artifact_domain as domain;
use artifact_domain::port::{Recount, UsageRow};
use rusqlite::Connection;

use super::counters;
use super::counting::{CounterDelta, CounterKey, CountingConnection};
use super::error::{Result, unreadable};
use super::row::{stored_size, text};

/// Spec, type, state and tier, as they are stored.
type Kind = [String; 4];

/// Counts anew and compares; changes nothing.
pub(super) fn recount(connection: &Connection) -> Result<Recount> {
    compare(connection, &HashMap::new()).map(|(recount, _)| recount)
}

/// Counts anew, compares and puts the counters right.
pub(super) fn repair(connection: &CountingConnection) -> Result<Recount> {
    let (recount, counted) = compare(connection, &connection.uncounted())?;
    connection.execute("DELETE FROM usage", ())?;
    for row in &counted {
        let key = CounterKey {
            spec: row.spec.as_str().to_owned(),
            artifact_type: row.artifact_type.to_string(),
            state: row.state.as_str(),
            tier: row.tier.as_str(),
        };
        let delta = CounterDelta {
            count: stored_size(row.count)?,
            size_bytes: stored_size(row.size_bytes)?,
            stored_size_bytes: stored_size(row.stored_size_bytes)?,
        };
        counters::add(connection, &key, delta)?;
    }
    // What other changes of this transaction have counted is in the records, so it is written now.
    connection.forget_round();
    Ok(recount)
}

/// Compares the counters, with what is not written yet, and gives what was counted too.
fn compare(
    connection: &Connection,
    uncounted: &HashMap<CounterKey, CounterDelta>,
) -> Result<(Recount, Vec<UsageRow>)> {
    let counted = count(connection)?
        .into_iter()
        .map(|(kind, sums)| usage_row(&kind, sums).map_err(|cause| unreadable("kind", cause)))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let mut torn = 0;
    let mut kept = Vec::new();
    for (kind, sums) in kept_sums(connection, uncounted)? {
        match unsigned(sums).and_then(|sums| usage_row(&kind, sums).ok()) {
            Some(row) => kept.push(row),
            None => torn += 1,
        }
    }
    let recount = Recount::new(&kept, &counted, torn);
    Ok((recount, counted))
}

fn count(connection: &Connection) -> Result<HashMap<Kind, [u64; 3]>> {
    let mut statement = connection.prepare(
        "SELECT spec, type, state, tier, coalesce(size_bytes, 0), coalesce(stored_size_bytes, 0) \
         + iif(state = 'UPLOADING', coalesce(reserved_bytes, 0), 0) FROM artifact",
    )?;
    let mut rows = statement.query(())?;
    let mut all = HashMap::new();
    // Records that follow each other are mostly of one kind.
    let mut same: (Kind, [u64; 3]) = Default::default();
    while let Some(row) = rows.next()? {
        let kind = [text(row, 0)?, text(row, 1)?, text(row, 2)?, text(row, 3)?];
        if same.0 != kind {
            add(
                &mut all,
                std::mem::replace(&mut same, (kind.map(str::to_owned), [0; 3])),
            );
        }
        for (sum, more) in same.1.iter_mut().zip([1, row.get(4)?, row.get(5)?]) {
            *sum = sum.saturating_add(more);
        }
    }
    add(&mut all, same);
    Ok(all)
}

fn add(all: &mut HashMap<Kind, [u64; 3]>, (kind, sums): (Kind, [u64; 3])) {
    if sums[0] > 0 {
        let entry = all.entry(kind).or_default();
        for (sum, more) in entry.iter_mut().zip(sums) {
            *sum = sum.saturating_add(more);
        }
    }
}

fn kept_sums(
    connection: &Connection,
    uncounted: &HashMap<CounterKey, CounterDelta>,
) -> Result<HashMap<Kind, [i64; 3]>> {
    let mut statement = connection.prepare(
        "SELECT spec, type, state, tier, count, size_bytes, stored_size_bytes FROM usage",
    )?;
    let rows = statement.query_map((), |row| {
        let kind = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
        Ok((kind, [row.get(4)?, row.get(5)?, row.get(6)?]))
    })?;
    let mut kept: HashMap<Kind, [i64; 3]> = rows.collect::<rusqlite::Result<_>>()?;
    for (key, delta) in uncounted {
        let (state, tier) = (key.state.to_owned(), key.tier.to_owned());
        let kind = [key.spec.clone(), key.artifact_type.clone(), state, tier];
        let deltas = [delta.count, delta.size_bytes, delta.stored_size_bytes];
        let sums = kept.entry(kind).or_default();
        for (sum, delta) in sums.iter_mut().zip(deltas) {
            *sum = sum.saturating_add(delta);
        }
    }
    // Writing leaves out rows that nothing is counted in any more.
    kept.retain(|_, sums| *sums != [0; 3]);
    Ok(kept)
}

fn unsigned(sums: [i64; 3]) -> Option<[u64; 3]> {
    let [a, b, c] = sums.map(u64::try_from);
    Some([a.ok()?, b.ok()?, c.ok()?])
}

fn usage_row(
    [spec, artifact_type, state, tier]: &Kind,
    sums: [u64; 3],
) -> domain::Result<UsageRow> {
    let [count, size_bytes, stored_size_bytes] = sums;
    Ok(UsageRow {
        spec: spec.parse()?,
        artifact_type: artifact_type.parse()?,
        state: state.parse()?,
        tier: tier.parse()?,
        count,
        size_bytes,
        stored_size_bytes,
    })
}
