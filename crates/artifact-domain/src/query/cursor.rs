//! Where a page ended, as an opaque text that a client hands back.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::Order;
use crate::segment::{self, excerpt};
use crate::{ArtifactId, ArtifactRecord, Error, Result, Timestamp};

/// The value of the last record of a page that its order sorts by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortValue {
    /// For [`Order::Created`].
    Created(Timestamp),
    /// For [`Order::Size`]: original bytes, 0 where none are stored.
    Size(u64),
    /// For [`Order::Name`].
    Name(String),
}

/// Where a page ended: the next page begins with the first record that comes after it.
///
/// Its text is opaque to clients and stable within a major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    value: SortValue,
    id: ArtifactId,
}

impl Cursor {
    /// The cursor right after `record` in `order`.
    pub fn after(record: &ArtifactRecord, order: Order) -> Self {
        let value = match order {
            Order::Created => SortValue::Created(record.created_at),
            Order::Size => SortValue::Size(size_of(record)),
            Order::Name => SortValue::Name(record.coordinate.name().as_str().to_owned()),
        };
        Self {
            value,
            id: record.id,
        }
    }

    /// The order it belongs to.
    pub fn order(&self) -> Order {
        match self.value {
            SortValue::Created(_) => Order::Created,
            SortValue::Size(_) => Order::Size,
            SortValue::Name(_) => Order::Name,
        }
    }

    /// What the last record of the page sorts by.
    pub fn value(&self) -> &SortValue {
        &self.value
    }

    /// The last record of the page.
    pub fn id(&self) -> ArtifactId {
        self.id
    }

    /// Whether `record` comes after it.
    pub fn is_before(&self, record: &ArtifactRecord) -> bool {
        let other = Self::after(record, self.order());
        let by_value = match (&self.value, &other.value) {
            (SortValue::Created(a), SortValue::Created(b)) => b.cmp(a),
            (SortValue::Size(a), SortValue::Size(b)) => b.cmp(a),
            (SortValue::Name(a), SortValue::Name(b)) => a.cmp(b),
            _ => Ordering::Equal,
        };
        let by_id = match self.order() {
            Order::Created | Order::Size => other.id.cmp(&self.id),
            Order::Name => self.id.cmp(&other.id),
        };
        by_value.then(by_id) == Ordering::Less
    }
}

pub(super) fn size_of(record: &ArtifactRecord) -> u64 {
    record
        .content
        .as_ref()
        .map_or(0, |content| content.size_bytes)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            SortValue::Created(time) => write!(f, "c~{}~{}", time.as_micros(), self.id),
            SortValue::Size(size) => write!(f, "s~{size}~{}", self.id),
            SortValue::Name(name) => {
                write!(
                    f,
                    "n~{}~{}",
                    segment::encode(name).replace('~', "%7E"),
                    self.id
                )
            }
        }
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || {
            Error::invalid_input(format!("`{}` is not a cursor of this store", excerpt(text)))
                .with_hint("give the next_cursor of the page before, unchanged")
        };
        let parts: Vec<_> = text.split('~').collect();
        let [kind, value, id] = parts[..] else {
            return Err(refuse());
        };
        let value = match kind {
            "c" => {
                let micros = value.parse().map_err(|_| refuse())?;
                SortValue::Created(Timestamp::from_micros(micros).map_err(|_| refuse())?)
            }
            "s" => SortValue::Size(value.parse().map_err(|_| refuse())?),
            "n" => SortValue::Name(segment::decode(value).map_err(|_| refuse())?),
            _ => return Err(refuse()),
        };
        Ok(Self {
            value,
            id: id.parse().map_err(|_| refuse())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    #[test]
    fn cursors_round_trip_in_every_order() {
        let mut record = record();
        record.coordinate = crate::Coordinate::new(
            record.coordinate.spec().clone(),
            record.coordinate.task().clone(),
            record.coordinate.artifact_type().clone(),
            "a~b/ü%".parse().unwrap(),
        )
        .unwrap();
        for order in [Order::Created, Order::Size, Order::Name] {
            let cursor = Cursor::after(&record, order);
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
            assert!(
                !cursor.is_before(&record),
                "a record does not come after itself"
            );
        }
    }

    #[test]
    fn foreign_cursors_are_refused() {
        let id = "018bcfe5-6800-7101-8101-010101010101";
        let bad = [
            "",
            "c",
            "c~1",
            "x~1~1",
            "c~~",
            "s~-1~",
            "n~%~",
            "c~9223372036854775807~",
        ];
        for bad in bad {
            assert!(bad.parse::<Cursor>().is_err(), "{bad} was accepted");
            assert!(format!("{bad}{id}x").parse::<Cursor>().is_err());
        }
    }
}
