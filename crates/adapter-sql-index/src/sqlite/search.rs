//! Answers a query, one page at a time. Must not know which indexes serve it.

use artifact_domain::query::{Page, PageBuilder, Query};
use rusqlite::{Connection, params_from_iter};

use super::error::Result;
use super::{find, plan};

/// Gives the page that a query asks for. Fewer records than `few` are sorted, more are walked in
/// order: [`plan::FEW`] but in tests.
pub(super) fn page(connection: &Connection, query: &Query, few: usize) -> Result<Page> {
    query.validate()?;
    let mut page = PageBuilder::new(query);
    // One more than the page holds tells whether another page follows.
    let Some(plan) = plan::plan(connection, query, query.limit.get() + 1, few)? else {
        return Ok(page.build());
    };
    let params = params_from_iter(&plan.sql.params);
    if plan.has_rows_alone {
        let rows = find::rows(connection, &plan.sql.sql, params)?;
        find::each_of(connection, &rows, |record| page.push(record))?;
    } else {
        find::each(connection, &plan.sql.sql, params, |record| {
            page.push(record)
        })?;
    }
    Ok(page.build())
}
