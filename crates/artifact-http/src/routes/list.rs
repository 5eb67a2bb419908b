//! `GET /artifacts`: what a filter selects, page by page.

use artifact_domain::Result;
use artifact_domain::query::{Cursor, Order, Page, PageSize};
use axum::extract::OriginalUri;
use axum::response::Response;
use http::header::LINK;
use http::{HeaderValue, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::reply::{self, Items};
use crate::api::schemas::{PageDocument, Problems};
use crate::filter::{FilterParams, PageParams, Paged};
use crate::gate::Caller;
use crate::params::parsed;
use crate::problem::Problem;

/// How many artifacts a page has where nobody says.
const USUAL: usize = 100;

/// One page.
#[utoipa::path(
    get,
    path = "/api/v1/artifacts",
    tag = "artifacts",
    operation_id = "list",
    params(FilterParams, PageParams),
    responses(
        (status = 200, description = "A page", body = PageDocument),
        Problems,
    ),
)]
pub(crate) async fn list(
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Paged { filter, page }: Paged,
) -> Result<Response, Problem> {
    let filter = filter.filter(caller.aside())?;
    let order = parsed::<Order>(page.sort.as_deref())?.unwrap_or_default();
    let cursor = parsed::<Cursor>(page.cursor.as_deref())?;
    let limit = PageSize::new(page.limit.unwrap_or(USUAL))?;
    let (store, filter) = caller.among(filter).await?;
    let found = store.search(filter, order, cursor, limit).await?;
    Ok(answer(&uri, &found))
}

/// A page, and where the next one is.
pub(super) fn answer(uri: &Uri, page: &Page) -> Response {
    let next = page.next.as_ref().map(ToString::to_string);
    let mut response = reply::json(StatusCode::OK, &Items::new(&page.items, next.clone()));
    if let Some(next) = next {
        let link = format!("<{}>; rel=\"next\"", with_cursor(uri, &next));
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(LINK, link);
        }
    }
    response
}

/// The same question, from there on.
fn with_cursor(uri: &Uri, cursor: &str) -> String {
    let others = uri.query().unwrap_or_default().split('&');
    let mut query: Vec<_> = others
        .filter(|part| !part.is_empty() && !part.starts_with("cursor="))
        .map(str::to_owned)
        .collect();
    query.push(format!(
        "cursor={}",
        utf8_percent_encode(cursor, NON_ALPHANUMERIC)
    ));
    format!("{}?{}", uri.path(), query.join("&"))
}
