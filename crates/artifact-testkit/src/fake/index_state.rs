//! What an index in memory remembers: records, their versions, seek tables and counters that are
//! kept up to date with every change. Knows nothing of the port.

use std::collections::{BTreeMap, HashMap};

use artifact_domain::port::{Recount, UsageRow};
use artifact_domain::query::{Filter, Versions};
use artifact_domain::{
    ArtifactId, ArtifactRecord, ArtifactType, Coordinate, SpecName, State, Tier, Timestamp, Version,
};
use bytes::Bytes;

type Kind = (SpecName, ArtifactType, State, Tier);

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    count: u64,
    size_bytes: u64,
    stored_size_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct IndexState {
    records: BTreeMap<ArtifactId, ArtifactRecord>,
    versions: HashMap<Coordinate, BTreeMap<Version, ArtifactId>>,
    seek_tables: HashMap<ArtifactId, Bytes>,
    counters: BTreeMap<Kind, Counter>,
    pub(super) is_complete: bool,
    pub(super) retention_mark: Option<String>,
    pub(super) most_held_bytes: u64,
}

impl IndexState {
    pub(super) fn get(&self, id: ArtifactId) -> Option<&ArtifactRecord> {
        self.records.get(&id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &ArtifactRecord> {
        self.records.values()
    }

    /// The versions of a coordinate, the highest first.
    pub(super) fn versions_of(
        &self,
        coordinate: &Coordinate,
    ) -> impl Iterator<Item = &ArtifactRecord> {
        let ids = self.versions.get(coordinate);
        ids.into_iter()
            .flat_map(|ids| ids.values().rev())
            .filter_map(|id| self.records.get(id))
    }

    pub(super) fn version(
        &self,
        coordinate: &Coordinate,
        version: Version,
    ) -> Option<&ArtifactRecord> {
        let id = self.versions.get(coordinate)?.get(&version)?;
        self.records.get(id)
    }

    /// Stores a record, in place of the one of the same id if there is one.
    pub(super) fn store(&mut self, record: ArtifactRecord) {
        if let Some(old) = self.records.get(&record.id).cloned() {
            self.discount(&old);
        }
        self.versions
            .entry(record.coordinate.clone())
            .or_default()
            .insert(record.version, record.id);
        count(&mut self.counters, &record);
        self.records.insert(record.id, record);
        self.most_held_bytes = self.most_held_bytes.max(self.held_bytes());
    }

    pub(super) fn forget(&mut self, id: ArtifactId) {
        let Some(old) = self.records.remove(&id) else {
            return;
        };
        self.discount(&old);
        self.seek_tables.remove(&id);
        if let Some(ids) = self.versions.get_mut(&old.coordinate) {
            ids.remove(&old.version);
        }
    }

    fn discount(&mut self, old: &ArtifactRecord) {
        let row = UsageRow::of(old);
        let kind = kind(old);
        if let Some(counter) = self.counters.get_mut(&kind) {
            counter.count -= 1;
            counter.size_bytes -= row.size_bytes;
            counter.stored_size_bytes -= row.stored_size_bytes;
            if counter.count == 0 {
                self.counters.remove(&kind);
            }
        }
    }

    pub(super) fn keep_seek_table(&mut self, id: ArtifactId, table: Bytes) {
        self.seek_tables.insert(id, table);
    }

    pub(super) fn seek_table(&self, id: ArtifactId) -> Option<Bytes> {
        self.seek_tables.get(&id).cloned()
    }

    pub(super) fn usage(&self) -> Vec<UsageRow> {
        rows(&self.counters)
    }

    /// All that is stored or reserved.
    pub(super) fn held_bytes(&self) -> u64 {
        let counters = self.counters.values();
        counters.fold(0, |sum, counter| {
            sum.saturating_add(counter.stored_size_bytes)
        })
    }

    pub(super) fn recount(&mut self, repair: bool) -> Recount {
        let mut counted = BTreeMap::new();
        for record in self.records.values() {
            count(&mut counted, record);
        }
        let recount = Recount::new(&self.usage(), &rows(&counted), 0);
        if repair {
            self.counters = counted;
        }
        recount
    }

    pub(super) fn let_counters_drift(&mut self, stored_bytes: u64) {
        for counter in self.counters.values_mut() {
            counter.count += 1;
            counter.stored_size_bytes += stored_bytes;
        }
    }

    /// Every record that `filter` selects at `now`, in the order of ids.
    pub(super) fn selected(&self, filter: &Filter, now: Timestamp) -> Vec<ArtifactRecord> {
        self.all()
            .filter(|record| filter.selects(record, now))
            .filter(|record| {
                filter.versions == Versions::All
                    || !record.state.is_live()
                    || !self.is_outdated(record, now)
            })
            .cloned()
            .collect()
    }

    /// Whether a higher version can be read at `now`.
    fn is_outdated(&self, record: &ArtifactRecord, now: Timestamp) -> bool {
        self.versions_of(&record.coordinate)
            .take_while(|other| other.version > record.version)
            .any(|other| other.is_visible(now))
    }
}

fn kind(record: &ArtifactRecord) -> Kind {
    let at = &record.coordinate;
    (
        at.spec().clone(),
        at.artifact_type().clone(),
        record.state,
        record.tier,
    )
}

fn count(counters: &mut BTreeMap<Kind, Counter>, record: &ArtifactRecord) {
    let row = UsageRow::of(record);
    let counter = counters.entry(kind(record)).or_default();
    counter.count += 1;
    counter.size_bytes += row.size_bytes;
    counter.stored_size_bytes += row.stored_size_bytes;
}

fn rows(counters: &BTreeMap<Kind, Counter>) -> Vec<UsageRow> {
    let rows = counters.iter();
    rows.map(|((spec, artifact_type, state, tier), counter)| UsageRow {
        spec: spec.clone(),
        artifact_type: artifact_type.clone(),
        state: *state,
        tier: *tier,
        count: counter.count,
        size_bytes: counter.size_bytes,
        stored_size_bytes: counter.stored_size_bytes,
    })
    .collect()
}
