//! The one table of every key: what it may be, its default and its meaning. Loading, the default
//! file and the documentation are driven by it.

mod http;

use super::by_glob::Entries;
use super::kind::Kind;
use super::schema::{Default, Key};

/// The sections with a sentence on each, in the order of the keys.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    (
        "s3",
        "The bucket of the backend s3; TLS follows the scheme of the endpoint's URL",
    ),
    (
        "s3.storage_classes",
        "The storage class of each tier, which the bucket keeps itself then",
    ),
    ("gcs", "The bucket of the backend gcs"),
    (
        "gcs.storage_classes",
        "The storage class of each tier, which the bucket keeps itself then",
    ),
    ("index", "Where the records of artifacts are kept"),
    ("compression", "How blobs are compressed"),
    ("versioning", "What happens to earlier versions"),
    ("retention", "When artifacts expire and are cleaned up"),
    (
        "tiers",
        "Where the bytes of older artifacts are kept, and from when on",
    ),
    ("tiers.warm", "The tier of what is older and still in use"),
    ("tiers.cold", "The tier of what is archived"),
    ("quota", "How much may be stored"),
    ("locking", "How writers of one artifact wait for each other"),
    ("retry", "How passing faults are retried"),
    ("upload", "How uploads are run"),
    ("guard", "What is done about files that look like secrets"),
    (
        "http",
        "How the server `artifact-http` listens, and how much it takes on",
    ),
    ("access", "Who is let in to the server `artifact-http`"),
];

const DAYS: Kind = Kind::Whole {
    min: 1,
    max: 36_500,
};
const COUNT: u64 = 1_000_000;

const fn key(path: &'static str, kind: Kind, default: Default, doc: &'static str) -> Key {
    let nullable = matches!(default, Default::Null);
    Key {
        path,
        kind,
        nullable,
        default,
        doc,
    }
}

/// A key that null switches off although it has a default.
const fn or_null(key: Key) -> Key {
    Key {
        nullable: true,
        ..key
    }
}

/// Every key, section by section; the order of the default file and of the documentation.
pub(super) const KEYS: &[Key] = &joined::<{ STORE.len() + http::KEYS.len() }>(STORE, http::KEYS);

