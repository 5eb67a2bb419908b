//! A bucket of Google Cloud Storage: where it is and who asks. Knows nothing of blobs.

mod doctor;
mod objects;
mod raw;
mod rules;

use std::path::PathBuf;

use artifact_domain::Result;
use opendal::services::Gcs;
use opendal::{OperationContext, Operator};

use super::{RemoteStore, StorageClasses, client};
use crate::error::from_remote;
pub use doctor::GcsDoctor;
pub(crate) use objects::Objects;
pub use rules::GcsBucketRules;

/// Which bucket, and who asks for it.
#[derive(Debug, Clone, Default)]
pub struct GcsOptions {
    /// The bucket's name.
    pub bucket: String,
    /// The service's `http` or `https` URL; Google's own when absent. Over `http`, which is for
    /// emulators, requests are not signed unless a credentials file is named.
    pub endpoint_url: Option<String>,
    /// The JSON file of a service account or of a federated identity; the application default
    /// credentials when absent.
    pub credentials_path: Option<PathBuf>,
    /// What every key in the bucket starts with.
    pub prefix: Option<String>,
    /// The storage class of each tier. Where none is given, Google's own service has `NEARLINE` for
    /// what is warm and `ARCHIVE` for what is cold, and any other endpoint one for all: tiers are not
    /// its business then.
    pub storage_classes: StorageClasses,
    /// How many times a request is made again that failed for a passing reason.
    pub retries: u32,
}

impl GcsOptions {
    /// The storage class of each tier, with those of Google's own service.
    fn classes(&self) -> StorageClasses {
        let classes = self.storage_classes.clone();
        if self.endpoint_url.is_none() {
            classes.or("NEARLINE", "ARCHIVE")
        } else {
            classes
        }
    }

    /// Whether requests are signed: not to emulators, which have nobody to ask for.
    fn is_signed(&self) -> bool {
        let is_plain = |endpoint: &String| endpoint.starts_with("http://");
        self.credentials_path.is_some() || !self.endpoint_url.as_ref().is_some_and(is_plain)
    }
}

pub(crate) fn open(options: &GcsOptions) -> Result<RemoteStore> {
    let operator = operator(options)?;
    let root = operator.info().root().clone();
    let mut location = format!("gs://{}{root}", options.bucket);
    if let Some(endpoint) = &options.endpoint_url {
        location = format!("{location} at {}", endpoint.trim_end_matches('/'));
    }
    let mut store = RemoteStore::new(operator.clone(), "gcs", location, (options.retries, None));
    store.signer = options.is_signed().then_some(operator);
    let classes = options.classes();
    if classes.has_tiers() {
        store.google = Some(Objects::new(options, &root, classes)?);
    }
    Ok(store)
}

/// The bucket without layers.
fn operator(options: &GcsOptions) -> Result<Operator> {
    let mut service = Gcs::default()
        .bucket(&options.bucket)
        .root(options.prefix.as_deref().unwrap_or_default());
    let endpoint = options.endpoint_url.as_deref();
    if let Some(endpoint) = endpoint {
        service = service.endpoint(endpoint);
    }
    if let Some(path) = &options.credentials_path {
        service = service.credential_path(&path.to_string_lossy());
    } else if !options.is_signed() {
        service = service.skip_signature();
    }
    let doing = || format!("open bucket `{}`", options.bucket);
    let classes = options.classes();
    if let Some(class) = &classes.hot {
        service = service.default_storage_class(class);
    }
    let operator = Operator::new(service).map_err(|cause| from_remote(doing(), cause))?;
    let transport = client::new(client::as_stored(), None)?;
    let context = OperationContext::new().with_http_transport(transport);
    Ok(operator.with_context(context))
}
