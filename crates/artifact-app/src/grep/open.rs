//! Which artifacts are searched, and the beginning of each search. Knows no order of what is found.

use std::sync::Arc;

use artifact_domain::query::Query;
use artifact_domain::{
    ArtifactRecord, ArtifactRef, ArtifactUri, Encoding, Error, ErrorKind, Result,
};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};

use super::search::{Found, SearchOptions, search};
use super::{GrepOptions, GrepScope, GrepSource};
use crate::pipe::pipe_of;
use crate::{Download, DownloadOptions, Store, Verification};

/// How many batches of a search may wait to be taken.
const BATCHES_IN_FLIGHT: usize = 1;

/// How many artifacts are opened at once, before they are searched.
const OPENED_AT_ONCE: usize = 2;

/// A search that has begun, or why it has not.
pub(super) enum Opened {
    Searching(Arc<GrepSource>, BoxStream<'static, Result<Found>>),
    /// It has so many bytes, and does not fit any more.
    LeftOut(u64),
    Gone,
    Failed(Error),
}

/// An artifact to be searched.
enum Candidate {
    /// Whether it was found as the newest version of its address.
    Found(Box<ArtifactRecord>, bool),
    Failed(Error),
}

/// Begins the searches, in the order of the scope. An error ends it: the index can't be asked.
pub(super) fn searches(
    store: &Store,
    scope: GrepScope,
    options: &GrepOptions,
) -> BoxStream<'static, Result<Opened>> {
    let search = Arc::new(options.search_options());
    let mut left_bytes = options.max_bytes;
    let store = store.clone();
    candidates(&store, scope)
        .map(move |candidate| {
            let left_out = match &candidate {
                Ok(Candidate::Found(record, _)) => does_not_fit(record, &mut left_bytes),
                _ => None,
            };
            let (store, search) = (store.clone(), Arc::clone(&search));
            async move {
                if let Some(size_bytes) = left_out {
                    return Ok(Opened::LeftOut(size_bytes));
                }
                Ok(match candidate? {
                    Candidate::Failed(error) => Opened::Failed(error),
                    Candidate::Found(record, is_newest) => {
                        open(&store, *record, is_newest, search).await
                    }
                })
            }
        })
        .buffered(OPENED_AT_ONCE)
        .boxed()
}

/// The size of what does not fit into the bytes that are left; what fits is taken from them.
fn does_not_fit(record: &ArtifactRecord, left_bytes: &mut Option<u64>) -> Option<u64> {
    let left_bytes = left_bytes.as_mut()?;
    let size_bytes = record.content.as_ref()?.size_bytes;
    match left_bytes.checked_sub(size_bytes) {
        Some(rest) => *left_bytes = rest,
        None => return Some(size_bytes),
    }
    None
}

fn candidates(
    store: &Store,
    scope: GrepScope,
) -> impl Stream<Item = Result<Candidate>> + Send + 'static {
    let store = store.clone();
    match scope {
        GrepScope::Selected {
            mut filter,
            order,
            limit,
        } => {
            filter.states.retain(|state| state.is_live());
            let is_newest = filter.versions == artifact_domain::query::Versions::Newest;
            let mut query = Query::new(*filter, store.now());
            query.order = order;
            let limit = limit.map_or(usize::MAX, |limit| {
                usize::try_from(limit).unwrap_or(usize::MAX)
            });
            store
                .pages(query)
                .map(move |record| {
                    record.map(|record| Candidate::Found(Box::new(record), is_newest))
                })
                .take(limit)
                .boxed()
        }
        GrepScope::These(artifacts) => stream::iter(artifacts)
            .then(move |artifact| {
                let store = store.clone();
                async move {
                    let is_newest =
                        matches!(&artifact, ArtifactRef::Uri(uri) if uri.version().is_none());
                    Ok(match store.show(&artifact).await {
                        Ok(record) => Candidate::Found(Box::new(record), is_newest),
                        Err(error) => Candidate::Failed(error),
                    })
                }
            })
            .boxed(),
    }
}

async fn open(
    store: &Store,
    record: ArtifactRecord,
    is_newest: bool,
    options: Arc<SearchOptions>,
) -> Opened {
    let uri = if is_newest {
        record.uri()
    } else {
        record.version_uri()
    };
    match download(store, &record, &uri, is_newest).await {
        Ok(None) => Opened::Gone,
        Err(error) => Opened::Failed(error),
        Ok(Some(Download { record, body, .. })) => {
            let found = pipe_of(BATCHES_IN_FLIGHT, move |output| {
                search(output.reader(body), &options, &output)
            });
            Opened::Searching(Arc::new(GrepSource { record, uri }), found)
        }
    }
}

/// The bytes of a version; of the one that has taken its place meanwhile where the newest was asked
/// for; none where there is none any more.
async fn download(
    store: &Store,
    record: &ArtifactRecord,
    uri: &ArtifactUri,
    is_newest: bool,
) -> Result<Option<Download>> {
    let verification = verification(record)?;
    let found = store.fetch_found(record, verification).await?;
    if found.is_some() || !is_newest {
        return Ok(found);
    }
    let options = DownloadOptions {
        range: None,
        verification: Verification::Digest,
    };
    match store.download(&uri.clone().into(), options).await {
        Ok(download) => Ok(Some(download)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Expired) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gzip has checksums of its own, which are quicker than the digest.
fn verification(record: &ArtifactRecord) -> Result<Verification> {
    Ok(match record.stored_content()?.encoding {
        Encoding::Gzip => Verification::Skip,
        Encoding::Identity => Verification::Digest,
    })
}