/// Two tables as one.
const fn joined<const N: usize>(first: &[Key], second: &[Key]) -> [Key; N] {
    let mut all = [first[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() {
            first[at]
        } else {
            second[at - first.len()]
        };
        at += 1;
    }
    all
}

/// The keys of the store, whoever uses it.
const STORE: &[Key] = &[
    key(
        "backend",
        Kind::Choice(&["fs", "s3", "gcs", "memory", "github-actions", "gitlab-ci"]),
        Default::Text("fs"),
        "where blobs are kept; memory is gone when the process ends",
    ),
    key(
        "base_path",
        Kind::Path,
        Default::DataFolder,
        "folder of the embedded parts: blobs of the backend fs, index and locks",
    ),
    key(
        "durability",
        Kind::Choice(&["full", "relaxed"]),
        Default::Text("full"),
        "what an acknowledged upload survives: full, the loss of power; relaxed, the death of \
         the process",
    ),
    key(
        "verify_checksum",
        Kind::Bool,
        Default::Bool(true),
        "whether a download checks the SHA-256 of what it reads",
    ),
    key(
        "s3.bucket",
        Kind::Text,
        Default::Null,
        "name of the bucket; needed by the backend s3",
    ),
    key(
        "s3.region",
        Kind::Text,
        Default::Null,
        "region; null: from the standard chain",
    ),
    key(
        "s3.endpoint_url",
        Kind::HttpUrl,
        Default::Null,
        "URL of a compatible service; null: AWS",
    ),
    key(
        "s3.access_key",
        Kind::Secret,
        Default::Null,
        "access key; null: the standard credential chain (environment, profile, instance role)",
    ),
    key(
        "s3.secret_key",
        Kind::Secret,
        Default::Null,
        "secret key that belongs to access_key",
    ),
    key(
        "s3.path_style",
        Kind::Bool,
        Default::Null,
        "whether URLs carry the bucket in their path; null: where endpoint_url is set",
    ),
    key(
        "s3.prefix",
        Kind::Text,
        Default::Null,
        "what every key in the bucket starts with",
    ),
    key(
        "s3.storage_classes.hot",
        Kind::Text,
        Default::Null,
        "storage class of what is uploaded; not a frozen one; null: the one of the service",
    ),
    key(
        "s3.storage_classes.warm",
        Kind::Text,
        Default::Null,
        "storage class of what is warm; not a frozen one; null: STANDARD_IA on AWS itself, elsewhere as hot",
    ),
    key(
        "s3.storage_classes.cold",
        Kind::Text,
        Default::Null,
        "storage class of what is archived; null: GLACIER on AWS itself, elsewhere as warm",
    ),
    key(
        "gcs.bucket",
        Kind::Text,
        Default::Null,
        "name of the bucket; needed by the backend gcs",
    ),
    key(
        "gcs.project",
        Kind::Text,
        Default::Null,
        "project that pays for requests, where another than the bucket's is to; its quota counts",
    ),
    key(
        "gcs.credentials_path",
        Kind::Path,
        Default::Null,
        "JSON file of a service account, a person or a federated identity; null: the application \
         default credentials",
    ),
    key(
        "gcs.endpoint_url",
        Kind::HttpUrl,
        Default::Null,
        "URL of a compatible service; null: Google",
    ),
    key(
        "gcs.prefix",
        Kind::Text,
        Default::Null,
        "what every key in the bucket starts with",
    ),
    key(
        "gcs.storage_classes.hot",
        Kind::Text,
        Default::Null,
        "storage class of what is uploaded; null: the one of the bucket",
    ),
    key(
        "gcs.storage_classes.warm",
        Kind::Text,
        Default::Null,
        "storage class of what is warm; null: NEARLINE on Google itself, elsewhere as hot",
    ),
    key(
        "gcs.storage_classes.cold",
        Kind::Text,
        Default::Null,
        "storage class of what is archived; null: ARCHIVE on Google itself, elsewhere as warm",
    ),
    key(
        "index.engine",
        Kind::Choice(&["sqlite", "sled", "postgres"]),
        Default::Text("sqlite"),
        "engine of the index; sqlite and sled are embedded below base_path",
    ),
    key(
        "index.url",
        Kind::SecretUrl,
        Default::Null,
        "URL of the server; needed by postgres, not read by the embedded engines",
    ),
    key(
        "compression.enabled",
        Kind::Bool,
        Default::Bool(true),
        "whether blobs are compressed",
    ),
    key(
        "compression.level",
        Kind::Whole { min: 1, max: 9 },
        Default::Whole(6),
        "gzip level, from fast to small",
    ),
    key(
        "versioning.enabled",
        Kind::Bool,
        Default::Bool(false),
        "whether earlier versions stay; otherwise an upload replaces them",
    ),
    key(
        "versioning.keep",
        Kind::Whole { min: 1, max: COUNT },
        Default::Null,
        "how many of the newest versions stay, those on hold besides; null: all",
    ),
    key(
        "retention.enabled",
        Kind::Bool,
        Default::Bool(true),
        "whether artifacts expire",
    ),
    or_null(key(
        "retention.default_days",
        DAYS,
        Default::Whole(30),
        "days until an artifact expires whose type has no entry in by_type; null: never",
    )),
    or_null(key(
        "retention.by_type",
        DAYS,
        Default::ByType(&[("diff", 30), ("log", 7), ("test-results", 14)]),
        "days by type of artifact; entries are added to the defaults one by one; null: never",
    )),
    key(
        "retention.by_task",
        Kind::ByGlob(Entries {
            min: 1,
            max: 36_500,
            or_never: true,
        }),
        Default::NoEntries,
        "days by pattern of the task, before those by type; the longest pattern counts; null: never",
    ),
    key(
        "retention.keep_latest",
        Kind::Whole { min: 0, max: COUNT },
        Default::Whole(0),
        "how many of the newest versions of each spec and type no rule lets expire",
    ),
    key(
        "retention.keep_latest_by_task",
        Kind::ByGlob(Entries {
            min: 0,
            max: COUNT,
            or_never: false,
        }),
        Default::NoEntries,
        "the same among the tasks that match a pattern",
    ),
    or_null(key(
        "retention.schedule",
        Kind::Cron,
        Default::Text("0 2 * * *"),
        "when `cleanup --scheduled` runs: minute, hour, day of the month, month, day of the week, \
         in UTC; null: never",
    )),
    key(
        "tiers.warm_after_days",
        DAYS,
        Default::Null,
        "days after its upload from which `archive --by-age` makes a version warm; null: never",
    ),
    key(
        "tiers.cold_after_days",
        DAYS,
        Default::Null,
        "days after its upload from which `archive --by-age` archives a version; null: never",
    ),
    key(
        "tiers.warm.base_path",
        Kind::Path,
        Default::Null,
        "folder of the blobs that are warm; null: where the hot ones are",
    ),
    key(
        "tiers.cold.base_path",
        Kind::Path,
        Default::Null,
        "folder of the blobs that are archived; null: where the hot ones are",
    ),
    key(
        "tiers.cold.read_through",
        Kind::Bool,
        Default::Bool(true),
        "whether what is archived can be read where it is, or must be restored first",
    ),
    or_null(key(
        "quota.max_storage_gb",
        Kind::Number {
            min: 0.001,
            max: 1e9,
        },
        Default::Number(100.0),
        "limit of all stored bytes, in GB (powers of 1000); null: none",
    )),
    key(
        "quota.warn_threshold",
        Kind::Number { min: 0.0, max: 1.0 },
        Default::Number(0.8),
        "share of max_storage_gb from which a warning is given",
    ),
    key(
        "quota.max_artifact_size",
        Kind::Size,
        Default::Text("5GB"),
        "largest artifact, before compression",
    ),
    key(
        "locking.enabled",
        Kind::Bool,
        Default::Bool(true),
        "whether writers of one artifact lock it",
    ),
    key(
        "locking.timeout_s",
        Kind::Number {
            min: 0.0,
            max: 86_400.0,
        },
        Default::Number(30.0),
        "seconds a writer waits for a lock at most",
    ),
    key(
        "locking.retry_interval_s",
        Kind::Number {
            min: 0.001,
            max: 60.0,
        },
        Default::Number(0.1),
        "seconds before the second attempt; later waits grow from it",
    ),
    key(
        "retry.attempts",
        Kind::Whole { min: 0, max: 20 },
        Default::Whole(3),
        "how many times a call is made again after a passing fault",
    ),
    key(
        "upload.lease_s",
        Kind::Whole {
            min: 1,
            max: 86_400,
        },
        Default::Whole(900),
        "seconds an interrupted upload keeps its reservation before it is reaped",
    ),
    key(
        "upload.resumable_expiry_h",
        Kind::Whole { min: 1, max: 8_760 },
        Default::Whole(24),
        "hours a resumable upload to the server may stand still before it is thrown away",
    ),
    key(
        "guard.secrets",
        Kind::Choice(&["refuse", "warn", "off"]),
        Default::Text("warn"),
        "what is done about files that look like secrets",
    ),
    key(
        "guard.allow",
        Kind::List,
        Default::NoItems,
        "what is let pass: names of rules, or patterns of names of artifacts",
    ),
    key(
        "access.issuers_file",
        Kind::Path,
        Default::Null,
        "TOML file of the issuers whose signed tokens (JWT) the server takes; null: none",
    ),
];
