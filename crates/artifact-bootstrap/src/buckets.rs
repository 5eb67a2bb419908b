//! From the settings of a bucket to its store of blobs.

use std::sync::Arc;

use adapter_opendal::{AccessKeys, GcsOptions, OpendalStore, S3Options};
use artifact_domain::Result;

use crate::settings::Settings;

/// The bucket of the backend `s3`.
pub(crate) async fn s3(settings: &Settings) -> Result<Arc<OpendalStore>> {
    let s3 = &settings.s3;
    let keys = s3.access_key.as_ref().zip(s3.secret_key.as_ref());
    let options = S3Options {
        bucket: s3.bucket.clone().unwrap_or_default(),
        region: s3.region.clone(),
        endpoint_url: s3.endpoint_url.clone(),
        access_keys: keys.map(|(access, secret)| AccessKeys {
            access_key: access.expose().to_owned(),
            secret_key: secret.expose().to_owned(),
        }),
        path_style: s3.path_style,
        prefix: s3.prefix.clone(),
        retries: settings.retry.attempts,
    };
    Ok(Arc::new(OpendalStore::s3(options).await?))
}

/// The bucket of the backend `gcs`.
pub(crate) fn gcs(settings: &Settings) -> Result<Arc<OpendalStore>> {
    let gcs = &settings.gcs;
    let options = GcsOptions {
        bucket: gcs.bucket.clone().unwrap_or_default(),
        endpoint_url: gcs.endpoint_url.clone(),
        credentials_path: gcs.credentials_path.clone(),
        prefix: gcs.prefix.clone(),
        retries: settings.retry.attempts,
    };
    Ok(Arc::new(OpendalStore::gcs(&options)?))
}
