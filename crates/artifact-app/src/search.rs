//! Finding many artifacts.

use artifact_domain::query::{Cursor, Filter, Order, Page, PageSize, Query};
use artifact_domain::{ArtifactRecord, Result};
use futures::stream::{self, Stream};

use crate::Store;

impl Store {
    /// One page of what `filter` selects now.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor of another order.
    pub async fn search(
        &self,
        filter: Filter,
        order: Order,
        cursor: Option<Cursor>,
        limit: PageSize,
    ) -> Result<Page> {
        let query = Query {
            filter,
            order,
            cursor,
            limit,
            now: self.now(),
        };
        self.retrying("query", || self.ports.index.query(query.clone()))
            .await
    }

    /// Everything that `filter` selects, page by page: memory for one page, however much it is.
    /// Expiry is judged once, at the beginning.
    pub fn search_all(
        &self,
        filter: Filter,
        order: Order,
    ) -> impl Stream<Item = Result<ArtifactRecord>> + Send + 'static {
        let mut query = Query::new(filter, self.now());
        query.order = order;
        self.pages(query)
    }

    /// Every record of a query from its cursor on.
    pub(crate) fn pages(
        &self,
        mut query: Query,
    ) -> impl Stream<Item = Result<ArtifactRecord>> + Send + 'static {
        struct State {
            store: Store,
            next: Option<Query>,
            page: std::vec::IntoIter<ArtifactRecord>,
        }
        query.limit = PageSize::WALK;
        let state = State {
            store: self.clone(),
            next: Some(query),
            page: Vec::new().into_iter(),
        };
        stream::unfold(state, |mut state| async {
            loop {
                if let Some(record) = state.page.next() {
                    return Some((Ok(record), state));
                }
                let query = state.next.take()?;
                let store = &state.store;
                let page = store
                    .retrying("query", || store.ports.index.query(query.clone()))
                    .await;
                match page {
                    Ok(page) => {
                        state.next = page.next.map(|cursor| Query {
                            cursor: Some(cursor),
                            ..query.clone()
                        });
                        state.page = page.items.into_iter();
                    }
                    Err(error) => return Some((Err(error), state)),
                }
            }
        })
    }
}
