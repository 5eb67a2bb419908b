//! One artifact: what is known of it, changing that, its versions, taking it away.

use artifact_app::{Change, KeepFor, Patch};
use artifact_domain::access::Action;
use artifact_domain::query::{Cursor, Filter, Order, PageSize, TagFilter};
use artifact_domain::{ArtifactRef, Error, Result, Tag, Tags, require_exact_numbers};
use axum::extract::OriginalUri;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{list, reply};
use crate::api::schemas::{ArtifactDocument, PageDocument, Problems};
use crate::body::Document;
use crate::gate::Caller;
use crate::headers::etag;
use crate::params::{At, Id, IdParam, Params, RawCoordinate, parsed, version_of};
use crate::problem::Problem;

/// Which version.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionParams {
    /// This version, not the newest
    #[param(value_type = Option<u32>, minimum = 1)]
    version: Option<String>,
}

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// How many at most
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before
    cursor: Option<String>,
}

/// What is known of an artifact.
#[utoipa::path(
    get,
    path = "/api/v1/artifacts/{id}",
    tag = "artifacts",
    operation_id = "show",
    params(IdParam),
    responses(
        (status = 200, description = "What is known of it", body = ArtifactDocument),
        Problems,
    ),
)]
pub(crate) async fn show(caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    let id = id.into();
    let record = caller.with(&id).await?.show(&id).await?;
    Ok(reply::details(StatusCode::OK, &record))
}

/// All its versions, the newest first, page by page.
#[utoipa::path(
    get,
    path = "/api/v1/artifacts/{id}/versions",
    tag = "artifacts",
    operation_id = "versions",
    params(IdParam, PageParams),
    responses(
        (status = 200, description = "A page, the newest first", body = PageDocument),
        Problems,
    ),
)]
pub(crate) async fn versions(
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Id(id): Id,
    Params(params): Params<PageParams>,
) -> Result<Response, Problem> {
    let id = id.into();
    let store = caller.with(&id).await?;
    let record = store.show(&id).await?;
    let filter = Filter::versions_of(&record.coordinate);
    let cursor = parsed::<Cursor>(params.cursor.as_deref())?;
    let limit = PageSize::new(params.limit.unwrap_or(PageSize::MAX.get()))?;
    let page = store.search(filter, Order::Created, cursor, limit).await?;
    Ok(list::answer(&uri, &page))
}

/// Takes the newest version away, or the one that is named.
#[utoipa::path(
    delete,
    path = "/api/v1/specs/{spec}/tasks/{task}/{type}/{name}",
    tag = "artifacts",
    operation_id = "delete_named",
    params(RawCoordinate, VersionParams),
    responses(
        (status = 204, description = "It is gone"),
        Problems,
    ),
)]
pub(crate) async fn delete_named(
    caller: Caller,
    At(at): At,
    Params(params): Params<VersionParams>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let artifact = version_of(at, params.version.as_deref())?;
    take_away(&caller, artifact, &headers).await
}

/// Takes one version away.
#[utoipa::path(
    delete,
    path = "/api/v1/artifacts/{id}",
    tag = "artifacts",
    operation_id = "delete",
    params(IdParam),
    responses(
        (status = 204, description = "It is gone"),
        Problems,
    ),
)]
pub(crate) async fn delete(
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    take_away(&caller, id.into(), &headers).await
}

async fn take_away(
    caller: &Caller,
    mut artifact: ArtifactRef,
    headers: &HeaderMap,
) -> Result<StatusCode, Problem> {
    let store = caller.with(&artifact).await?.clone();
    if let Some(tags) = etag::Tags::if_match(headers) {
        let record = store.show(&artifact).await?;
        let content = record.content.as_ref();
        let is_same = content.is_some_and(|content| tags.name(&content.digest))
            || tags.revision() == Some(record.revision);
        if !is_same {
            let message = format!("{} is another one by now", record.version_uri());
            return Err(Problem::precondition(message));
        }
        // The bytes of one version never change.
        artifact = record.id.into();
    }
    let app = caller.app();
    app.finish(async move { store.delete(&artifact).await })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes what is known of an artifact, by a JSON merge patch (RFC 7396) of its document.
#[utoipa::path(
    patch,
    path = "/api/v1/artifacts/{id}",
    tag = "artifacts",
    operation_id = "patch",
    params(IdParam),
    request_body(content = PatchDocument, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "As it is now", body = ArtifactDocument),
        Problems,
    ),
)]
pub(crate) async fn patch(
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
    Document(body): Document,
) -> Result<Response, Problem> {
    let mut patch = parse(&body)?;
    if let Some(tags) = etag::Tags::if_match(&headers).filter(|tags| *tags != etag::Tags::Any) {
        let revision = tags.revision();
        patch.expected_revision = Some(revision.ok_or_else(|| {
            Problem::precondition("If-Match names no ETag that this document has had")
        })?);
    }
    let id = id.into();
    let store = caller.with(&id).await?.clone();
    if patch.may_take_away() {
        caller.to(Action::Delete).with(&id).await?;
    }
    let changed = caller
        .app()
        .finish(async move { store.patch(&id, &patch).await })
        .await?;
    Ok(reply::changed(&caller, StatusCode::OK, &changed.record).await)
}

