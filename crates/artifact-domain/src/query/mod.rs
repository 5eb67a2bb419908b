//! Questions to the index: what to select, in which order, how many at a time.

mod area;
mod cursor;
mod filter;
mod glob;
mod page;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

pub use area::Area;
pub use cursor::{Cursor, SortValue};
pub use filter::{Expiry, Filter, TagFilter, Versions};
pub use glob::Glob;
pub use page::{Page, PageBuilder};

use crate::segment::excerpt;
use crate::{ArtifactRecord, Error, Result, Timestamp};

/// The order of answers. Ties are broken by id, in the same direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    Created,
    /// The largest first, by original bytes; what has none stored counts as 0.
    Size,
    /// By name, ascending by bytes of UTF-8.
    Name,
}

impl Order {
    /// How two records stand to each other in this order.
    pub fn compare(self, a: &ArtifactRecord, b: &ArtifactRecord) -> Ordering {
        match self {
            Self::Created => (b.created_at, b.id).cmp(&(a.created_at, a.id)),
            Self::Size => (cursor::size_of(b), b.id).cmp(&(cursor::size_of(a), a.id)),
            Self::Name => (a.coordinate.name(), a.id).cmp(&(b.coordinate.name(), b.id)),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Size => "size",
            Self::Name => "name",
        })
    }
}

impl FromStr for Order {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "created" => Ok(Self::Created),
            "size" => Ok(Self::Size),
            "name" => Ok(Self::Name),
            _ => Err(
                Error::invalid_input(format!("unknown order `{}`", excerpt(text)))
                    .with_hint("one of created, size, name"),
            ),
        }
    }
}

/// How many records a page has at most: 1 to 1,000. Of large ones it may have fewer, see
/// [`Page::MAX_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(usize);

impl PageSize {
    /// The most that one page holds.
    pub const MAX: Self = Self(1_000);

    /// Enough for a walk over many records: larger pages take more memory and hardly less time.
    pub const WALK: Self = Self(200);

    /// Checks the limits.
    pub fn new(count: usize) -> Result<Self> {
        if (1..=Self::MAX.0).contains(&count) {
            Ok(Self(count))
        } else {
            Err(Error::invalid_input(format!(
                "a page has 1 to {} artifacts, not {count}",
                Self::MAX.0
            )))
        }
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0
    }
}

/// One question to the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What to select.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// After which record; from the beginning where there is none.
    pub cursor: Option<Cursor>,
    /// How many at most.
    pub limit: PageSize,
    /// The time at which expiry is judged.
    pub now: Timestamp,
}

impl Query {
    /// The first page of what `filter` selects at `now`, newest first, as large as a page can be.
    pub fn new(filter: Filter, now: Timestamp) -> Self {
        Self {
            filter,
            order: Order::default(),
            cursor: None,
            limit: PageSize::MAX,
            now,
        }
    }

    /// How many conditions of one kind a filter may have.
    pub const MAX_CONDITIONS: usize = 256;

    /// Checks that the cursor belongs to the order, and that there are not too many conditions.
    pub fn validate(&self) -> Result<()> {
        let filter = &self.filter;
        for (count, what) in [(filter.tags.len(), "tags"), (filter.types.len(), "types")] {
            if count > Self::MAX_CONDITIONS {
                return Err(Error::invalid_input(format!(
                    "a query has up to {} {what}, not {count}",
                    Self::MAX_CONDITIONS
                )));
            }
        }
        match &self.cursor {
            Some(cursor) if cursor.order() != self.order => Err(Error::invalid_input(format!(
                "the cursor belongs to the order `{}`, the query asks for `{}`",
                cursor.order(),
                self.order
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    #[test]
    fn a_cursor_serves_only_its_own_order() {
        let mut query = Query::new(Filter::default(), Timestamp::UNIX_EPOCH);
        query.cursor = Some(Cursor::after(&record(), Order::Size));
        assert!(query.validate().is_err());
        query.order = Order::Size;
        assert!(query.validate().is_ok());
    }

    #[test]
    fn conditions_have_limits() {
        let tag = || TagFilter::parse("k=v").unwrap();
        let with = |count| {
            let filter = Filter {
                tags: std::iter::repeat_with(tag).take(count).collect(),
                ..Filter::default()
            };
            Query::new(filter, Timestamp::UNIX_EPOCH).validate()
        };
        assert!(with(Query::MAX_CONDITIONS).is_ok());
        let refused = with(Query::MAX_CONDITIONS + 1).unwrap_err();
        assert_eq!(refused.kind(), crate::ErrorKind::InvalidInput);
    }

    #[test]
    fn pages_have_limits() {
        assert!(PageSize::new(0).is_err());
        assert!(PageSize::new(1_001).is_err());
        assert_eq!(PageSize::new(1_000).unwrap(), PageSize::MAX);
    }
}
