//! The model: a list of records, searched from end to end. So naive that it is obviously right;
//! it shares nothing with any index but the domain's rules of change.

use std::collections::BTreeMap;

use artifact_domain::policy::Reservation;
use artifact_domain::port::{CommitUpload, Committed, NewUpload, Supersede, UsageRow};
use artifact_domain::query::{Expiry, Filter, Order, Query, SortValue, Versions};
use artifact_domain::{
    ArtifactId, ArtifactRecord, Coordinate, ErrorKind, State, Timestamp, Version,
};
use bytes::Bytes;

type Answer<T> = Result<T, ErrorKind>;

#[derive(Debug, Default)]
pub(super) struct Model {
    records: Vec<ArtifactRecord>,
    tables: Vec<(ArtifactId, Bytes)>,
}

impl Model {
    fn position(&self, id: ArtifactId) -> Answer<usize> {
        let position = self.records.iter().position(|record| record.id == id);
        position.ok_or(ErrorKind::NotFound)
    }

    pub(super) fn find(&self, id: ArtifactId) -> Option<ArtifactRecord> {
        self.records.iter().find(|record| record.id == id).cloned()
    }

    pub(super) fn find_version(
        &self,
        coordinate: &Coordinate,
        version: Version,
    ) -> Option<ArtifactRecord> {
        let mut of_it = self.of(coordinate);
        of_it.find(|record| record.version == version).cloned()
    }

    pub(super) fn find_newest(
        &self,
        coordinate: &Coordinate,
        now: Timestamp,
    ) -> Option<ArtifactRecord> {
        self.of(coordinate)
            .filter(|record| readable(record, now))
            .max_by_key(|record| record.version)
            .cloned()
    }

    fn of(&self, coordinate: &Coordinate) -> impl Iterator<Item = &ArtifactRecord> {
        let coordinate = coordinate.clone();
        self.records
            .iter()
            .filter(move |record| record.coordinate == coordinate)
    }

    pub(super) fn begin(&mut self, upload: NewUpload) -> Answer<ArtifactRecord> {
        if self.position(upload.id).is_ok() {
            return Err(ErrorKind::AlreadyExists);
        }
        if !fits_in(upload.reservation, upload.reservation.bytes, self.held()) {
            return Err(ErrorKind::QuotaExceeded);
        }
        let highest = self.of(&upload.coordinate).map(|r| r.version.get()).max();
        let version = Version::new(highest.unwrap_or(0) + 1).expect("it is not zero");
        let record = ArtifactRecord::begin(upload, version);
        self.records.push(record.clone());
        Ok(record)
    }

    pub(super) fn renew(&mut self, id: ArtifactId, until: Timestamp) -> Answer<()> {
        let position = self.position(id)?;
        if self.records[position].state != State::Uploading {
            return Err(ErrorKind::Conflict);
        }
        self.records[position].lease_until = Some(until);
        Ok(())
    }

    pub(super) fn reserve(&mut self, id: ArtifactId, reservation: Reservation) -> Answer<()> {
        let position = self.position(id)?;
        let record = &self.records[position];
        if record.state != State::Uploading {
            return Err(ErrorKind::Conflict);
        }
        let (old, new) = (record.reserved_bytes, reservation.bytes);
        if new > old && !fits_in(reservation, new, self.held() - old) {
            return Err(ErrorKind::QuotaExceeded);
        }
        self.records[position].reserved_bytes = new;
        Ok(())
    }

    /// All that is stored or reserved.
    fn held(&self) -> u64 {
        let rows = self.usage();
        rows.iter().map(|row| row.stored_size_bytes).sum()
    }

