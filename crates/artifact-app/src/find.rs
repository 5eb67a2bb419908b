//! Finding one artifact: by its address or by its id.

use artifact_domain::{
    ArtifactId, ArtifactRecord, ArtifactRef, Coordinate, Error, ErrorKind, Result, Timestamp,
};

use crate::Store;

impl Store {
    /// The record of an artifact that can be read: its newest version, or the version that the
    /// address or the id names.
    ///
    /// # Errors
    /// `NotFound`; `Expired` if its retention has ended.
    pub async fn show(&self, artifact: &ArtifactRef) -> Result<ArtifactRecord> {
        let now = self.now();
        match self.look_up(artifact, now).await? {
            Some(record) if record.is_visible(now) => Ok(record),
            Some(record) if record.state.is_live() => Err(expired(artifact, &record)),
            _ => Err(not_found(artifact)),
        }
    }

    /// Whether an artifact is there and can be read.
    pub async fn exists(&self, artifact: &ArtifactRef) -> Result<bool> {
        match self.show(artifact).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Expired) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Where the version that an id names stands, in whatever state it is.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn coordinate_of(&self, id: ArtifactId) -> Result<Coordinate> {
        let artifact = ArtifactRef::Id(id);
        let found = self.look_up(&artifact, self.now()).await?;
        let record = found.ok_or_else(|| not_found(&artifact))?;
        Ok(record.coordinate)
    }

    /// How many original bytes an artifact has.
    pub async fn size_bytes(&self, artifact: &ArtifactRef) -> Result<u64> {
        let record = self.show(artifact).await?;
        record.stored_content().map(|content| content.size_bytes)
    }

    /// The record that `artifact` names, in any state; for an address without a version the
    /// newest that can be read at `now`, or else the newest that has expired.
    pub(crate) async fn look_up(
        &self,
        artifact: &ArtifactRef,
        now: Timestamp,
    ) -> Result<Option<ArtifactRecord>> {
        let index = &self.ports.index;
        self.retrying("find", || async move {
            let uri = match artifact {
                ArtifactRef::Id(id) => return index.find(*id).await,
                ArtifactRef::Uri(uri) => uri,
            };
            let coordinate = uri.coordinate();
            if let Some(version) = uri.version() {
                return index.find_version(coordinate.clone(), version).await;
            }
            match index.find_newest(coordinate.clone(), now).await? {
                Some(record) => Ok(Some(record)),
                // At the epoch nothing has expired.
                None => {
                    index
                        .find_newest(coordinate.clone(), Timestamp::UNIX_EPOCH)
                        .await
                }
            }
        })
        .await
    }
}

/// That nothing is there, or nothing that the asker may know of.
pub fn not_found(artifact: &ArtifactRef) -> Error {
    Error::new(ErrorKind::NotFound, format!("no artifact at {artifact}"))
        .with_hint("`artifact search` lists what is there")
}

fn expired(artifact: &ArtifactRef, record: &ArtifactRecord) -> Error {
    let end = record.expires_at.unwrap_or(record.created_at);
    Error::new(
        ErrorKind::Expired,
        format!("{artifact} has expired at {end}"),
    )
}
