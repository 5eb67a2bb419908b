//! Signed URLs to download an artifact: whoever has one reads the stored bytes without this
//! software, until it ends. Must not know how a store signs.

use std::time::Duration;

use artifact_domain::port::{PresignMethod, PresignRequest, PresignedUrl};
use artifact_domain::{
    ArtifactRecord, ArtifactRef, ByteRange, Error, ErrorKind, Result, Tier, Timestamp,
};

use crate::Store;
use crate::download::needs_restore;

/// For how long a URL can be signed.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// How often a version is looked up again that was moved or superseded before it was found.
const ROUNDS: usize = 8;

/// A URL that one version can be downloaded from.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedDownload {
    /// Which version.
    pub record: ArtifactRecord,
    /// The URL. A compressed blob is served with `Content-Encoding: gzip`.
    pub url: PresignedUrl,
    /// When it ends.
    pub valid_until: Timestamp,
}

impl Store {
    /// Signs a URL that the newest version, or the one that the address or the id names, can be
    /// downloaded from. It ends with the artifact, if that expires earlier. What it serves is not
    /// verified: that is for who reads it, by the SHA-256 of the record.
    ///
    /// # Errors
    /// `NotFound` and `Expired`; `InvalidInput` for less than a second or more than seven days;
    /// `Conflict` for a version that must be restored first; `Unsupported` where the store cannot
    /// sign; `Integrity` for a version whose bytes are not there.
    pub async fn presign(
        &self,
        artifact: &ArtifactRef,
        valid_for: Duration,
    ) -> Result<SignedDownload> {
        check_time(valid_for)?;
        for _ in 0..ROUNDS {
            let record = self.show(artifact).await?;
            match self.sign_download(record.clone(), valid_for).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.explain_missing(&record, error).await?;
                }
                signed => return signed.map_err(|error| error.context(record.version_uri())),
            }
        }
        let message = format!("{artifact} was replaced each time before it could be signed");
        Err(Error::new(ErrorKind::Conflict, message).with_hint("try again, or name one version"))
    }

    /// The version of which somebody else signs a URL, and when that ends: with the artifact, if that
    /// expires earlier.
    ///
    /// # Errors
    /// Those of [`Self::presign`] but for what the store itself signs.
    pub async fn signable(
        &self,
        artifact: &ArtifactRef,
        valid_for: Duration,
    ) -> Result<(ArtifactRecord, Timestamp)> {
        check_time(valid_for)?;
        let record = self.show(artifact).await?;
        let valid_until = self.end_of_url(&record, valid_for)?;
        Ok((record, valid_until))
    }

    fn end_of_url(&self, record: &ArtifactRecord, valid_for: Duration) -> Result<Timestamp> {
        if record.tier == Tier::Cold && !self.options.tiers.cold_read_through {
            return Err(needs_restore(record));
        }
        let end = self.now().saturating_add(valid_for);
        let expiry = record.expires_at.filter(|_| record.hold.is_none());
        Ok(expiry.map_or(end, |expiry| end.min(expiry)))
    }

    async fn sign_download(
        &self,
        record: ArtifactRecord,
        valid_for: Duration,
    ) -> Result<SignedDownload> {
        let valid_until = self.end_of_url(&record, valid_for)?;
        let place = self.whereabouts(&record).await?;
        self.require_thawed(&record, place).await?;
        let name = record.coordinate.name().as_str();
        let request = PresignRequest {
            method: PresignMethod::Get,
            // The rest of a second would be rounded away, and less than one is none.
            valid_for: self.now().until(valid_until).max(Duration::from_secs(1)),
            file_name: name.rsplit('/').next().map(str::to_owned),
        };
        let url = self.blobs_of(place).presign(record.blob_key()?, request);
        Ok(SignedDownload {
            url: url.await?,
            record,
            valid_until,
        })
    }

    /// A URL to what cannot be read is of no use to anybody: one byte is asked for.
    async fn require_thawed(&self, record: &ArtifactRecord, place: Tier) -> Result<()> {
        if record.tier == Tier::Hot || !self.blobs_of(place).capabilities().restore {
            return Ok(());
        }
        let first = record.stored_content()?.stored_size_bytes.min(1);
        let key = record.blob_key()?;
        let opened = self
            .blobs_of(place)
            .get(key, Some(ByteRange::new(0, first)?));
        match opened.await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                Err(needs_restore(record).with_source(error))
            }
            opened => opened.map(drop),
        }
    }
}

/// What every signer allows: a second to seven days.
///
/// # Errors
/// `InvalidInput` for anything else.
pub fn check_time(valid_for: Duration) -> Result<()> {
    if (Duration::from_secs(1)..=LONGEST).contains(&valid_for) {
        return Ok(());
    }
    let message = "a signed URL is good for at least a second and at most seven days";
    Err(Error::invalid_input(message))
}