    pub(super) fn commit(&mut self, commit: &CommitUpload) -> Answer<Committed> {
        let position = self.position(commit.id)?;
        let old = self.records[position].clone();
        if old.state != State::Uploading {
            let same = old.content.as_ref() == Some(&commit.content);
            return if same {
                Ok(Committed {
                    record: old,
                    superseded: vec![],
                })
            } else {
                Err(ErrorKind::Conflict)
            };
        }
        let mut superseded = Vec::new();
        let mut late = false;
        if commit.supersede == Supersede::Older {
            for other in &mut self.records {
                let rival = other.coordinate == old.coordinate && live(other);
                late |= rival && other.version > old.version;
                if rival && other.version < old.version && other.hold.is_none() {
                    other.state = State::Deleted;
                    other.revision = other.revision.next();
                    superseded.push(other.clone());
                }
            }
        }
        let record = &mut self.records[position];
        record.state = if late { State::Deleted } else { State::Active };
        record.content = Some(commit.content.clone());
        record.lease_until = None;
        record.reserved_bytes = 0;
        record.revision = record.revision.next();
        if let Some(table) = &commit.seek_table {
            self.tables.push((commit.id, table.clone()));
        }
        Ok(Committed {
            record: record.clone(),
            superseded,
        })
    }

    pub(super) fn update(&mut self, changed: ArtifactRecord) -> Answer<ArtifactRecord> {
        let position = self.position(changed.id)?;
        let replaced = self.records[position].replaced_by(changed);
        let record = replaced.map_err(|error| error.kind())?;
        self.records[position] = record.clone();
        Ok(record)
    }

    pub(super) fn remove(&mut self, id: ArtifactId) -> Answer<()> {
        let Ok(position) = self.position(id) else {
            return Ok(());
        };
        if self.records[position].state != State::Deleted {
            return Err(ErrorKind::Conflict);
        }
        self.records.remove(position);
        self.tables.retain(|(of, _)| *of != id);
        Ok(())
    }

    /// Everything that a query selects, whatever its cursor and limit.
    pub(super) fn query(&self, query: &Query) -> Vec<ArtifactRecord> {
        let (filter, now) = (&query.filter, query.now);
        let hidden = |record: &ArtifactRecord| {
            filter.versions == Versions::Newest
                && live(record)
                && self
                    .of(&record.coordinate)
                    .any(|other| other.version > record.version && readable(other, now))
        };
        let mut selected: Vec<_> = self
            .records
            .iter()
            .filter(|record| fits(filter, record, now) && !hidden(record))
            .cloned()
            .collect();
        selected.sort_by(
            |a, b| match (sort_value(a, query.order), sort_value(b, query.order)) {
                (SortValue::Created(x), SortValue::Created(y)) => (y, b.id).cmp(&(x, a.id)),
                (SortValue::Size(x), SortValue::Size(y)) => (y, b.id).cmp(&(x, a.id)),
                (SortValue::Name(x), SortValue::Name(y)) => (x, a.id).cmp(&(y, b.id)),
                (x, y) => unreachable!("one order gave {x:?} and {y:?}"),
            },
        );
        selected
    }

    pub(super) fn usage(&self) -> Vec<UsageRow> {
        let mut rows = BTreeMap::new();
        for record in &self.records {
            let at = &record.coordinate;
            let kind = (at.spec(), at.artifact_type(), record.state, record.tier);
            let row = rows.entry(kind).or_insert_with(|| UsageRow {
                spec: at.spec().clone(),
                artifact_type: at.artifact_type().clone(),
                state: record.state,
                tier: record.tier,
                count: 0,
                size_bytes: 0,
                stored_size_bytes: 0,
            });
            row.count += 1;
            if let Some(content) = &record.content {
                row.size_bytes += content.size_bytes;
                row.stored_size_bytes += content.stored_size_bytes;
            }
            row.stored_size_bytes += record.reserved_bytes;
        }
        rows.into_values().collect()
    }

    /// Everything that is due, those first that expired first.
    pub(super) fn due_for_expiry(&self, now: Timestamp) -> Vec<ArtifactRecord> {
        let due = |record: &&ArtifactRecord| {
            live(record) && record.hold.is_none() && record.expires_at.is_some_and(|end| end <= now)
        };
        let mut due: Vec<_> = self.records.iter().filter(due).cloned().collect();
        due.sort_by_key(|record| (record.expires_at, record.id));
        due
    }