/// What to change, as a JSON merge patch (RFC 7396). What is null is taken away.
#[derive(ToSchema)]
#[schema(as = Patch)]
#[expect(
    dead_code,
    reason = "what is null is not what is missing, so it is read key by key"
)]
struct PatchDocument {
    /// Tags to set, null for those to remove; null for no tags at all
    #[schema(required = false)]
    tags: Option<std::collections::BTreeMap<String, Option<String>>>,
    /// A merge patch of the metadata
    #[schema(required = false, nullable = false)]
    metadata: Option<Map<String, Value>>,
    /// To put it on hold; null to release it
    #[schema(required = false)]
    hold: Option<HoldPatch>,
    /// To put it on hold or to release it, without saying why
    #[schema(required = false, nullable = false)]
    held: Option<bool>,
    /// For how many days from its creation it is kept; null for as long as the rules say
    #[schema(required = false, minimum = 1, maximum = 36_500)]
    retention_days: Option<u32>,
    /// True: until somebody says otherwise
    #[schema(required = false, nullable = false)]
    keep_forever: Option<bool>,
}

/// Reads a patch. What is null is taken away.
fn parse(body: &[u8]) -> Result<Patch> {
    let wrong = |why: &str| {
        Error::invalid_input(format!("the patch can't be read: {why}")).with_hint(
            "write an object with any of tags, metadata, hold, retention_days and keep_forever",
        )
    };
    let text = std::str::from_utf8(body).map_err(|_| wrong("it is not UTF-8"))?;
    let members: Map<String, Value> =
        serde_json::from_str(text).map_err(|cause| wrong(&cause.to_string()))?;
    require_exact_numbers(text)?;
    let mut patch = Patch::default();
    for (key, value) in members {
        match (&*key, value) {
            ("tags", Value::Object(tags)) => patch.changes.extend(tag_changes(tags)?),
            ("tags", Value::Null) => patch.changes.push(Change::SetTags(Tags::default())),
            ("metadata", Value::Object(map)) => patch.changes.push(Change::PatchMetadata(map)),
            ("hold", Value::Null) | ("held", Value::Bool(false)) => {
                patch.changes.push(Change::ReleaseHold);
            }
            ("held", Value::Bool(true)) => patch.changes.push(Change::Hold {
                reason: None,
                by: None,
            }),
            ("hold", hold @ Value::Object(_)) => {
                let hold: HoldPatch =
                    serde_json::from_value(hold).map_err(|cause| wrong(&cause.to_string()))?;
                patch.changes.push(Change::Hold {
                    reason: hold.reason,
                    by: hold.by,
                });
            }
            ("retention_days", Value::Null) => patch.keep = Some(KeepFor::Rules),
            ("retention_days", Value::Number(days)) => {
                let days = days.as_u64().and_then(|days| u32::try_from(days).ok());
                let days = days.filter(|days| (1..=36_500).contains(days));
                let days = days.ok_or_else(|| wrong("retention_days is 1 to 36500"))?;
                patch.keep = Some(KeepFor::Days(days));
            }
            ("keep_forever", Value::Bool(true)) => patch.keep = Some(KeepFor::Ever),
            _ => return Err(wrong(&format!("`{key}` is not changed so"))),
        }
    }
    Ok(patch)
}

/// Why and by whom it is held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldPatch {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    by: Option<String>,
}

fn tag_changes(tags: Map<String, Value>) -> Result<Vec<Change>> {
    let (mut set, mut gone) = (Vec::new(), Vec::new());
    for (key, value) in tags {
        match value {
            Value::Null => gone.push(TagFilter { key, value: None }),
            Value::String(value) => set.push(Tag::new(key, value)?),
            _ => {
                let message = format!("the value of the tag `{key}` is no text");
                return Err(Error::invalid_input(message));
            }
        }
    }
    Ok(vec![
        Change::RemoveTags(gone),
        Change::AddTags(Tags::from_tags(set)?),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_of_a_patch_is_one_change() {
        let patch = parse(br#"{"tags": {"a": "1", "b": null}, "hold": {"reason": "audit"}}"#);
        let changes = patch.unwrap().changes;
        let hold = Change::Hold {
            reason: Some("audit".to_owned()),
            by: None,
        };
        let set = Tags::from_tags([Tag::new("a", "1").unwrap()]).unwrap();
        let gone = TagFilter {
            key: "b".to_owned(),
            value: None,
        };
        let expected = [hold, Change::RemoveTags(vec![gone]), Change::AddTags(set)];
        assert_eq!(changes.len(), 3);
        assert!(changes.iter().all(|change| expected.contains(change)));
        assert_eq!(
            parse(br#"{"retention_days": null}"#).unwrap().keep,
            Some(KeepFor::Rules)
        );
        assert_eq!(
            parse(br#"{"retention_days": 7}"#).unwrap().keep,
            Some(KeepFor::Days(7))
        );
        assert_eq!(parse(b"{}").unwrap(), Patch::default());
    }

    #[test]
    fn what_cannot_be_changed_is_refused() {
        for bad in [
            "",
            "[]",
            "null",
            "{",
            "\u{0}",
            r#"{"name": "x"}"#,
            r#"{"tags": 1}"#,
            r#"{"tags": {"a": 1}}"#,
            r#"{"retention_days": -1}"#,
            r#"{"retention_days": 1e400}"#,
            r#"{"retention_days": 99999999999}"#,
            r#"{"hold": {"since": 1}}"#,
            r#"{"metadata": {"x": 123456789012345678901234567890}}"#,
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad} was taken");
        }
        assert!(parse(b"\xff").is_err());
    }
}
