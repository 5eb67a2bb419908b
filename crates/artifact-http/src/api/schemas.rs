//! What the description says of documents beside what they say themselves, which is with them: in
//! `artifact-api`, and in the routes.

use std::collections::BTreeMap;

use artifact_domain::ErrorKind;
use serde_json::{Map, Value};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa::{IntoResponses, Modify, ToSchema};

use crate::problem;

pub(crate) use artifact_api::{
    Artifact as ArtifactDocument, Page as PageDocument, Problem as ProblemDocument,
};

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

/// Says every type that a problem can have, each with its status.
pub(crate) struct ProblemTypes;

impl Modify for ProblemTypes {
    fn modify(&self, document: &mut OpenApi) {
        let schemas = document
            .components
            .as_mut()
            .map(|components| &mut components.schemas);
        let problem = schemas.and_then(|schemas| schemas.get_mut("Problem"));
        if let Some(RefOr::T(Schema::Object(problem))) = problem {
            problem
                .properties
                .insert("type".to_owned(), problem_types().into());
        }
    }
}

fn problem_types() -> Schema {
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
        .into()
}

/// A URL that its store has signed.
#[derive(ToSchema)]
#[schema(as = SignedUrl)]
#[expect(dead_code, reason = "it describes what others write")]
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
#[expect(dead_code, reason = "it describes what others read")]
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
#[expect(dead_code, reason = "it describes what others read")]
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
#[expect(dead_code, reason = "it describes what others write")]
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
#[expect(dead_code, reason = "it describes what others write")]
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

/// What has changed between two tasks.
#[derive(ToSchema)]
#[schema(as = Comparison)]
#[expect(dead_code, reason = "it describes what others write")]
pub(crate) struct ComparisonDocument {
    /// Whether a condition is met that must not be
    fails: bool,
    /// Objects, each with its `kind`
    items: Vec<Map<String, Value>>,
    /// How many more there are
    left_out: u64,
}
