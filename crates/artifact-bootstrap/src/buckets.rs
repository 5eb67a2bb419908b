//! From the settings of a bucket to its store of blobs.

use std::sync::Arc;

use adapter_opendal::{
    AccessKeys, GcsBucketRules, GcsOptions, OpendalStore, S3BucketRules, S3Options, StorageClasses,
};
use artifact_app::{BucketService, BucketSite, TierClasses};
use artifact_domain::port::BucketRules;
use artifact_domain::{Error, ErrorKind, Result};

use crate::settings::{Backend, Settings, StorageClasses as ClassSettings};

/// The bucket of the backend `s3`.
pub(crate) async fn s3(settings: &Settings) -> Result<Arc<OpendalStore>> {
    Ok(Arc::new(OpendalStore::s3(s3_options(settings)).await?))
}

pub(crate) fn s3_options(settings: &Settings) -> S3Options {
    let s3 = &settings.s3;
    let keys = s3.access_key.as_ref().zip(s3.secret_key.as_ref());
    S3Options {
        bucket: s3.bucket.clone().unwrap_or_default(),
        region: s3.region.clone(),
        endpoint_url: s3.endpoint_url.clone(),
        access_keys: keys.map(|(access, secret)| AccessKeys {
            access_key: access.expose().to_owned(),
            secret_key: secret.expose().to_owned(),
        }),
        path_style: s3.path_style,
        prefix: s3.prefix.clone(),
        storage_classes: classes(&s3.storage_classes),
        copy_bytes: None,
        retries: settings.retry.attempts,
        patience: None,
    }
}

/// The bucket of the backend `gcs`.
pub(crate) fn gcs(settings: &Settings) -> Result<Arc<OpendalStore>> {
    Ok(Arc::new(OpendalStore::gcs(&gcs_options(settings))?))
}

pub(crate) fn gcs_options(settings: &Settings) -> GcsOptions {
    let gcs = &settings.gcs;
    GcsOptions {
        bucket: gcs.bucket.clone().unwrap_or_default(),
        endpoint_url: gcs.endpoint_url.clone(),
        project: gcs.project.clone(),
        credentials_path: gcs.credentials_path.clone(),
        prefix: gcs.prefix.clone(),
        storage_classes: classes(&gcs.storage_classes),
        retries: settings.retry.attempts,
    }
}

/// The place of the store in the bucket that `settings` describe, and the storage classes of its
/// tiers. Asks nobody.
///
/// # Errors
/// `Unsupported` for a backend that is no bucket; `InvalidInput` for profiles of AWS that can't be
/// read.
pub async fn bucket_site(settings: &Settings) -> Result<(BucketSite, TierClasses)> {
    let (service, bucket, prefix, classes) = match settings.backend {
        Backend::S3 => {
            let s3 = &settings.s3;
            (
                BucketService::S3,
                &s3.bucket,
                &s3.prefix,
                &s3.storage_classes,
            )
        }
        Backend::Gcs => {
            let gcs = &settings.gcs;
            let classes = &gcs.storage_classes;
            (BucketService::Gcs, &gcs.bucket, &gcs.prefix, classes)
        }
        _ => return Err(no_bucket()),
    };
    let prefix = prefix.as_deref().unwrap_or_default().split('/');
    let prefix = prefix.filter(|part| !part.is_empty());
    let region = match settings.backend {
        Backend::S3 => s3_options(settings).named_region().await?,
        _ => None,
    };
    let site = BucketSite {
        service,
        bucket: bucket.clone().unwrap_or_default(),
        prefix: prefix.flat_map(|part| [part, "/"]).collect(),
        partition: partition(region.as_deref().unwrap_or_default()),
    };
    let own = match settings.backend {
        // As the store itself decides it.
        Backend::S3 if s3_options(settings).means_amazon().await? => {
            Some(("STANDARD_IA", "GLACIER"))
        }
        Backend::Gcs if settings.gcs.endpoint_url.is_none() => Some(("NEARLINE", "ARCHIVE")),
        _ => None,
    };
    let warm = own.map(|(warm, _)| warm.to_owned());
    let cold = own.map(|(_, cold)| cold.to_owned());
    let warm = classes.warm.clone().or(warm).or(classes.hot.clone());
    let classes = TierClasses {
        cold: classes.cold.clone().or(cold).or(warm.clone()),
        warm,
    };
    Ok((site, classes))
}

/// The rules of the bucket that `settings` describe.
///
/// # Errors
/// `Unsupported` for a backend that is no bucket; `InvalidInput` for an endpoint that is no URL.
pub async fn bucket_rules(settings: &Settings) -> Result<Arc<dyn BucketRules>> {
    match settings.backend {
        Backend::S3 => Ok(Arc::new(S3BucketRules::open(&s3_options(settings)).await?)),
        Backend::Gcs => Ok(Arc::new(GcsBucketRules::open(&gcs_options(settings))?)),
        _ => Err(no_bucket()),
    }
}

/// The part of AWS that a region is in; each has ARNs of its own.
fn partition(region: &str) -> &'static str {
    match region {
        china if china.starts_with("cn-") => "aws-cn",
        government if government.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn no_bucket() -> Error {
    let message = "only a bucket has rules of its own, and the backend of the settings is none";
    Error::new(ErrorKind::Unsupported, message).with_hint(
        "set `backend` to s3 or gcs; elsewhere `artifact cleanup` and `artifact archive --by-age` \
         do what is due",
    )
}

fn classes(settings: &ClassSettings) -> StorageClasses {
    StorageClasses {
        hot: settings.hot.clone(),
        warm: settings.warm.clone(),
        cold: settings.cold.clone(),
    }
}
