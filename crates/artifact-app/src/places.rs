//! The blob stores behind the tiers: which there are, and in which of them the bytes of a version
//! lie. Must not know why bytes move.

use std::fmt;
use std::sync::Arc;

use artifact_domain::port::{BlobStore, ByteStream, ListedBlob};
use artifact_domain::{
    ArtifactRecord, BlobKey, BlobPrefix, ByteRange, Error, ErrorKind, Result, Tier,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::Store;

/// The blob stores of the colder tiers. A tier that has none is kept where the hot one is; two
/// tiers may share a store, which then is the same `Arc`.
#[derive(Clone, Default)]
pub struct Tiers {
    /// Where the bytes of warm versions are kept.
    pub warm: Option<Arc<dyn BlobStore>>,
    /// Where the bytes of archived versions are kept.
    pub cold: Option<Arc<dyn BlobStore>>,
}

impl fmt::Debug for Tiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiers")
            .field("warm", &self.warm.is_some())
            .field("cold", &self.cold.is_some())
            .finish()
    }
}

impl Store {
    /// The store that a tier is kept in.
    pub(crate) fn blobs_of(&self, tier: Tier) -> &Arc<dyn BlobStore> {
        let tiers = &self.ports.tiers;
        let own = match tier {
            Tier::Hot => None,
            Tier::Warm => tiers.warm.as_ref(),
            Tier::Cold => tiers.cold.as_ref(),
        };
        own.unwrap_or(&self.ports.blobs)
    }

    /// The quickest tier that is kept in the same store: what the store is called by.
    pub(crate) fn place_of(&self, tier: Tier) -> Tier {
        let own = self.blobs_of(tier);
        let same = |other: &Tier| Arc::ptr_eq(self.blobs_of(*other), own);
        Tier::ALL.into_iter().find(same).unwrap_or(tier)
    }

    /// Every store once, by the quickest tier that is kept in it, the hot one first.
    pub(crate) fn places(&self) -> Vec<Tier> {
        let is_first = |tier: &Tier| self.place_of(*tier) == *tier;
        Tier::ALL.into_iter().filter(is_first).collect()
    }

    /// Where the bytes of a version may lie, the likeliest first. They lie in the store of their
    /// tier, unless the settings gave that tier another store since they were written.
    fn places_for(&self, tier: Tier) -> Vec<Tier> {
        let own = self.place_of(tier);
        let others = self.places().into_iter().filter(|place| *place != own);
        std::iter::once(own).chain(others).collect()
    }

    /// Asks one store after another, until one has it. It is not found if all of them say so; of
    /// other errors it gives the first.
    async fn first_that_has<T, Call: Future<Output = Result<T>>>(
        &self,
        tier: Tier,
        mut ask: impl FnMut(Tier) -> Call,
    ) -> Result<T> {
        let mut first = None;
        for place in self.places_for(tier) {
            match ask(place).await {
                Ok(found) => return Ok(found),
                Err(error) => {
                    let kind = error.kind();
                    let is_first = |first: &Error| first.kind() == ErrorKind::NotFound;
                    if first.as_ref().is_none_or(is_first) {
                        first = Some(error);
                    }
                    // Whoever was not there may have what the others have too.
                    if ![ErrorKind::NotFound, ErrorKind::Unavailable].contains(&kind) {
                        break;
                    }
                }
            }
        }
        Err(first.unwrap_or_else(|| Error::new(ErrorKind::Internal, "there is no blob store")))
    }

    /// Reads the stored bytes of a version. Errors: those of [`BlobStore::get`].
    pub(crate) async fn get_blob(
        &self,
        tier: Tier,
        key: &BlobKey,
        range: Option<ByteRange>,
    ) -> Result<ByteStream> {
        self.first_that_has(tier, |place| {
            let blobs = self.blobs_of(place);
            self.retrying("get", move || blobs.get(key.clone(), range))
        })
        .await
    }

    /// In which store the bytes of a version lie. Errors: `NotFound`.
    pub(crate) async fn whereabouts(&self, record: &ArtifactRecord) -> Result<Tier> {
        let key = &record.blob_key()?;
        self.first_that_has(record.tier, |place| async move {
            let blobs = self.blobs_of(place);
            self.retrying("stat", move || blobs.stat(key.clone()))
                .await?;
            Ok(place)
        })
        .await
    }

    /// Every file below a prefix, of every store, each with the place where it lies.
    pub(crate) fn list_everywhere(
        &self,
        prefix: BlobPrefix,
    ) -> impl Stream<Item = Result<(Tier, ListedBlob)>> + Send + '_ {
        stream::iter(self.places())
            .map(Ok)
            .and_then(move |place| {
                let prefix = prefix.clone();
                async move {
                    let listing = self.blobs_of(place).list(prefix).await?;
                    Ok(listing.map_ok(move |listed| (place, listed)))
                }
            })
            .try_flatten()
    }
}
