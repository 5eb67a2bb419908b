//! The only door to sled: every call goes through here, where its panics and errors end. Knows
//! bytes, not artifacts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use artifact_domain::{Error, Result};
use sled::IVec;

use crate::error::{damaged, from_sled};
use crate::key::Span;

/// In which direction a scan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// An open database of sled's, of which the default tree is used.
pub(crate) struct Engine {
    /// There from open to drop.
    db: Option<sled::Db>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the database below `dir`, or makes one; nothing if another process has it open.
    ///
    /// `flush_every_ms` stays at sled's default: the thread it starts is the only one that
    /// reclaims space.
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Option<Self>> {
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes);
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|panic| panicked("open", panic.as_ref()))?;
        match opened {
            Ok(db) => Ok(Some(Self { db: Some(db) })),
            Err(error) if crate::error::is_engine_locked(&error) => Ok(None),
            Err(error) => Err(from_sled("open", error)),
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<IVec>> {
        self.call("read", |db| db.get(key))
    }

    pub(crate) fn contains(&self, key: &[u8]) -> Result<bool> {
        self.call("read", |db| db.contains_key(key))
    }

    /// Whether nothing at all is stored.
    pub(crate) fn is_empty(&self) -> Result<bool> {
        self.call("read", |db| Ok(db.is_empty()))
    }

    /// Keys and values of a range. What is written meanwhile may be seen or not.
    pub(crate) fn scan(&self, span: &Span, direction: Direction) -> Result<Scan> {
        if span.is_empty() {
            return Ok(Scan {
                iter: None,
                direction,
            });
        }
        let range = (span.from.as_ref(), span.to.as_ref());
        let iter = self.call("read", |db| Ok(db.range::<&Vec<u8>, _>(range)))?;
        Ok(Scan {
            iter: Some(iter),
            direction,
        })
    }

    /// Makes all of a batch true at once. It survives a crash of the process only after a
    /// [`flush`](Self::flush).
    pub(crate) fn apply(&self, batch: sled::Batch) -> Result<()> {
        self.call("write", |db| db.apply_batch(batch))
    }

    /// Hands everything to the operating system. This is no protection against a loss of power:
    /// sled's `flush` syncs neither the length of its file nor where its parts are.
    pub(crate) fn flush(&self) -> Result<()> {
        self.call("flush", |db| db.flush().map(drop))
    }

    fn call<T>(&self, action: &str, f: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T> {
        let db = self
            .db
            .as_ref()
            .expect("it is there until the engine is dropped");
        catch_unwind(AssertUnwindSafe(|| f(db)))
            .map_err(|panic| panicked(action, panic.as_ref()))?
            .map_err(|error| from_sled(action, error))
    }
}

impl Drop for Engine {
    /// Closes the database: sled joins its thread, writes what is left and gives its lock back.
    fn drop(&mut self) {
        let db = self.db.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(db))) {
            let error = panicked("close", panic.as_ref());
            tracing::error!(%error, "the sled index was not closed cleanly");
        }
    }
}

/// Keys and values of a range, in one direction.
pub(crate) struct Scan {
    iter: Option<sled::Iter>,
    direction: Direction,
}

impl Iterator for Scan {
    type Item = Result<(IVec, IVec)>;

    fn next(&mut self) -> Option<Self::Item> {
        let direction = self.direction;
        let iter = self.iter.as_mut()?;
        let step = || match direction {
            Direction::Ascending => iter.next(),
            Direction::Descending => iter.next_back(),
        };
        match catch_unwind(AssertUnwindSafe(step)) {
            Ok(item) => item.map(|item| item.map_err(|error| from_sled("read", error))),
            Err(panic) => {
                self.iter = None;
                Some(Err(panicked("read", panic.as_ref())))
            }
        }
    }
}

/// sled checks its own file with assertions, so its panic means that what it read makes no sense.
fn panicked(action: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    damaged(format!(
        "{action} the sled index: its engine gave up: {text}"
    ))
}

#[cfg(test)]
mod tests {
    use artifact_domain::ErrorKind;

    use super::*;
    use crate::key::Key;

    #[test]
    fn a_panic_of_the_engine_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path(), 1 << 20).unwrap().unwrap();
        let error = engine
            .call("read", |_| -> sled::Result<()> {
                panic!("page {} is odd", 7)
            })
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert!(error.message().ends_with("page 7 is odd"), "{error}");
    }

    #[test]
    fn a_scan_goes_both_ways_and_an_impossible_range_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path(), 1 << 20).unwrap().unwrap();
        let key = |number| Key::new(b'x').number(u64::from(number));
        let mut batch = sled::Batch::default();
        for number in 1..=3_u8 {
            batch.insert(key(number).into_bytes(), vec![number]);
        }
        engine.apply(batch).unwrap();
        let values = |span: Span, direction| -> Vec<u8> {
            let scan = engine.scan(&span, direction).unwrap();
            scan.map(|item| item.unwrap().1[0]).collect()
        };
        let all = Key::new(b'x').span();
        assert_eq!(values(all.clone(), Direction::Ascending), [1, 2, 3]);
        assert_eq!(values(all.clone(), Direction::Descending), [3, 2, 1]);
        let none = all.starting_at(key(3)).ending_before(key(2));
        assert!(values(none, Direction::Ascending).is_empty());
    }
}
