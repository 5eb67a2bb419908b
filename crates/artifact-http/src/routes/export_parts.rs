//! An archive and how it ended as the two parts of one answer, `multipart/mixed` (RFC 2046): what is left out of
//! it, and whether all could be read, is known only once it is written. Knows no filter.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use artifact_api::{ExportSums, Fault, Line};
use artifact_app::{Export, ExportProgress, LeftOut};
use artifact_domain::port::ByteStream;
use artifact_domain::{Error, Result};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, future, stream};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use crate::problem::with_causes;

/// The media type of such answers.
const MULTIPART: &str = "multipart/mixed";

/// How many of those that are left out are named.
const MOST: usize = 10_000;

/// Those that are left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Missing(Arc<Mutex<Vec<Fault>>>);

impl Missing {
    /// Whom an export tells of them.
    pub(super) fn teller(&self) -> LeftOut {
        let missing = self.clone();
        Arc::new(move |error: Error| {
            let mut faults = missing.0.lock().unwrap_or_else(PoisonError::into_inner);
            if faults.len() < MOST {
                faults.push((&error).into());
            }
        })
    }

    /// Each of them on a line, and last what the archive has, or why it is none.
    fn into_lines(self, progress: &ExportProgress, ended: Option<Fault>) -> Vec<u8> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = ExportSums {
            artifacts: progress.artifacts(),
            left_out: progress.left_out(),
            size_bytes: progress.size_bytes(),
        };
        let failed = std::mem::take(&mut *faults)
            .into_iter()
            .map(Line::<Value, ExportSums>::Failed);
        let mut text = Vec::new();
        let last = ended.map_or(Line::Sums(sums), Line::Error);
        for line in failed.chain([last]) {
            // They have text keys alone and always a JSON form.
            text.extend(serde_json::to_vec(&line).unwrap_or_default());
            text.push(b'\n');
        }
        text
    }
}

/// Whether the client wants to be told so.
pub(super) fn are_wanted(headers: &HeaderMap) -> bool {
    let said = headers.get_all(ACCEPT).iter();
    let mut said = said.filter_map(|value| value.to_str().ok());
    said.any(|value| {
        let mut kinds = value.split(',');
        kinds.any(|kind| kind.trim().eq_ignore_ascii_case(MULTIPART))
    })
}

/// The answer. One that is cut off has no last boundary.
pub(super) async fn answer(
    export: Export,
    mime_type: &'static str,
    missing: Missing,
) -> Result<Response> {
    let boundary = Uuid::new_v4().simple().to_string();
    let head = format!("--{boundary}\r\nContent-Type: {mime_type}\r\n\r\n");
    let between = format!("\r\n--{boundary}\r\nContent-Type: application/x-ndjson\r\n\r\n");
    let end = format!("\r\n--{boundary}--\r\n");
    let (mut archive, progress) = (export.body, export.progress);
    // What can't be read at all is a problem, and no answer.
    let first = archive.try_next().await?;
    let ended = Arc::new(Mutex::new(None));
    let archive = until_it_fails(archive, Arc::clone(&ended));
    let rest = stream::once(async move {
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut rest = between.into_bytes();
        rest.extend(missing.into_lines(&progress, ended));
        rest.extend(end.into_bytes());
        Ok::<_, Infallible>(Bytes::from(rest))
    });
    let begin = [Bytes::from(head)].into_iter().chain(first);
    let body = stream::iter(begin.map(Ok)).chain(archive).chain(rest);
    let body = Body::from_stream(body);
    let mut response = (StatusCode::OK, body).into_response();
    let kind = format!("{MULTIPART}; boundary={boundary}");
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    Ok(response)
}

/// The chunks before the first error, which is kept for the second part.
fn until_it_fails(
    archive: ByteStream,
    ended: Arc<Mutex<Option<Fault>>>,
) -> impl Stream<Item = std::result::Result<Bytes, Infallible>> + Send {
    archive.scan((), move |(), chunk| future::ready(match chunk {
        Ok(chunk) => Some(Ok(chunk)),
        Err(error) => {
            tracing::error!(kind = %error.kind(), "an archive ended early: {}", with_causes(&error));
            *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some((&error).into());
            None
        }
    }))
}
