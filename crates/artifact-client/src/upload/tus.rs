//! Uploads in parts by tus 1.0: a part that was cut off goes on where it ended, though the server was
//! started anew meanwhile.

use artifact_api::{Artifact, SecretWarning};
use artifact_domain::{ArtifactId, ArtifactRef, Digest, Error, ErrorKind, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value};

use super::piece::{File, Piece};
use super::{Parts, Stored, Upload, warnings};
use crate::backoff::Backoff;
use crate::client::Client;
use crate::connection::Repeat;
use crate::faults::{self, Fault};
use crate::hashing::Hashing;

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
pub(super) async fn upload_parts(
    client: &Client,
    upload: &Upload,
    first: Bytes,
    mut parts: Parts,
) -> Result<Stored> {
    let length = parts.is_over.then_some(first.len() as u64);
    let mut begun = begin(client, upload, length).await?;
    let mut part = first;
    let hashing = Hashing::start();
    let sent = async {
        loop {
            // Read while the one before it is sent.
            parts.ahead();
            hashing.add(part.clone()).await;
            let ended = parts.is_over;
            if ended && begun.length.is_none() {
                begun.length = Some(begun.offset + part.len() as u64);
            }
            begun.send(&Piece::Bytes(part)).await?;
            if ended {
                return Ok(());
            }
            part = parts.next().await?;
        }
    };
    let sent: Result<()> = sent.await;
    begun.end(sent, hashing.end().await?).await
}

/// Stores a file in one request, and as many more as the connection breaks.
pub(super) async fn upload_file(client: &Client, upload: &Upload, file: File) -> Result<Stored> {
    let piece = Piece::File(file);
    let mut begun = begin(client, upload, Some(piece.length())).await?;
    let sent = begun.send(&piece).await;
    begun.end(sent, piece.digest()).await
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
    async fn send(&mut self, part: &Piece) -> Result<()> {
        let connection = &self.client.connection;
        let (begin, end) = (self.offset, self.offset + part.length());
        // It was begun: much is lost where nobody waits.
        let mut backoff = Backoff::patient();
        loop {
            let is_done =
                self.offset == end && (self.length != Some(end) || self.artifact.is_some());
            if is_done {
                return Ok(());
            }
            let mut request = tus(connection.request_url(Method::PATCH, &self.url))
                .header("upload-offset", self.offset)
                .header(CONTENT_TYPE, CHUNK)
                .header(CONTENT_LENGTH, end - self.offset)
                .body(part.body(self.offset - begin));
            if let Some(length) = self.length {
                request = request.header("upload-length", length);
            }
            let fault = match connection.send_once(request).await {
                Ok(response) => {
                    self.look_at(response.headers())?;
                    self.require_within(begin, end)?;
                    continue;
                }
                Err(fault) => fault,
            };
            if let Some(error) = part.fault() {
                return Err(error);
            }
            // Whoever sends to another offset than there is has missed an answer.
            let is_behind = fault.error.kind() == ErrorKind::Conflict;
            if !(fault.passes || is_behind) {
                return Err(fault.error);
            }
            let before = self.offset;
            self.ask(fault, &mut backoff).await?;
            self.require_within(begin, end)?;
            if self.offset > before {
                backoff.go_on();
            }
            tracing::info!(
                at = self.offset,
                "the connection broke, going on from there"
            );
        }
    }

    /// Asks how far the server is after something went wrong, as long as that may help.
    async fn ask(&mut self, mut fault: Fault, backoff: &mut Backoff) -> Result<()> {
        let connection = &self.client.connection;
        loop {
            if !backoff.pause(fault.wait).await {
                return Err(fault.error);
            }
            let request = tus(connection.request_url(Method::HEAD, &self.url));
            fault = match connection.send_once(request).await {
                Ok(response) => return self.look_at(response.headers()),
                Err(fault) if fault.passes => fault,
                Err(fault) => return Err(fault.error),
            };
        }
    }

    fn require_within(&self, begin: u64, end: u64) -> Result<()> {
        if (begin..=end).contains(&self.offset) {
            return Ok(());
        }
        let message = "the upload was changed by somebody else on its way";
        Err(Error::new(ErrorKind::Conflict, message))
    }

    /// Asks what it has become once all is sent, and withdraws it where that failed.
    async fn end(self, sent: Result<()>, digest: Digest) -> Result<Stored> {
        if let Err(error) = sent {
            self.give_up().await;
            return Err(error);
        }
        let connection = &self.client.connection;
        let make = || tus(connection.request_url(Method::GET, &self.url));
        let artifact: Artifact = connection.document(Repeat::Harmless, make).await?;
        if artifact.sha256 == Some(digest) {
            return Ok(Stored {
                artifact,
                warnings: self.warnings,
            });
        }
        let message = format!("other bytes arrived than were sent as {}", artifact.uri);
        let error = Error::new(ErrorKind::Integrity, message);
        let wrong = ArtifactRef::Id(artifact.id);
        Err(match self.client.delete(&wrong, false).await {
            Ok(_) => error.with_hint("they are deleted; store it once more"),
            Err(_) => error.with_hint(format!(
                "something on the way changes them; delete {} and store it once more",
                artifact.id
            )),
        })
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
        pairs.push(("metadata_json", upload.metadata.as_json().to_owned()));
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
