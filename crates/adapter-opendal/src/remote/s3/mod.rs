//! A bucket of S3 or of a service that speaks like it: where it is and who asks. Knows nothing of
//! blobs.

mod doctor;
mod place;
mod raw;
mod rules;
mod standard;
mod tiers;
mod uploads;
mod xml;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use artifact_domain::Result;
use opendal::services::S3;
use opendal::{HttpTransporter, OperationContext, Operator};

use super::{RemoteStore, StorageClasses, client};
use crate::error::from_remote;
pub use doctor::S3Doctor;
use place::Place;
use raw::RawClient;
pub use rules::S3BucketRules;
use standard::{Credentials, Surroundings};
pub(crate) use tiers::Objects;
pub(crate) use uploads::Uploads;

/// Which bucket, and who asks for it.
#[derive(Debug, Clone, Default)]
pub struct S3Options {
    /// The bucket's name.
    pub bucket: String,
    /// The region. When absent it is that of the environment (`AWS_REGION`) or of the profile;
    /// otherwise AWS is asked where the bucket is, and any other service is told `us-east-1`.
    pub region: Option<String>,
    /// The service's `http` or `https` URL. When absent it is that of the environment
    /// (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`) or of the profile, otherwise AWS.
    pub endpoint_url: Option<String>,
    /// The keys; the standard credential chain when absent.
    pub access_keys: Option<AccessKeys>,
    /// Whether the bucket stands in the path of URLs; wherever an endpoint is given when absent.
    pub path_style: Option<bool>,
    /// What every key in the bucket starts with.
    pub prefix: Option<String>,
    /// The storage class of each tier. Where none is given, AWS has `STANDARD_IA` for what is warm
    /// and `GLACIER` for what is cold, and any other service one for all: tiers are not its business
    /// then.
    pub storage_classes: StorageClasses,
    /// How many bytes one request copies within the service; 512 MiB when absent. What is larger is
    /// copied in parts of so many.
    pub copy_bytes: Option<u64>,
    /// How many times a request is made again that failed for a passing reason.
    pub retries: u32,
    /// How long a request may go without an answer, and a download stand still, before it is made
    /// again; 30 seconds when absent. A part of an upload has longer, by its size.
    pub patience: Option<Duration>,
}

impl S3Options {
    /// Whether these, and where they are silent the environment and the profile, mean a bucket of AWS
    /// itself. Asks nobody.
    ///
    /// # Errors
    /// `InvalidInput` for a file of profiles that can't be read.
    pub async fn means_amazon(&self) -> Result<bool> {
        let around = Surroundings::look(&standard::context()).await?;
        Ok(place::means_amazon(self, around))
    }

    /// The region that these name, or where they are silent the environment or the profile. Asks nobody.
    ///
    /// # Errors
    /// `InvalidInput` for a file of profiles that can't be read.
    pub async fn named_region(&self) -> Result<Option<String>> {
        let around = Surroundings::look(&standard::context()).await?;
        Ok(self.region.clone().or(around.region))
    }
}

/// A pair of keys. The secret one does not print.
#[derive(Clone)]
pub struct AccessKeys {
    /// Says who asks.
    pub access_key: String,
    /// Proves it.
    pub secret_key: String,
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys").finish_non_exhaustive()
    }
}

/// Where the bucket is, and what requests go through.
async fn reach(options: &S3Options) -> Result<(Place, HttpTransporter)> {
    let around = Surroundings::look(&standard::context()).await?;
    let transport = client::new(http::HeaderMap::new(), around.ca_bundle.as_deref())?;
    let place = Place::find(options, around, &transport).await?;
    Ok((place, transport))
}

pub(crate) async fn open(options: &S3Options) -> Result<RemoteStore> {
    let (place, transport) = reach(options).await?;
    let credentials = Credentials::new(options.access_keys.as_ref(), &transport);
    let context = OperationContext::new().with_http_transport(transport.clone());
    let operator = |service: S3| {
        let operator =
            Operator::new(service).map(|operator| operator.with_context(context.clone()));
        operator
            .map_err(|cause| from_remote(format_args!("open bucket `{}`", options.bucket), cause))
    };
    // What arrives damaged is refused.
    let bare = operator(service(options, &place, &credentials).checksum_algorithm("crc32c"))?;
    let mut store = RemoteStore::new(
        bare,
        "s3",
        place.location(),
        (options.retries, options.patience),
    );
    // Whoever puts by a URL knows his bytes when he sends them, and not when it is signed.
    store.signer = Some(operator(service(options, &place, &credentials))?);
    let mut client = RawClient::new(&place, &credentials, transport, options.retries);
    client.patience = options.patience.unwrap_or(client.patience);
    let client = Arc::new(client);
    let mut classes = options.storage_classes.clone();
    if place.is_amazon() {
        classes = classes.or("STANDARD_IA", "GLACIER");
    }
    if classes.has_tiers() {
        let copy_bytes = options.copy_bytes;
        let objects = Objects::new(Arc::clone(&client), &place, classes, copy_bytes);
        store.objects = Some(objects);
    }
    store.uploads = Some(Uploads::new(client, &place.root));
    Ok(store)
}

fn service(options: &S3Options, place: &Place, credentials: &Credentials) -> S3 {
    let mut service = S3::default()
        .bucket(&options.bucket)
        .root(&place.root)
        .region(&place.region)
        .endpoint(&place.endpoint)
        .credential_provider_chain(credentials.to_chain());
    if let Some(class) = &options.storage_classes.hot {
        service = service.default_storage_class(class);
    }
    if !place.path_style {
        service = service.enable_virtual_host_style();
    }
    service
}

impl S3BucketRules {
    /// The rules of the bucket. Asks AWS for its region where nothing says it; sends nothing else.
    ///
    /// # Errors
    /// Those of opening a store there.
    pub async fn open(options: &S3Options) -> Result<Self> {
        let (place, transport) = reach(options).await?;
        let credentials = Credentials::new(options.access_keys.as_ref(), &transport);
        let client = RawClient::new(&place, &credentials, transport, options.retries);
        Ok(Self::new(client, &place.bucket, &place.root))
    }
}
