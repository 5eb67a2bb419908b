//! Answers that have only lines of an artifact: the last ones, or those that match.

use artifact_app::{
    Grep, GrepItem, GrepKind, GrepOptions, GrepScope, Page, Part, Pattern, PatternOptions,
};
use artifact_domain::port::ByteStream;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{ARTIFACT_ID, ARTIFACT_VERSION, Answer, set};
use crate::body::outgoing;
use crate::problem::Problem;

impl Answer<'_> {
    /// Its last lines.
    pub(super) async fn last_lines(&self, lines: u64) -> Result<Response, Problem> {
        let mut response = self.respond(StatusCode::OK, Part::LastLines(lines)).await?;
        self.describe_excerpt(response.headers_mut());
        Ok(response)
    }

    /// The lines of a page.
    pub(super) async fn page(&self, page: Page) -> Result<Response, Problem> {
        let mut response = self.respond(StatusCode::OK, Part::Page(page)).await?;
        self.describe_excerpt(response.headers_mut());
        Ok(response)
    }

    /// The lines that match, as `grep` prints them.
    pub(super) fn matching(&self, pattern: &str) -> Result<Response, Problem> {
        let options = PatternOptions {
            fixed: self.selection.fixed,
            ignore_case: self.selection.ignore_case,
            ..PatternOptions::default()
        };
        let options = GrepOptions {
            binary_as_text: true,
            ..GrepOptions::new(Pattern::new(pattern, options)?)
        };
        let scope = GrepScope::These(vec![self.record.id.into()]);
        let body = if self.has_body {
            let grep = self.store.grep(scope, &options)?;
            outgoing(lines_of(grep), self.record.version_uri().to_string())
        } else {
            Body::empty()
        };
        let mut response = (StatusCode::OK, body).into_response();
        self.describe_excerpt(response.headers_mut());
        Ok(response)
    }

    /// What an answer says that has only lines of it.
    fn describe_excerpt(&self, headers: &mut HeaderMap) {
        set(headers, CONTENT_TYPE, self.record.mime_type.as_str());
        set(headers, ARTIFACT_ID, &self.record.id.to_string());
        set(headers, ARTIFACT_VERSION, &self.record.version.to_string());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        self.protect(headers);
    }
}

/// The text of the lines that a search finds.
fn lines_of(grep: Grep) -> ByteStream {
    let lines = stream::try_unfold(grep, |mut grep| async move {
        while let Some(item) = grep.next().await {
            let lines = match item? {
                GrepItem::Lines(_, lines) => lines,
                GrepItem::Failed(error) => return Err(error),
                GrepItem::Ended(..) | GrepItem::Read(_) => continue,
            };
            let mut text = BytesMut::new();
            for line in lines.iter().filter(|line| line.kind == GrepKind::Match) {
                text.extend_from_slice(line.text);
                if !line.text.ends_with(b"\n") {
                    text.extend_from_slice(b"\n");
                }
            }
            if !text.is_empty() {
                return Ok(Some((text.freeze(), grep)));
            }
        }
        Ok(None)
    });
    Box::pin(lines)
}
