//! `PUT` of an artifact: its bytes as a stream, all else by the path, the query and the headers.

use artifact_app::{Compression, Store, UploadCondition, UploadRequest, Uploaded};
use artifact_domain::access::Target;
use artifact_domain::{
    ArtifactId, ArtifactName, Error, ErrorKind, Metadata, MimeType, Result, Tag, Tags,
    parse_metadata_entry,
};
use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::Map;
use utoipa::IntoParams;

use super::content::ARTIFACT_ID;
use super::reply;
use crate::api::headers::Storing;
use crate::api::schemas::{ArtifactDocument, Problems};
use crate::body::{announced_length, incoming};
use crate::gate::Caller;
use crate::headers::encoding::refuse_coded;
use crate::headers::{digest, etag, warning};
use crate::params::{At, Params, RawCoordinate, all_parsed};
use crate::problem::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What is remembered of an artifact beside its bytes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct About {
    /// A tag, `KEY` or `KEY=VALUE`; can be given several times
    tag: Vec<String>,
    /// A key of the metadata, `KEY=JSON`; can be given several times
    meta: Vec<String>,
    /// For how many days it is kept
    #[param(minimum = 1, maximum = 36_500)]
    retention_days: Option<u32>,
    /// False: it is stored as it is
    compress: Option<bool>,
    /// The media type, whatever `Content-Type` says
    mime_type: Option<String>,
}

/// Stores the next version of what the path names.
#[utoipa::path(
    put,
    path = "/api/v1/specs/{spec}/tasks/{task}/{type}/{name}",
    tag = "content",
    operation_id = "upload",
    params(RawCoordinate, About, Storing),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The bytes"),
    responses(
        (status = 201, description = "It is stored", body = ArtifactDocument,
            headers(("Artifact-Warning" = String, description = "What in it looks like a secret: rule and line of each"))),
        (status = 200, description = "It was stored before, under the same Idempotency-Key, or the same X-Artifact-Id with the same announced SHA-256", body = ArtifactDocument),
        Problems,
    ),
)]
pub(crate) async fn put(
    caller: Caller,
    At(at): At,
    Params(about): Params<About>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    refuse_coded(&headers)?;
    let mut request = about.request(UploadRequest::new(at))?;
    request.mime_type = match &about.mime_type {
        Some(said) => MimeType::new(said.as_str())?,
        None => mime_type(&headers, request.coordinate.name())?,
    };
    request.id = chosen_id(&headers)?;
    request.expected_digest = digest::announced(&headers)?;
    request.size_hint_bytes = announced_length(&headers)?;
    request.condition = condition(&headers)?;
    let once = once(&headers)?;
    let store = caller.at(Target::Artifact(&request.coordinate)).await?;
    let (app, store) = (caller.app(), store.clone());
    let body = incoming(body, app.patience);
    let uploaded = app
        .finish(async move {
            let asked = request.clone();
            match store.upload_once(request, once, body.into()).await {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    stored_before(&store, &asked).await?.ok_or(error)
                }
                uploaded => uploaded,
            }
        })
        .await?;
    if let Some(warning) = uploaded.warning() {
        tracing::warn!("{warning}");
    }
    let record = uploaded.record;
    let status = if uploaded.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut response = reply::details(status, &record);
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&reply::location(&record)) {
        headers.insert(LOCATION, location);
    }
    warning::set(headers, &uploaded.findings);
    if let Some(content) = &record.content {
        etag::set(headers, &etag::of_content(&content.digest, false));
    }
    Ok(response)
}

impl About {
    /// Adds it to a request.
    pub(crate) fn request(&self, request: UploadRequest) -> Result<UploadRequest> {
        if self
            .retention_days
            .is_some_and(|days| !(1..=36_500).contains(&days))
        {
            return Err(Error::invalid_input("retention_days is 1 to 36500"));
        }
        let mut metadata = Map::new();
        for entry in &self.meta {
            let (key, value) = parse_metadata_entry(entry)?;
            metadata.insert(key, value);
        }
        let compression = match self.compress {
            Some(false) => Compression::Off,
            _ => Compression::AsConfigured,
        };
        Ok(UploadRequest {
            tags: Tags::from_tags(all_parsed::<Tag>(&self.tag)?)?,
            metadata: Metadata::new(metadata)?,
            retention_days: self.retention_days,
            compression,
            ..request
        })
    }
}

/// The type that the client says, or what its name tells.
fn mime_type(headers: &HeaderMap, name: &ArtifactName) -> Result<MimeType> {
    if let Some(said) = headers.get(CONTENT_TYPE) {
        let said = said.to_str();
        let said =
            said.map_err(|_| Error::invalid_input("the header Content-Type can't be read"))?;
        // What tools send that know no better.
        if said != "application/x-www-form-urlencoded" && said != "application/octet-stream" {
            return MimeType::new(said);
        }
    }
    Ok(artifact_guess::guess(name, &[]).mime_type)
}

/// The id that the client has chosen for the version.
fn chosen_id(headers: &HeaderMap) -> Result<Option<ArtifactId>> {
    let Some(id) = headers.get(ARTIFACT_ID) else {
        return Ok(None);
    };
    let id = id.to_str().ok().and_then(|id| id.parse().ok());
    id.map(Some)
        .ok_or_else(|| Error::invalid_input("the header X-Artifact-Id is no UUIDv7"))
}

/// What the same request has stored before: the same bytes at the same place, under the id that it chose.
async fn stored_before(store: &Store, asked: &UploadRequest) -> Result<Option<Uploaded>> {
    let (Some(id), Some(digest)) = (asked.id, asked.expected_digest) else {
        return Ok(None);
    };
    let found = store.outcome(id).await?.filter(|record| {
        let content = record.content.as_ref();
        record.coordinate == asked.coordinate
            && content.is_some_and(|content| content.digest == digest)
    });
    Ok(found.map(|record| Uploaded {
        record,
        is_new: false,
        findings: Vec::new(),
    }))
}

/// The tag that an upload bears which is made once, however often it is sent.
fn once(headers: &HeaderMap) -> Result<Option<Tag>> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let wrong =
        || Error::invalid_input("the header Idempotency-Key is 1 to 256 characters of ASCII");
    let key = key.to_str().map_err(|_| wrong())?.trim();
    if key.is_empty() {
        return Err(wrong());
    }
    let tag = Tag::new(IDEMPOTENCY_KEY.as_str(), key);
    tag.map(Some).map_err(|_| wrong())
}

/// What the client expects to be there before.
fn condition(headers: &HeaderMap) -> Result<Option<UploadCondition>> {
    match (
        etag::Tags::if_none_match(headers),
        etag::Tags::if_match(headers),
    ) {
        (None, None) => Ok(None),
        (Some(etag::Tags::Any), None) => Ok(Some(UploadCondition::Absent)),
        (None, Some(etag::Tags::Any)) => Ok(Some(UploadCondition::Present)),
        (None, Some(tags)) => match tags.digests()[..] {
            [digest] => Ok(Some(UploadCondition::Newest(digest))),
            _ => Err(Error::invalid_input(
                "If-Match of an upload names the ETag of the content that is replaced, or *",
            )),
        },
        _ => Err(Error::invalid_input(
            "an upload takes If-None-Match: * or If-Match, not both",
        )),
    }
}
