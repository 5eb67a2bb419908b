//! One file of an archive held against what is stored of its artifact: left as it is, refused, or
//! stored. Knows no archive.

use artifact_codec::Hasher;
use artifact_domain::port::Supersede;
use artifact_domain::query::{Filter, Glob, Order, Versions};
use artifact_domain::{ArtifactRecord, Coordinate, Digest, Error, ErrorKind, Result};
use futures::TryStreamExt;
use tokio::sync::Semaphore;

use super::reader::Incoming;
use super::{ImportOptions, ImportOutcome};
use crate::{Body, LOST_TAG, Store, UploadRequest};

/// What is stored of one artifact, against which the versions of an archive are held.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// In the order of versions.
    records: Vec<ArtifactRecord>,
    /// How many of them the archive has come past.
    passed: usize,
    /// Whether a version of the archive was stored: then all that follow it are, in their order.
    has_new: bool,
}

impl Before {
    /// The next version with these bytes.
    fn same(&mut self, digest: Option<Digest>) -> Option<&ArtifactRecord> {
        if self.has_new {
            return None;
        }
        let has_digest = |record: &ArtifactRecord| {
            record.content.as_ref().map(|content| content.digest) == digest
        };
        digest?;
        let at = self.records[self.passed..].iter().position(has_digest)?;
        self.passed += at + 1;
        self.records.get(self.passed - 1)
    }
}

impl Store {
    /// Deals with a file. `before` is what is known of its artifact, if anything is, and what is known
    /// then.
    pub(super) async fn take_place(
        &self,
        incoming: Box<Incoming>,
        mut request: UploadRequest,
        before: &mut Option<Before>,
        options: &ImportOptions,
        looks: &Semaphore,
    ) -> Result<ImportOutcome> {
        let before = match before {
            Some(before) => before,
            none => {
                // It is never closed.
                let _turn = looks.acquire().await;
                none.insert(self.before(&request.coordinate).await?)
            }
        };
        let versioned = self.options.supersede == Supersede::Nothing;
        if !versioned
            && incoming
                .recorded
                .as_ref()
                .is_some_and(|entry| entry.is_older)
        {
            return Ok(ImportOutcome::Older);
        }
        let digest = match (&incoming.recorded, &incoming.rest) {
            (Some(entry), _) => Some(entry.line.sha256),
            (None, None) => Some(digest_of(&incoming.head)),
            (None, Some(_)) => None,
        };
        if let Some(same) = before.same(digest) {
            return Ok(ImportOutcome::Present(Box::new(same.clone())));
        }
        let newest = before.records.last().filter(|_| !before.has_new).cloned();
        let newest_digest = newest.as_ref().and_then(|record| record.content.as_ref());
        let newest_digest = newest_digest.map(|content| content.digest);
        if let (false, false, Some(newest)) = (versioned, options.replace, &newest) {
            // What nobody has told beforehand must be read to be known.
            let is_same =
                digest.is_none() && newest_digest == Some(read(incoming.into_body()).await?);
            return if is_same {
                Ok(ImportOutcome::Present(Box::new(newest.clone())))
            } else {
                let message = format!("{} is stored already, with other content", newest.uri());
                Err(Error::new(ErrorKind::Conflict, message)
                    .with_hint("--replace supersedes it; with versioning both are kept"))
            };
        }
        let planned_or_present = |found: Digest| match newest.clone() {
            Some(newest) if digest.is_none() && newest_digest == Some(found) => {
                ImportOutcome::Present(Box::new(newest))
            }
            _ => ImportOutcome::Planned,
        };
        if options.dry_run {
            let found = read(incoming.into_body()).await?;
            if let Some(expected) = digest.filter(|expected| *expected != found) {
                let message = format!("its SHA-256 is {found}, expected was {expected}");
                return Err(Error::new(ErrorKind::Integrity, message));
            }
            before.has_new = true;
            return Ok(planned_or_present(found));
        }
        request.expected_digest = digest;
        request.known_digest = newest_digest.filter(|_| digest.is_none());
        request.size_hint_bytes = Some(incoming.found.size_bytes);
        match self.upload_once(request, None, incoming.into_body()).await {
            Ok(uploaded) => {
                before.has_new = true;
                Ok(ImportOutcome::Imported(Box::new(uploaded)))
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match newest {
                Some(newest) => Ok(ImportOutcome::Present(Box::new(newest))),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// What is stored of an artifact.
    async fn before(&self, coordinate: &Coordinate) -> Result<Before> {
        let filter = Filter {
            spec: Some(Glob::exactly(coordinate.spec().as_str())),
            task: Some(Glob::exactly(coordinate.task().as_str())),
            name: Some(Glob::exactly(coordinate.name().as_str())),
            types: vec![coordinate.artifact_type().clone()],
            versions: Versions::All,
            ..Filter::default()
        };
        let mut records: Vec<_> = self.search_all(filter, Order::Name).try_collect().await?;
        // What was lost is what an import may bring back.
        records.retain(|record| record.tags.get(LOST_TAG).is_none());
        records.sort_unstable_by_key(|record| record.version);
        Ok(Before {
            records,
            ..Before::default()
        })
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    Digest::new(*hasher.finish().as_bytes())
}

/// Reads all bytes, and gives their digest.
async fn read(body: Body) -> Result<Digest> {
    let mut hasher = Hasher::new();
    match body {
        Body::Bytes(bytes) => hasher.update(&bytes),
        Body::Stream(mut stream) => {
            while let Some(chunk) = stream.try_next().await? {
                hasher.update(&chunk);
            }
        }
        // What comes from an archive is never one.
        Body::Reader(_) => {
            return Err(Error::new(
                ErrorKind::Internal,
                "an archive gives no reader",
            ));
        }
    }
    Ok(Digest::new(*hasher.finish().as_bytes()))
}
