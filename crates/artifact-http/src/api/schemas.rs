//! The documents that go in and out, as the description has them. They are written by `artifact-app`
//! and `artifact-domain`; that they are what is said here is tested from outside.

#![allow(dead_code, reason = "they describe what others write")]

use std::collections::BTreeMap;

use artifact_domain::ErrorKind;
use serde_json::{Map, Value};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::{IntoResponses, ToSchema};

use crate::problem;

/// What went wrong, RFC 9457.
#[derive(ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    #[schema(schema_with = problem_types)]
    r#type: String,
    /// The name of the status
    title: String,
    /// The status
    status: u16,
    /// What failed, and on which artifact
    detail: String,
    /// What to do about it
    #[schema(required = false)]
    hint: Option<String>,
}

/// What everything may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is made for the description alone")]
pub(crate) enum Problems {
    /// A problem
    #[response(status = "4XX", content_type = "application/problem+json")]
    OfTheRequest(ProblemDocument),
    /// A problem
    #[response(status = "5XX", content_type = "application/problem+json")]
    OfTheServer(ProblemDocument),
}

/// Every type that a problem can have, each with its status.
fn problem_types() -> Object {
    let types = ErrorKind::ALL.map(problem::type_of);
    let statuses: Map<_, _> = ErrorKind::ALL
        .into_iter()
        .map(|kind| {
            (
                problem::type_of(kind),
                problem::status(kind).as_u16().into(),
            )
        })
        .collect();
    let description = "`urn:artifact-store:error:` and the kind; `x-statuses` has the status of each, \
                       unless HTTP has one that says more";
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(types))
        .extensions(Some(Extensions::from_iter([("x-statuses", statuses)])))
        .build()
}

/// One version of an artifact.
#[derive(ToSchema)]
#[schema(as = Artifact)]
pub(crate) struct ArtifactDocument {
    /// UUIDv7 of this version
    id: String,
    /// `artifact://SPEC/TASK/TYPE/NAME`
    uri: String,
    spec: String,
    task: String,
    /// `log`, `diff`, … or `custom:NAME`
    r#type: String,
    /// May have folders
    name: String,
    #[schema(minimum = 1)]
    version: u32,
    /// `UPLOADING`, `ACTIVE`, `ARCHIVED` or `DELETED`
    state: String,
    /// `HOT`, `WARM` or `COLD`
    tier: String,
    /// Original bytes
    size_bytes: Option<u64>,
    /// Bytes as they are stored
    stored_size_bytes: Option<u64>,
    /// Of the original bytes, in hexadecimal
    sha256: Option<String>,
    compressed: Option<bool>,
    mime_type: String,
    /// RFC 3339, UTC
    created_at: String,
    /// When it is gone; null for never
    expires_at: Option<String>,
    archived_at: Option<String>,
    /// Whether it is kept, whatever else says that it should go
    held: bool,
    tags: BTreeMap<String, String>,
    metadata: Map<String, Value>,
    /// Why, by whom and since when it is held
    #[schema(required = false)]
    hold: Option<HoldDocument>,
}

/// What keeps an artifact.
#[derive(ToSchema)]
#[schema(as = Hold)]
pub(crate) struct HoldDocument {
    reason: Option<String>,
    by: Option<String>,
    since: String,
}

/// A page of artifacts.
#[derive(ToSchema)]
#[schema(as = Page)]
pub(crate) struct PageDocument {
    items: Vec<ArtifactDocument>,
    /// What to ask for the next page with; null on the last
    next_cursor: Option<String>,
}

