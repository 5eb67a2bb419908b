//! A part of an answer, and when it is full.

use super::{Cursor, Order, Query};
use crate::ArtifactRecord;

/// A part of an answer, and where the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The records, in the order asked for.
    pub items: Vec<ArtifactRecord>,
    /// Where the next page begins; none where this one is the last.
    pub next: Option<Cursor>,
}

impl Page {
    /// About how much memory the records of a page take at most: where they are large it ends before
    /// it has as many as asked for, and says where the next one begins.
    pub const MAX_BYTES: usize = 4 * 1024 * 1024;
}

/// Makes a page of records that come in the order asked for.
///
/// ```
/// # use artifact_domain::query::{Filter, PageBuilder, Query};
/// # use artifact_domain::{ArtifactRecord, Timestamp};
/// # let query = Query::new(Filter::default(), Timestamp::UNIX_EPOCH);
/// # let records = Vec::<ArtifactRecord>::new();
/// let mut page = PageBuilder::new(&query);
/// for record in records {
///     if !page.push(record) {
///         break;
///     }
/// }
/// assert!(page.build().next.is_none());
/// ```
#[derive(Debug)]
pub struct PageBuilder {
    order: Order,
    limit: usize,
    items: Vec<ArtifactRecord>,
    bytes: usize,
    more: bool,
}

impl PageBuilder {
    /// An empty page.
    pub fn new(query: &Query) -> Self {
        Self {
            order: query.order,
            limit: query.limit.get(),
            items: Vec::new(),
            bytes: 0,
            more: false,
        }
    }

    /// Takes the next record, if there is room for it. If there is none, the page is done and this
    /// record begins the next one. The first always has room.
    pub fn push(&mut self, record: ArtifactRecord) -> bool {
        let bytes = self.bytes + record.memory_bytes();
        let fits = self.items.len() < self.limit && bytes <= Page::MAX_BYTES;
        self.more |= !(fits || self.items.is_empty());
        if !self.more {
            self.bytes = bytes;
            self.items.push(record);
        }
        !self.more
    }

    /// The page; another one follows if there was a record that it had no room for.
    pub fn build(self) -> Page {
        let last = self.items.last().filter(|_| self.more);
        let next = last.map(|last| Cursor::after(last, self.order));
        Page {
            items: self.items,
            next,
        }
    }
}
