//! Answers a query, one page at a time. Must not know which indexes serve it.

use artifact_domain::query::{Cursor, Page, Query};
use rusqlite::{Connection, params_from_iter};

use super::error::Result;
use super::{find, plan};

/// Gives the page that a query asks for. Fewer records than `few` are sorted, more are walked in
/// order: [`plan::FEW`] but in tests.
pub(super) fn page(connection: &Connection, query: &Query, few: usize) -> Result<Page> {
    query.validate()?;
    let limit = query.limit.get();
    // One more than the page holds tells whether another page follows.
    let mut found = match plan::sql(connection, query, limit + 1, few)? {
        Some(sql) => find::many(connection, &sql.sql, params_from_iter(&sql.params))?,
        None => Vec::new(),
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let items: Vec<_> = found.into_iter().map(|(_, record)| record).collect();
    let next = items
        .last()
        .filter(|_| more)
        .map(|last| Cursor::after(last, query.order));
    Ok(Page { items, next })
}
