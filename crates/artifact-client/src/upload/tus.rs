//! Uploads in parts by tus 1.0: a part that was cut off goes on where it ended, though the server was
//! started anew meanwhile.

use artifact_api::SecretWarning;
use artifact_domain::{ArtifactId, Error, ErrorKind, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value};

use super::{Parts, Stored, Upload, warnings};
use crate::backoff::Backoff;
use crate::client::Client;
use crate::connection::Repeat;
use crate::faults;

const CHUNK: &str = "application/offset+octet-stream";

/// An upload that was begun.
struct Begun<'a> {
    client: &'a Client,
    url: String,
    /// How many bytes the server has.
    offset: u64,
    /// How many there are in all, once that is known.
    length: Option<u64>,
    /// What it has become.
    artifact: Option<ArtifactId>,
    /// What in it looks like secrets.
    warnings: Vec<SecretWarning>,
}

/// Stores `first` and what follows it.
pub(super) async fn upload(
    client: &Client,
    upload: &Upload,
    first: Bytes,
    mut parts: Parts,
) -> Result<Stored> {
    let is_whole = parts.is_over;
    let length = if is_whole {
        Some(first.len() as u64)
    } else {
        None
    };
    let mut begun = begin(client, upload, length).await?;
    let mut part = first;
    let sent = async {
        loop {
            // Read while the one before it is sent.
            parts.ahead();
            let ended = parts.is_over;
            if ended && begun.length.is_none() {
                begun.length = Some(begun.offset + part.len() as u64);
            }
            begun.send(part).await?;
            if ended {
                return Ok(());
            }
            part = parts.next().await?;
        }
    };
    let sent: Result<()> = sent.await;
    if let Err(error) = sent {
        begun.give_up().await;
        return Err(error);
    }
    let id = begun.artifact.ok_or_else(|| {
        faults::nonsense(&client.connection.server, "the upload has become nothing")
    })?;
    Ok(Stored {
        artifact: client.show(&id.into()).await?,
        warnings: begun.warnings,
    })
}

/// Begins one. Begun twice, the first is thrown away by the server after a while.
async fn begin<'a>(client: &'a Client, upload: &Upload, length: Option<u64>) -> Result<Begun<'a>> {
    let about = metadata(upload);
    let connection = &client.connection;
    let make = || {
        let request = tus(connection.request(Method::POST, "/uploads"));
        let request = request.header("upload-metadata", &about);
        match length {
            Some(length) => request.header("upload-length", length),
            None => request.header("upload-defer-length", 1),
        }
    };
    let response = connection.send(Repeat::Harmless, make).await?;
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    let location = location
        .ok_or_else(|| faults::nonsense(&connection.server, "an upload without a place"))?;
    Ok(Begun {
        client,
        url: connection.server.named(location)?,
        offset: 0,
        artifact: artifact(response.headers()),
        warnings: warnings(response.headers()),
        length,
    })
}

impl Begun<'_> {
    /// Sends a part, with the length of all where that is known by now.
    async fn send(&mut self, part: Bytes) -> Result<()> {
        let connection = &self.client.connection;
        let (begin, end) = (self.offset, self.offset + part.len() as u64);
        let mut backoff = Backoff::default();
        loop {
            let is_done =
                self.offset == end && (self.length != Some(end) || self.artifact.is_some());
            if is_done {
                return Ok(());
            }
            let rest = part.slice(usize::try_from(self.offset - begin).unwrap_or(usize::MAX)..);
            let mut request = tus(connection.request_url(Method::PATCH, &self.url))
                .header("upload-offset", self.offset)
                .header(CONTENT_TYPE, CHUNK)
                .body(rest);
            if let Some(length) = self.length {
                request = request.header("upload-length", length);
            }
            let fault = match connection.send_once(request).await {
                Ok(response) => {
                    self.look_at(response.headers())?;
                    continue;
                }
                Err(fault) => fault,
            };
            // Whoever sends to another offset than there is has missed an answer.
            let is_behind = fault.error.kind() == ErrorKind::Conflict;
            if !(fault.passes || is_behind) || !backoff.pause(fault.wait).await {
                return Err(fault.error);
            }
            let before = self.offset;
            let make = || tus(connection.request_url(Method::HEAD, &self.url));
            let response = connection.send(Repeat::Harmless, make).await?;
            self.look_at(response.headers())?;
            if self.offset > before {
                backoff.reset();
            }
            if !(begin..=end).contains(&self.offset) {
                let message = "the upload was changed by somebody else on its way";
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            tracing::info!(
                at = self.offset,
                "the connection broke, going on from there"
            );
        }
    }

    fn look_at(&mut self, headers: &HeaderMap) -> Result<()> {
        let offset = headers.get("upload-offset");
        let offset = offset.and_then(|offset| offset.to_str().ok()?.parse().ok());
        let server = &self.client.connection.server;
        self.offset =
            offset.ok_or_else(|| faults::nonsense(server, "an upload without an offset"))?;
        self.artifact = self.artifact.or(artifact(headers));
        // Told again is not told twice.
        let told = warnings(headers);
        if !told.is_empty() {
            self.warnings = told;
        }
        Ok(())
    }

    /// Has what came thrown away. That it fails is no news: it is thrown away later.
    async fn give_up(&self) {
        let connection = &self.client.connection;
        let request = tus(connection.request_url(Method::DELETE, &self.url));
        if let Err(fault) = connection.send_once(request).await {
            tracing::debug!(error = %fault.error, "the upload could not be withdrawn");
        }
    }
}

fn tus(request: RequestBuilder) -> RequestBuilder {
    request.header("tus-resumable", "1.0.0")
}

fn artifact(headers: &HeaderMap) -> Option<ArtifactId> {
    headers.get("x-artifact-id")?.to_str().ok()?.parse().ok()
}

/// What the upload will be: keys, each with a value in base64.
fn metadata(upload: &Upload) -> String {
    let at = &upload.coordinate;
    let mut pairs = vec![
        ("spec", at.spec().to_string()),
        ("task", at.task().to_string()),
        ("type", at.artifact_type().to_string()),
        ("name", at.name().to_string()),
    ];
    // As JSON, since the keys of tags can have characters that no key of the protocol has.
    if !upload.tags.is_empty() {
        let tags = upload.tags.iter();
        let tags: Map<_, _> = tags
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        pairs.push(("tags_json", Value::from(tags).to_string()));
    }
    if !upload.metadata.is_empty() {
        let map = upload.metadata.as_map().clone();
        pairs.push(("metadata_json", Value::from(map).to_string()));
    }
    let mime_type = upload.mime_type.as_ref();
    pairs.extend(mime_type.map(|mime_type| ("mime_type", mime_type.to_string())));
    let days = upload.retention_days;
    pairs.extend(days.map(|days| ("retention_days", days.to_string())));
    pairs.extend((!upload.compress).then(|| ("compress", "false".to_owned())));
    let encoded = pairs
        .iter()
        .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
    encoded.collect::<Vec<_>>().join(",")
}
