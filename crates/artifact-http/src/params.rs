//! What a request says beside its body, parsed into domain types. A mistake is a problem like any
//! other. Knows no route.

use std::str::FromStr;

use artifact_domain::{
    ArtifactId, ArtifactName, ArtifactRef, ArtifactType, ArtifactUri, Coordinate, Error, Result,
    SpecName, TaskId, Version,
};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum_extra::extract::{Query, QueryRejection};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::problem::Problem;

/// The parameters of a query; lists repeat their key.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        refuse_empty(parts.uri.query().unwrap_or_default())?;
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        match query {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(wrong("query", &rejection.body_text())),
        }
    }
}

/// What is empty would be passed over, and something else done than was meant.
fn refuse_empty(query: &str) -> Result<(), Problem> {
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        if value.is_empty() {
            let key: String = key.chars().take(40).collect();
            return Err(wrong("query", &format!("`{key}` has no value")));
        }
    }
    Ok(())
}

/// The address of an artifact in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RawCoordinate {
    /// The project
    #[param(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    spec: String,
    /// The run that produced it
    #[param(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    task: String,
    /// What it is: `log`, `diff`, … or `custom:NAME`
    #[param(
        pattern = "^(diff|log|test-results|coverage-report|security-findings|performance-metrics|build-log|static-analysis|api-docs|screenshot|video|code|document|image|data|other|custom:[a-z0-9][a-z0-9.-]{0,63})$"
    )]
    r#type: String,
    /// Its name, which may have folders
    #[param(
        min_length = 1,
        max_length = 1024,
        pattern = r"^[^/\\\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f\\]*[^/\\\x00-\x20\x7f-\xa0])?$"
    )]
    name: String,
}

/// The coordinate that a path names.
#[derive(Debug)]
pub(crate) struct At(pub(crate) Coordinate);

impl<S: Send + Sync> FromRequestParts<S> for At {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let raw: RawCoordinate = path(parts, state).await?;
        let spec = SpecName::new(raw.spec)?;
        let task = TaskId::new(raw.task)?;
        let artifact_type: ArtifactType = raw.r#type.parse()?;
        let name = ArtifactName::new(raw.name)?;
        Ok(Self(Coordinate::new(spec, task, artifact_type, name)?))
    }
}

/// The id of a path, as the description has it.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is made for the description alone")]
pub(crate) struct IdParam {
    /// The id of a version
    #[param(pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    id: String,
}

/// The id that a path names.
#[derive(Debug)]
pub(crate) struct Id(pub(crate) ArtifactId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = path(parts, state).await?;
        Ok(Self(text.parse()?))
    }
}

/// The spec of a path, and the task if it has one.
#[derive(Debug, Deserialize)]
pub(crate) struct Scope {
    pub(crate) spec: SpecName,
    pub(crate) task: Option<TaskId>,
}

impl<S: Send + Sync> FromRequestParts<S> for Scope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path(parts, state).await
    }
}

pub(crate) async fn path<T, S>(parts: &mut Parts, state: &S) -> Result<T, Problem>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
    match path {
        Ok(Path(path)) => Ok(path),
        Err(rejection) => Err(wrong("path", &rejection.body_text())),
    }
}

fn wrong(what: &str, why: &str) -> Problem {
    Error::invalid_input(format!("the {what} can't be read: {why}")).into()
}

/// One version of what stands at a coordinate, or the newest.
pub(crate) fn version_of(at: Coordinate, version: Option<&str>) -> Result<ArtifactRef> {
    let version = parsed::<Version>(version)?;
    Ok(ArtifactUri::new(at, version).into())
}

/// A parameter that may be left out.
pub(crate) fn parsed<T: FromStr<Err = Error>>(text: Option<&str>) -> Result<Option<T>> {
    text.map(str::parse).transpose()
}

/// A parameter that can be given several times.
pub(crate) fn all_parsed<T: FromStr<Err = Error>>(texts: &[String]) -> Result<Vec<T>> {
    texts.iter().map(|text| text.parse()).collect()
}
