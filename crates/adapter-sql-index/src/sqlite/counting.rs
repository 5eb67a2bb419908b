//! The connection that changes are made on, with what they add to the counters. Must not know what
//! a change is, nor how counters are stored.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;

use rusqlite::Connection;

/// Which row of the counters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CounterKey {
    pub(super) spec: String,
    pub(super) artifact_type: String,
    pub(super) state: &'static str,
    pub(super) tier: &'static str,
}

/// What is added to a row of the counters, or taken from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CounterDelta {
    pub(super) count: i64,
    pub(super) size_bytes: i64,
    pub(super) stored_size_bytes: i64,
}

/// A connection on which several changes are made in one transaction.
///
/// They hit the same few counters, so these are summed up here and written once.
#[derive(Debug)]
pub(super) struct CountingConnection {
    connection: Connection,
    change: RefCell<Vec<(CounterKey, CounterDelta)>>,
    round: RefCell<HashMap<CounterKey, CounterDelta>>,
}

impl CountingConnection {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            change: RefCell::default(),
            round: RefCell::default(),
        }
    }

    /// Adds to a counter, if the change that is being made succeeds.
    pub(super) fn count(&self, key: CounterKey, delta: CounterDelta) {
        self.change.borrow_mut().push((key, delta));
    }

    /// The change was made.
    pub(super) fn keep_change(&self) {
        let mut round = self.round.borrow_mut();
        for (key, delta) in self.change.borrow_mut().drain(..) {
            let sum = round.entry(key).or_default();
            sum.count += delta.count;
            sum.size_bytes += delta.size_bytes;
            sum.stored_size_bytes += delta.stored_size_bytes;
        }
    }

    /// The change was undone.
    pub(super) fn forget_change(&self) {
        self.change.borrow_mut().clear();
    }

    /// The transaction was undone.
    pub(super) fn forget_all(&self) {
        self.forget_change();
        self.round.borrow_mut().clear();
    }

    /// What the changes that were made add up to.
    pub(super) fn counted(&self) -> Vec<(CounterKey, CounterDelta)> {
        let mut round = self.round.borrow_mut();
        round
            .drain()
            .filter(|(_, delta)| *delta != CounterDelta::default())
            .collect()
    }
}

impl Deref for CountingConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_undone_counts_nothing_and_what_cancels_out_is_left_out() {
        let connection = CountingConnection::new(Connection::open_in_memory().unwrap());
        let key = |state| CounterKey {
            spec: "s".to_owned(),
            artifact_type: "log".to_owned(),
            state,
            tier: "HOT",
        };
        let one = |sign| CounterDelta {
            count: sign,
            size_bytes: 5 * sign,
            stored_size_bytes: 3 * sign,
        };
        connection.count(key("UPLOADING"), one(1));
        connection.keep_change();
        connection.count(key("UPLOADING"), one(-1));
        connection.count(key("ACTIVE"), one(1));
        connection.keep_change();
        connection.count(key("ACTIVE"), one(1));
        connection.forget_change();
        assert_eq!(connection.counted(), [(key("ACTIVE"), one(1))]);
        connection.count(key("ACTIVE"), one(1));
        connection.keep_change();
        connection.forget_all();
        assert_eq!(connection.counted(), []);
    }
}
