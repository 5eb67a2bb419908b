//! The settings as typed values, ready for wiring. Knows nothing of files, variables or defaults:
//! the schema holds those, and a test holds the two in step.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use artifact_domain::ArtifactType;
use serde::{Deserialize, Serialize, Serializer};

use super::{ByteSize, Secret, SecretUrl};

mod guard;
mod http;

pub use guard::{Guard, OnSecret};
pub use http::{Access, AuditScope, Http, LogFormat, ProxyHeader};

/// Everything that can be set, with the names of the configuration file.
///
/// `Debug` and `Serialize` never show a secret, so what is serialized is for people and cannot be
/// loaded again where a secret was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where blobs are kept.
    pub backend: Backend,
    /// Absolute folder of the embedded parts: blobs (of `fs`), index and locks.
    pub base_path: PathBuf,
    /// The S3 bucket, or that of a compatible service.
    pub s3: S3,
    /// The Google Cloud Storage bucket.
    pub gcs: Gcs,
    /// Where records of artifacts are kept.
    pub index: Index,
    /// What an acknowledged upload survives.
    pub durability: Durability,
    /// How blobs are compressed.
    pub compression: Compression,
    /// Whether a download checks the SHA-256 of what it reads.
    pub verify_checksum: bool,
    /// Whether an upload keeps the earlier versions.
    pub versioning: Versioning,
    /// When artifacts expire and are cleaned up.
    pub retention: Retention,
    /// Where the bytes of older artifacts are kept, and from when on.
    pub tiers: Tiers,
    /// How much may be stored.
    pub quota: Quota,
    /// How writers of one artifact wait for each other.
    pub locking: Locking,
    /// How passing faults are retried.
    pub retry: Retry,
    /// How uploads are run.
    pub upload: Upload,
    /// What is done about files that look like secrets.
    pub guard: Guard,
    /// How the server listens, and how much it takes on.
    pub http: Http,
    /// Who is let in to the server.
    pub access: Access,
}

/// Where blobs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Plain files below `base_path`.
    Fs,
    /// An S3 bucket or that of a compatible service.
    S3,
    /// A Google Cloud Storage bucket.
    Gcs,
    /// The memory of this process; gone when it ends.
    Memory,
    /// The artifacts of the running GitHub Actions workflow.
    GithubActions,
    /// The generic packages of the GitLab project.
    GitlabCi,
}

/// The S3 bucket, or that of a compatible service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// The bucket's name; needed by the backend `s3`.
    pub bucket: Option<String>,
    /// The region; found by the standard chain when absent.
    pub region: Option<String>,
    /// The service's `http` or `https` URL; AWS itself when absent.
    pub endpoint_url: Option<String>,
    /// The access key; the standard credential chain when absent.
    pub access_key: Option<Secret>,
    /// The secret key that belongs to `access_key`.
    pub secret_key: Option<Secret>,
    /// Whether the bucket stands in the path of URLs rather than in the host name; wherever
    /// `endpoint_url` is set when absent, since most compatible services know no other form.
    pub path_style: Option<bool>,
    /// What every key in the bucket starts with.
    pub prefix: Option<String>,
    /// The storage class of each tier.
    pub storage_classes: StorageClasses,
}

/// The Google Cloud Storage bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gcs {
    /// The bucket's name; needed by the backend `gcs`.
    pub bucket: Option<String>,
    /// The project that pays for requests and whose quota they count against.
    pub project: Option<String>,
    /// Absolute path of the credentials' JSON file; the application default credentials when absent.
    pub credentials_path: Option<PathBuf>,
    /// The service's `http` or `https` URL; Google itself when absent.
    pub endpoint_url: Option<String>,
    /// What every key in the bucket starts with.
    pub prefix: Option<String>,
    /// The storage class of each tier.
    pub storage_classes: StorageClasses,
}

/// The storage class of each tier of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageClasses {
    /// Of what is uploaded; the service's or the bucket's own when absent.
    pub hot: Option<String>,
    /// Of what is older and still in use; when absent, one of the service itself or that of `hot`.
    pub warm: Option<String>,
    /// Of what is archived; when absent, one of the service itself or that of `warm`.
    pub cold: Option<String>,
}

/// Where records of artifacts are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The engine.
    pub engine: IndexEngine,
    /// The server's URL; needed by `postgres`, not read by the embedded engines.
    pub url: Option<SecretUrl>,
}

/// The engine of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexEngine {
    /// One `SQLite` file below `base_path`.
    Sqlite,
    /// A sled folder below `base_path`.
    Sled,
    /// A `PostgreSQL` server.
    Postgres,
}

/// What an acknowledged upload survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// The death of the process and the loss of power.
    Full,
    /// The death of the process alone.
    Relaxed,
}

