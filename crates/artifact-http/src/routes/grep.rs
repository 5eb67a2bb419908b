//! `POST /grep`: lines in the contents of artifacts, told as they are found.

use artifact_api::{GrepEvent, GrepOutput as Wanted, GrepRequest};
use artifact_app::{
    Grep, GrepItem, GrepOptions, GrepOutput, GrepScope, Pattern, PatternOptions, view,
};
use artifact_domain::query::Order;
use artifact_domain::{ArtifactRef, Result};
use axum::response::Response;

use super::lines::{self, Teller};
use crate::api::schemas::Problems;
use crate::body::{Document, document};
use crate::filter::FilterParams;
use crate::gate::Caller;
use crate::params::{Params, all_parsed, parsed};
use crate::problem::Problem;

/// How many artifacts are searched at once, and at most.
const READERS: usize = 4;
const MOST_READERS: usize = 16;

/// Looks for a pattern in the contents of artifacts.
#[utoipa::path(
    post,
    path = "/api/v1/grep",
    tag = "content",
    operation_id = "grep",
    params(FilterParams),
    request_body(content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "`pattern`, how it is read (`fixed`, `ignore_case`, `words`), `artifacts` by URI or id (without them the query selects, in the order `sort`, the `latest` so many), `output` and limits"),
    responses(
        (status = 200, description = "What is found, a document per line: `item` with `lines`, `ended` or `read`; `failed`; and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn grep(
    caller: Caller,
    Params(params): Params<FilterParams>,
    Document(body): Document,
) -> Result<Response, Problem> {
    let request: GrepRequest = document(&body)?;
    let artifacts = all_parsed::<ArtifactRef>(&request.artifacts)?;
    let options = options(&request)?;
    let grep = if artifacts.is_empty() {
        let (store, filter) = caller.among(params.filter(caller.aside())?).await?;
        let scope = GrepScope::Selected {
            filter: Box::new(filter),
            order: parsed::<Order>(request.sort.as_deref())?.unwrap_or_default(),
            limit: request.latest,
        };
        store.grep(scope, &options)?
    } else {
        for artifact in &artifacts {
            caller.with(artifact).await?;
        }
        caller.aside().grep(GrepScope::These(artifacts), &options)?
    };
    Ok(lines::answer(caller.app(), move |teller| async move {
        Ok(tell(grep, &teller).await)
    }))
}

fn options(request: &GrepRequest) -> Result<GrepOptions> {
    let pattern = PatternOptions {
        fixed: request.fixed,
        ignore_case: request.ignore_case,
        words: request.words,
    };
    let readers = request.jobs.map_or(READERS, usize::from);
    Ok(GrepOptions {
        output: match request.output {
            Wanted::Lines {
                before,
                after,
                submatches,
            } => GrepOutput::Lines {
                before,
                after,
                submatches,
            },
            Wanted::Counts => GrepOutput::Counts,
            Wanted::Artifacts => GrepOutput::Artifacts,
        },
        invert: request.invert,
        binary_as_text: request.binary_as_text,
        max_count: request.max_count,
        max_total: request.max_total,
        max_bytes: request.max_bytes,
        readers: readers.clamp(1, MOST_READERS),
        ..GrepOptions::new(Pattern::new(&request.pattern, pattern)?)
    })
}

/// Where nobody listens any more, nothing more is searched.
async fn tell(mut grep: Grep, teller: &Teller) -> artifact_api::GrepReport {
    while let Some(item) = grep.next().await {
        let is_heard = match item {
            Ok(GrepItem::Lines(source, lines)) => {
                teller.item(&view::grep::lines(&source, &lines)).await
            }
            Ok(GrepItem::Ended(source, end)) => {
                teller.item(&view::grep::ended(&source, &end)).await
            }
            Ok(GrepItem::Read(bytes)) => teller.item(&GrepEvent::Read(bytes)).await,
            Ok(GrepItem::Failed(error)) | Err(error) => teller.failed(&error).await,
        };
        if !is_heard {
            break;
        }
    }
    view::grep::report(&grep.report())
}
