//! One change of the index in the making: reads what is, collects what shall be, and becomes one
//! batch. Whoever uses it holds the lock of writers.

use std::collections::BTreeMap;

use artifact_domain::port::UsageRow;
use artifact_domain::{ArtifactId, ArtifactRecord, Result};

use crate::chunk;
use crate::engine::Engine;
use crate::entry;
use crate::key::{Key, table};
use crate::usage::{self, UsageDelta};

pub(crate) struct Change<'a> {
    engine: &'a Engine,
    writes: BTreeMap<Key, Option<Vec<u8>>>,
    usage: UsageDelta,
    /// All that was stored or reserved before the change, once it is known.
    held_bytes: Option<i128>,
}

impl<'a> Change<'a> {
    pub(crate) fn new(engine: &'a Engine, held_bytes: Option<i128>) -> Self {
        Self {
            engine,
            writes: BTreeMap::new(),
            usage: UsageDelta::default(),
            held_bytes,
        }
    }

    /// The state before the change.
    pub(crate) fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// All that was stored or reserved before the change.
    pub(crate) fn held_bytes(&mut self) -> Result<u64> {
        let held = match self.held_bytes {
            Some(held) => held,
            None => usage::stored_bytes(self.engine)?,
        };
        self.held_bytes = Some(held);
        Ok(u64::try_from(held).unwrap_or(0))
    }

    /// All that is stored or reserved after the change, if it is known.
    pub(crate) fn held_afterwards(&self) -> Option<i128> {
        Some(self.held_bytes? + self.usage.stored_bytes())
    }

    /// Puts counters in the place of all that there are.
    pub(crate) fn set_counters(&mut self, rows: &[UsageRow]) -> Result<()> {
        for key in usage::keys(self.engine)? {
            self.writes.insert(key?, None);
        }
        for row in rows {
            let (key, value) = usage::entry(row);
            self.writes.insert(key, Some(value));
        }
        self.held_bytes = None;
        Ok(())
    }

    /// Adds a record that is not there yet.
    pub(crate) fn insert(&mut self, record: &ArtifactRecord) -> Result<()> {
        let entries = entry::entries(record)?;
        self.usage.add(record);
        self.writes
            .extend(entries.into_iter().map(|(key, value)| (key, Some(value))));
        Ok(())
    }

    /// Puts one record in the place of another of the same id.
    pub(crate) fn replace(&mut self, old: &ArtifactRecord, new: &ArtifactRecord) -> Result<()> {
        let before = entry::entries(old)?;
        let after = entry::entries(new)?;
        self.usage.subtract(old);
        self.usage.add(new);
        let gone = before.keys().filter(|key| !after.contains_key(*key));
        self.writes.extend(gone.map(|key| (key.clone(), None)));
        let changed = after
            .into_iter()
            .filter(|(key, value)| before.get(key) != Some(value));
        self.writes
            .extend(changed.map(|(key, value)| (key, Some(value))));
        Ok(())
    }

    /// Takes a record away, with its seek table.
    pub(crate) fn remove(&mut self, record: &ArtifactRecord) -> Result<()> {
        self.usage.subtract(record);
        let seek_table = chunk::stored_keys(self.engine, table::SEEK_TABLE, record.id)?;
        let keys = entry::entries(record)?.into_keys().chain(seek_table);
        self.writes.extend(keys.map(|key| (key, None)));
        Ok(())
    }

    /// Stores a seek table where there was none.
    pub(crate) fn insert_seek_table(&mut self, id: ArtifactId, bytes: &[u8]) -> Result<()> {
        let chunks = chunk::split(table::SEEK_TABLE, id, bytes)?;
        self.writes
            .extend(chunks.into_iter().map(|(key, chunk)| (key, Some(chunk))));
        Ok(())
    }

    /// Stores what the index says of itself.
    pub(crate) fn put(&mut self, key: Key, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    /// Stores what the index says of itself, or takes it away.
    pub(crate) fn set(&mut self, key: Key, value: Option<Vec<u8>>) {
        self.writes.insert(key, value);
    }

    /// Everything as one batch; nothing if nothing changes.
    pub(crate) fn into_batch(self) -> Result<Option<sled::Batch>> {
        if self.writes.is_empty() {
            return Ok(None);
        }
        let mut batch = sled::Batch::default();
        let counters = self.usage.apply(self.engine)?;
        for (key, value) in self.writes.into_iter().chain(counters) {
            match value {
                Some(value) => batch.insert(key.into_bytes(), value),
                None => batch.remove(key.into_bytes()),
            }
        }
        Ok(Some(batch))
    }
}