    /// Every abandoned upload, those first whose lease ended first.
    pub(super) fn abandoned_uploads(&self, now: Timestamp) -> Vec<ArtifactRecord> {
        let over = |record: &&ArtifactRecord| {
            record.state == State::Uploading && record.lease_until.is_some_and(|end| end <= now)
        };
        let mut over: Vec<_> = self.records.iter().filter(over).cloned().collect();
        over.sort_by_key(|record| record.lease_until);
        over
    }

    pub(super) fn seek_table(&self, id: ArtifactId) -> Option<Bytes> {
        let mut tables = self.tables.iter();
        tables
            .find(|(of, _)| *of == id)
            .map(|(_, table)| table.clone())
    }
}

fn fits_in(reservation: Reservation, bytes: u64, others: u64) -> bool {
    match reservation.limit_bytes {
        Some(limit) => others < limit && others + bytes <= limit,
        None => true,
    }
}

fn live(record: &ArtifactRecord) -> bool {
    record.state == State::Active || record.state == State::Archived
}

fn expired(record: &ArtifactRecord, now: Timestamp) -> bool {
    record.hold.is_none() && record.expires_at.is_some_and(|end| end <= now)
}

fn readable(record: &ArtifactRecord, now: Timestamp) -> bool {
    live(record) && !expired(record, now)
}

fn size(record: &ArtifactRecord) -> Option<u64> {
    record.content.as_ref().map(|content| content.size_bytes)
}

fn sort_value(record: &ArtifactRecord, order: Order) -> SortValue {
    match order {
        Order::Created => SortValue::Created(record.created_at),
        Order::Size => SortValue::Size(size(record).unwrap_or(0)),
        Order::Name => SortValue::Name(record.coordinate.name().to_string()),
    }
}

fn fits(filter: &Filter, record: &ArtifactRecord, now: Timestamp) -> bool {
    let at = &record.coordinate;
    if live(record) && expired(record, now) {
        return false;
    }
    if filter
        .spec
        .as_ref()
        .is_some_and(|glob| !glob.matches(at.spec().as_str()))
    {
        return false;
    }
    if filter
        .task
        .as_ref()
        .is_some_and(|glob| !glob.matches(at.task().as_str()))
    {
        return false;
    }
    if filter
        .name
        .as_ref()
        .is_some_and(|glob| !glob.matches(at.name().as_str()))
    {
        return false;
    }
    if !filter.types.is_empty() && !filter.types.contains(at.artifact_type()) {
        return false;
    }
    for tag in &filter.tags {
        match record.tags.get(&tag.key) {
            None => return false,
            Some(value) if tag.value.as_ref().is_some_and(|wanted| wanted != value) => {
                return false;
            }
            Some(_) => {}
        }
    }
    if filter
        .created_from
        .is_some_and(|from| record.created_at < from)
    {
        return false;
    }
    if filter
        .created_before
        .is_some_and(|before| record.created_at >= before)
    {
        return false;
    }
    if filter
        .min_size_bytes
        .is_some_and(|min| size(record).is_none_or(|size| size < min))
    {
        return false;
    }
    if filter
        .max_size_bytes
        .is_some_and(|max| size(record).is_none_or(|size| size > max))
    {
        return false;
    }
    if let Some(areas) = &filter.within {
        let mut lies_within = false;
        for area in areas {
            let (spec, task) = (at.spec().as_str(), at.task().as_str());
            lies_within |= area.spec.matches(spec) && area.task.matches(task);
        }
        if !lies_within {
            return false;
        }
    }
    let expiry = match filter.expiry {
        Expiry::Any => true,
        Expiry::Never => record.expires_at.is_none(),
        Expiry::Ends => record.expires_at.is_some(),
    };
    expiry && filter.states.contains(&record.state)
}