/// What to change, as a JSON merge patch (RFC 7396). What is null is taken away.
#[derive(ToSchema)]
#[schema(as = Patch)]
pub(crate) struct PatchDocument {
    /// Tags to set, null for those to remove; null for no tags at all
    #[schema(required = false)]
    tags: Option<BTreeMap<String, Option<String>>>,
    /// A merge patch of the metadata
    #[schema(required = false, nullable = false)]
    metadata: Option<Map<String, Value>>,
    /// To put it on hold; null to release it
    #[schema(required = false)]
    hold: Option<HoldPatch>,
    /// To put it on hold or to release it, without saying why
    #[schema(required = false, nullable = false)]
    held: Option<bool>,
    /// For how many days from its creation it is kept; null for as long as the rules say
    #[schema(required = false, minimum = 1, maximum = 36_500)]
    retention_days: Option<u32>,
    /// True: until somebody says otherwise
    #[schema(required = false, nullable = false)]
    keep_forever: Option<bool>,
}

/// Why and by whom it is held.
#[derive(ToSchema)]
pub(crate) struct HoldPatch {
    #[schema(required = false)]
    reason: Option<String>,
    #[schema(required = false)]
    by: Option<String>,
}

/// What was deleted, or would be.
#[derive(ToSchema)]
#[schema(as = Deleted)]
pub(crate) struct DeletedDocument {
    /// Versions
    deleted: u64,
    stored_size_bytes: u64,
    failed: u64,
    /// The first of them
    failures: Vec<DeleteFailure>,
    dry_run: bool,
}

/// A version that stays.
#[derive(ToSchema)]
pub(crate) struct DeleteFailure {
    uri: String,
    kind: String,
    detail: String,
}

/// A URL that its store has signed.
#[derive(ToSchema)]
#[schema(as = SignedUrl)]
pub(crate) struct SignedDocument {
    id: String,
    uri: String,
    version: u32,
    /// `GET`
    method: String,
    url: String,
    /// To be sent along
    headers: BTreeMap<String, String>,
    valid_until: String,
}

/// What is to be put to a URL that is signed for it.
#[derive(ToSchema)]
#[schema(as = Begin)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginDocument {
    #[schema(min_length = 1, max_length = 128)]
    spec: String,
    #[schema(min_length = 1, max_length = 128)]
    task: String,
    /// Guessed from its name where it is not said
    #[schema(required = false)]
    r#type: Option<String>,
    /// May have folders
    #[schema(min_length = 1, max_length = 1024)]
    name: String,
    /// Guessed from its name where it is not said
    #[schema(required = false)]
    mime_type: Option<String>,
    #[schema(required = false, nullable = false)]
    tags: Option<BTreeMap<String, String>>,
    #[schema(required = false, nullable = false)]
    metadata: Option<Map<String, Value>>,
    /// For how many days it is kept; by the rules of the store where that is not said
    #[schema(required = false, minimum = 1, maximum = 36_500)]
    retention_days: Option<u32>,
    /// How many bytes will come, to be refused now where they are too many
    #[schema(required = false, minimum = 0)]
    size_bytes: Option<u64>,
    /// For how many seconds the URL is good; an hour where that is not said
    #[schema(required = false, minimum = 1, maximum = 604_800)]
    expires_in_s: Option<u64>,
}

/// What the bytes must be that were put to a URL.
#[derive(ToSchema)]
#[schema(as = Complete)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteDocument {
    /// Their SHA-256, in hexadecimal
    #[schema(required = false, pattern = "^[0-9a-fA-F]{64}$")]
    sha256: Option<String>,
    /// How many there must be
    #[schema(required = false, minimum = 0)]
    size_bytes: Option<u64>,
    /// False: they are stored as they are
    #[schema(required = false)]
    compress: Option<bool>,
}

/// The rules by which artifacts expire.
#[derive(ToSchema)]
#[schema(as = Retention)]
pub(crate) struct RetentionDocument {
    /// Whether the rules are in force
    enabled: bool,
    /// Days until an artifact expires that no other rule is about; null for never
    default_days: Option<u32>,
    /// Days by type
    by_type: BTreeMap<String, Option<u32>>,
    /// Days by pattern of the task
    by_task: BTreeMap<String, Option<u32>>,
    /// How many of the newest versions of each spec and type no rule lets expire
    keep_latest: u32,
    /// The same among the tasks that match a pattern
    keep_latest_by_task: BTreeMap<String, u32>,
    /// When cleanup runs: five fields as in crontab(5), UTC; null for never
    schedule: Option<String>,
}

