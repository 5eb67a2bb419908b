//! Answers that have only lines of an artifact: the last ones, or those that match.

use artifact_app::{
    Grep, GrepItem, GrepKind, GrepOptions, GrepScope, Page, Part, Pattern, PatternOptions,
};
use artifact_domain::port::ByteStream;
use artifact_domain::{Error, ErrorKind};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::future::ready;
use futures::{StreamExt, TryStreamExt, stream};
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

    /// The lines that match, as `grep` prints them. It answers once the search has begun: where the version is gone
    /// by then, no lines would be a wrong answer.
    pub(super) async fn matching(&self, pattern: &str) -> Result<Response, Problem> {
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
            let what = self.record.version_uri().to_string();
            let mut grep = self.store.grep(scope, &options)?;
            let first = grep.next().await.transpose()?;
            if first.is_none() && grep.report().gone_artifacts > 0 {
                let message = format!("{what} was deleted before it could be read");
                return Err(Error::new(ErrorKind::NotFound, message).into());
            }
            let first = first.map(text_of).transpose()?;
            outgoing(lines_of(first.unwrap_or_default(), grep), what)
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

/// The text of the lines that a search finds, after what it has found already.
fn lines_of(first: Bytes, grep: Grep) -> ByteStream {
    let rest = stream::try_unfold(grep, |mut grep| async move {
        let item = grep.next().await.transpose()?;
        item.map(|item| Ok((text_of(item)?, grep))).transpose()
    });
    let lines = stream::iter([Ok(first)]).chain(rest);
    Box::pin(lines.try_filter(|text| ready(!text.is_empty())))
}

/// The lines of a finding that match; nothing for anything but lines.
fn text_of(item: GrepItem) -> Result<Bytes, Error> {
    let lines = match item {
        GrepItem::Lines(_, lines) => lines,
        GrepItem::Failed(error) => return Err(error),
        GrepItem::Ended(..) | GrepItem::Read(_) => return Ok(Bytes::new()),
    };
    let mut text = BytesMut::new();
    for line in lines.iter().filter(|line| line.kind == GrepKind::Match) {
        text.extend_from_slice(line.text);
        if !line.text.ends_with(b"\n") {
            text.extend_from_slice(b"\n");
        }
    }
    Ok(text.freeze())
}
