//! A bucket of Google Cloud Storage: where it is and who asks. Knows nothing of blobs.

mod billing;
mod credentials;
mod doctor;
mod objects;
mod presign;
mod raw;
mod rules;
mod session;
mod upload;

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use artifact_domain::port::{
    BlobStat, ByteStream, Capabilities, PresignRequest, PresignedUrl, PutOptions,
};
use artifact_domain::{BlobKey, Error, ErrorKind, Result, Tier};
use opendal::services::Gcs;
use opendal::{OperationContext, Operator};

use super::{RemoteStore, StorageClasses, client};
use crate::error::from_remote;
pub use doctor::GcsDoctor;
use objects::Objects;
use raw::{RawClient, Scope};
pub use rules::GcsBucketRules;
use upload::Uploads;

/// Which bucket, and who asks for it.
#[derive(Debug, Clone, Default)]
pub struct GcsOptions {
    /// The bucket's name.
    pub bucket: String,
    /// The service's `http` or `https` URL; Google's own when absent. Over `http`, which is for
    /// emulators, requests are not signed unless a credentials file is named.
    pub endpoint_url: Option<String>,
    /// The project that pays for requests and whose quota they count against; when absent that of the
    /// bucket, or of the credentials.
    pub project: Option<String>,
    /// The JSON file of a service account, a person or a federated identity; the application default
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

/// The calls that OpenDAL does not make, or not as they are needed.
#[derive(Debug)]
pub(crate) struct Google {
    client: Arc<RawClient>,
    /// What the keys of the store begin with in the bucket.
    prefix: String,
    project: Option<String>,
    is_signed: bool,
    uploads: Uploads,
    /// Where the bucket keeps tiers.
    objects: Option<Objects>,
}

impl Google {
    fn new(options: &GcsOptions, root: &str) -> Result<Self> {
        let client = Arc::new(RawClient::new(options, Scope::Objects)?);
        let prefix = root.trim_start_matches('/').to_owned();
        let classes = options.classes();
        let hot = classes.hot.clone();
        let copying = Arc::clone(&client);
        let objects = classes
            .has_tiers()
            .then(|| Objects::new(copying, &options.bucket, &prefix, classes));
        Ok(Self {
            uploads: Uploads::new(Arc::clone(&client), &prefix, hot),
            client,
            prefix,
            project: options.project.clone(),
            is_signed: options.is_signed(),
            objects,
        })
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        Capabilities {
            presign: self.is_signed,
            tiers: self.objects.is_some(),
            // Every class of Google's gives its bytes at once.
            restore: false,
        }
    }

    pub(crate) async fn put(
        &self,
        key: &BlobKey,
        body: ByteStream,
        options: PutOptions,
    ) -> Result<BlobStat> {
        self.uploads.put(key, body, options).await
    }

    /// None where nothing is signed.
    pub(crate) async fn presign(
        &self,
        key: &BlobKey,
        request: PresignRequest,
    ) -> Option<Result<PresignedUrl>> {
        let project = self.project.as_deref();
        presign::presign(&self.client, &self.prefix, project, key, request).await
    }

    /// None where tiers are not the bucket's business.
    pub(crate) async fn copy(
        &self,
        from: &BlobKey,
        to: &BlobKey,
        tier: Tier,
    ) -> Option<Result<BlobStat>> {
        Some(self.objects.as_ref()?.copy(from, to, tier).await)
    }
}

pub(crate) fn open(options: &GcsOptions) -> Result<RemoteStore> {
    credentials::find(options)?;
    let operator = operator(options)?;
    let root = operator.info().root().clone();
    let mut location = format!("gs://{}{root}", options.bucket);
    if let Some(endpoint) = &options.endpoint_url {
        location = format!("{location} at {}", endpoint.trim_end_matches('/'));
    }
    let google = Google::new(options, &root)?;
    let mut store = RemoteStore::new(operator, "gcs", location, (options.retries, None));
    store.google = Some(google);
    Ok(store)
}

fn strange(doing: impl Display) -> Error {
    let message = format!("{doing}: the service's answer can't be read");
    Error::new(ErrorKind::Internal, message)
        .with_hint("is the endpoint that of Google Cloud Storage?")
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
        // Whoever names a file means nobody else.
        service = service
            .credential_path(&path.to_string_lossy())
            .disable_config_load()
            .disable_vm_metadata();
    } else if !options.is_signed() {
        service = service.skip_signature();
    }
    let doing = || format!("open bucket `{}`", options.bucket);
    let operator = Operator::new(service).map_err(|cause| from_remote(doing(), cause))?;
    let transport = billing::transport(options, client::as_stored())?;
    let context = OperationContext::new().with_http_transport(transport);
    Ok(operator.with_context(context))
}