/// A URL that the server has signed, to upload to.
#[derive(ToSchema)]
#[schema(as = SignedUpload)]
pub(crate) struct SignedUploadDocument {
    /// `artifact://SPEC/TASK/TYPE/NAME`
    uri: String,
    /// `PUT`
    method: String,
    url: String,
    /// To be sent along
    headers: BTreeMap<String, String>,
    valid_until: String,
}

/// A sum.
#[derive(ToSchema)]
pub(crate) struct UsageGroup {
    #[schema(required = false, nullable = false)]
    spec: Option<String>,
    #[schema(required = false, nullable = false)]
    r#type: Option<String>,
    #[schema(required = false, nullable = false)]
    state: Option<String>,
    #[schema(required = false, nullable = false)]
    tier: Option<String>,
    /// Versions
    count: u64,
    size_bytes: u64,
    stored_size_bytes: u64,
    /// How much compression saves
    saved_ratio: Option<f64>,
    /// On their way
    uploads: u64,
    /// By those
    reserved_bytes: u64,
}

/// How much is stored.
#[derive(ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageDocument {
    #[serde(flatten)]
    all: UsageGroup,
    /// What counts against the limit
    held_bytes: u64,
    limit_bytes: Option<u64>,
    used_ratio: Option<f64>,
    /// That little room is left
    warning: Option<String>,
    groups: Vec<UsageGroup>,
}

/// How much was stored on each day.
#[derive(ToSchema)]
#[schema(as = Trend)]
pub(crate) struct TrendDocument {
    days: Vec<TrendDay>,
}

/// A day, in UTC.
#[derive(ToSchema)]
pub(crate) struct TrendDay {
    date: String,
    count: u64,
    size_bytes: u64,
    stored_size_bytes: u64,
    median_size_bytes: Option<u64>,
    median_is_exact: bool,
}

/// What has changed between two tasks.
#[derive(ToSchema)]
#[schema(as = Comparison)]
pub(crate) struct ComparisonDocument {
    /// Whether a condition is met that must not be
    fails: bool,
    /// Objects, each with its `kind`
    items: Vec<Map<String, Value>>,
    /// How many more there are
    left_out: u64,
}

/// Something that could not be done; the rest was.
#[derive(ToSchema)]
pub(crate) struct Failure {
    kind: String,
    detail: String,
}

/// What a cleanup did, or would do.
#[derive(ToSchema)]
#[schema(as = Cleanup)]
pub(crate) struct CleanupDocument {
    /// Versions that went
    expired: u64,
    stored_size_bytes: u64,
    /// Versions with another time of expiry
    restamped: u64,
    /// Versions that others have changed meanwhile
    changed: u64,
    failed: u64,
    dry_run: bool,
    /// The first of them
    items: Vec<Map<String, Value>>,
    failures: Vec<Failure>,
}

/// What collecting garbage did, or would do.
#[derive(ToSchema)]
#[schema(as = Gc)]
pub(crate) struct GcDocument {
    /// How many items went
    cleared: u64,
    size_bytes: u64,
    /// Whose metadata was folded or written again
    tasks: u64,
    failed: u64,
    dry_run: bool,
    /// The first of them
    items: Vec<Map<String, Value>>,
    failures: Vec<Failure>,
}

/// What verifying has shown.
#[derive(ToSchema)]
#[schema(as = Verification)]
pub(crate) struct VerificationDocument {
    versions: u64,
    size_bytes: u64,
    /// Versions whose bytes can't be read now
    unread: u64,
    /// How many findings there are
    found: u64,
    mended: u64,
    sound: bool,
    /// The first of them
    findings: Vec<Map<String, Value>>,
    failures: Vec<Failure>,
}