/// How blobs are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compression {
    /// Whether blobs are compressed at all.
    pub enabled: bool,
    /// The gzip level, 1 (fast) to 9 (small).
    pub level: u32,
}

/// Whether an upload keeps the earlier versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versioning {
    /// Whether the earlier versions stay; otherwise an upload replaces them.
    pub enabled: bool,
    /// How many of the newest versions stay, those on hold besides; all of them when absent.
    pub keep: Option<u32>,
}

/// When artifacts expire and are cleaned up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Whether artifacts expire at all.
    pub enabled: bool,
    /// Days until an artifact expires whose type is not in `by_type`; never when absent.
    pub default_days: Option<u32>,
    /// Days by type; an artifact of a type with `None` never expires.
    pub by_type: BTreeMap<ArtifactType, Option<u32>>,
    /// Days by pattern of the task, before those by type; a task of a pattern with `None` never
    /// expires.
    pub by_task: BTreeMap<String, Option<u32>>,
    /// How many of the newest versions of each spec and type no rule lets expire.
    pub keep_latest: u32,
    /// The same among the tasks that match a pattern.
    pub keep_latest_by_task: BTreeMap<String, u32>,
    /// When cleanup runs: five fields as in crontab(5), UTC; never when absent.
    pub schedule: Option<String>,
}

/// Where the bytes of older artifacts are kept, and from when on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    /// Days after its upload from which a version is to be warm; never when absent.
    pub warm_after_days: Option<u32>,
    /// Days after its upload from which a version is to be archived; never when absent.
    pub cold_after_days: Option<u32>,
    /// The tier of what is older and still in use.
    pub warm: WarmTier,
    /// The tier of what is archived.
    pub cold: ColdTier,
}

/// The tier of what is older and still in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmTier {
    /// Absolute folder of its blobs; that of the hot tier when absent.
    pub base_path: Option<PathBuf>,
}

/// The tier of what is archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColdTier {
    /// Absolute folder of its blobs; that of the hot tier when absent.
    pub base_path: Option<PathBuf>,
    /// Whether what is archived can be read where it is.
    pub read_through: bool,
}

/// How much may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// All stored bytes, in units of 10⁹; no limit when absent.
    #[serde(serialize_with = "short_option")]
    pub max_storage_gb: Option<f64>,
    /// The share of `max_storage_gb`, 0 to 1, from which a warning is given.
    #[serde(serialize_with = "short")]
    pub warn_threshold: f64,
    /// The largest artifact, before compression.
    pub max_artifact_size: ByteSize,
}

impl Quota {
    /// `max_storage_gb` in bytes, rounded down.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and the schema admits no negative limit"
    )]
    pub fn max_storage_bytes(&self) -> Option<u64> {
        self.max_storage_gb.map(|gb| (gb * 1e9) as u64)
    }

    /// From how many bytes on a warning is given, rounded up; never where there is no limit.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and the schema admits nothing negative"
    )]
    pub fn warn_storage_bytes(&self) -> Option<u64> {
        self.max_storage_gb
            .map(|gb| (gb * 1e9 * self.warn_threshold).ceil() as u64)
    }
}

/// How writers of one artifact wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locking {
    /// Whether writers lock at all.
    pub enabled: bool,
    /// Seconds a writer waits at most.
    #[serde(serialize_with = "short")]
    pub timeout_s: f64,
    /// Seconds before the second attempt; later waits grow from it.
    #[serde(serialize_with = "short")]
    pub retry_interval_s: f64,
}

impl Locking {
    /// How long a writer waits at most.
    pub fn timeout(&self) -> Duration {
        Duration::try_from_secs_f64(self.timeout_s).unwrap_or(Duration::MAX)
    }

    /// The wait before the second attempt.
    pub fn retry_interval(&self) -> Duration {
        Duration::try_from_secs_f64(self.retry_interval_s).unwrap_or(Duration::MAX)
    }
}

/// How passing faults are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How many times a call is made again after a passing fault.
    pub attempts: u32,
}

/// How uploads are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// Seconds an interrupted upload keeps its reservation before it is reaped.
    pub lease_s: u32,
    /// Hours for which a resumable upload may stand still before what came of it is thrown away.
    pub resumable_expiry_h: u32,
}

impl Upload {
    /// How long an interrupted upload keeps its reservation.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(u64::from(self.lease_s))
    }

    /// For how long a resumable upload may stand still.
    pub fn resumable_expiry(&self) -> Duration {
        Duration::from_hours(u64::from(self.resumable_expiry_h))
    }
}

/// Writes 100 rather than 100.0.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::cast_possible_truncation,
    reason = "serde passes a reference; only whole numbers that fit are cast"
)]
fn short<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn short_option<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => short(number, serializer),
        None => serializer.serialize_none(),
    }
}
