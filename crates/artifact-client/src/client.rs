//! What can be asked of a server. How a request is sent is not known here.

use std::fmt;
use std::sync::Arc;

use artifact_api::{Artifact, ChangeRequest, Page};
use artifact_domain::port::Clock;
use artifact_domain::query::{Cursor, Filter, Order, PageSize};
use artifact_domain::{
    ArtifactId, ArtifactRef, Error, ErrorKind, Result, SpecName, TaskId, Timestamp,
};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Token;
use crate::address::{self, Address};
use crate::connection::{Connection, Repeat};
use crate::lines::Lines;
use crate::query::query_of;

/// The media type of a long answer.
pub(crate) const LINES: &str = "application/x-ndjson";

/// One server. Cloning it is cheap, and gives the same connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) connection: Connection,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// What is deleted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteScope {
    /// All versions of a spec.
    Spec(SpecName),
    /// All versions of a task.
    Task(SpecName, TaskId),
}

impl DeleteScope {
    fn pairs(&self) -> Vec<(String, String)> {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        match self {
            Self::Spec(spec) => vec![pair("spec", spec.as_str())],
            Self::Task(spec, task) => {
                vec![pair("spec", spec.as_str()), pair("task", task.as_str())]
            }
        }
    }
}

impl Client {
    /// A client of the server at this address. Asks for nothing yet.
    ///
    /// # Errors
    /// `InvalidInput` for an address that is no URL of http or https, or has a password in it.
    pub fn new(server: &str, token: Option<&Token>, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self {
            connection: Connection::new(Address::parse(server)?, token)?,
            clock,
        })
    }

    /// The present, where the client is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An id that no version has.
    pub(crate) fn new_id(&self) -> Result<ArtifactId> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|cause| {
            Error::new(ErrorKind::Internal, "the system gives no random numbers")
                .with_source(cause.to_string())
        })?;
        Ok(ArtifactId::new(self.now(), random))
    }

    /// What is known of an artifact: its newest version, or the one that is named.
    ///
    /// # Errors
    /// Those of the server: `NotFound` and `Expired` among them.
    pub async fn show(&self, artifact: &ArtifactRef) -> Result<Artifact> {
        self.get("/resolve", &[named(artifact)]).await
    }

    /// One page of what a filter selects.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn search(
        &self,
        filter: &Filter,
        order: Order,
        cursor: Option<&Cursor>,
        limit: PageSize,
    ) -> Result<Page> {
        let mut pairs = query_of(filter)?;
        pairs.push(("sort".to_owned(), order.to_string()));
        pairs.push(("limit".to_owned(), limit.get().to_string()));
        pairs.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor.to_string())));
        self.get("/artifacts", &pairs).await
    }

    /// Takes an artifact away, or says what would be, and gives it as it was left.
    ///
    /// # Errors
    /// Those of the server: `NotFound` and `Held` among them.
    pub async fn delete(&self, artifact: &ArtifactRef, dry_run: bool) -> Result<Artifact> {
        let mut pairs = vec![named(artifact)];
        pairs.extend(dry_run.then(|| ("dry_run".to_owned(), "true".to_owned())));
        let path = format!("/resolve{}", address::query(&pairs));
        // Deleted once more it is not found, which is no answer to the first time.
        let make = || self.connection.request(Method::DELETE, &path);
        self.connection.document(Repeat::Harmful, make).await
    }

    /// Takes all of a spec or a task away, or says what would be: each version that goes if it is a dry
    /// run, and each that stays.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn delete_all(&self, scope: &DeleteScope, dry_run: bool) -> Result<Lines> {
        let mut pairs = scope.pairs();
        pairs.extend(dry_run.then(|| ("dry_run".to_owned(), "true".to_owned())));
        let repeat = if dry_run {
            Repeat::Harmless
        } else {
            Repeat::Harmful
        };
        self.lines(Method::DELETE, "/artifacts", &pairs, None, repeat)
            .await
    }

    /// Makes one change to artifacts that are named, or to what a filter selects: what has become of each.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn change(&self, request: &ChangeRequest, filter: Option<&Filter>) -> Result<Lines> {
        let pairs = filter.map(query_of).transpose()?.unwrap_or_default();
        let body = serde_json::to_value(request).unwrap_or_default();
        self.lines(
            Method::POST,
            "/changes",
            &pairs,
            Some(body),
            Repeat::Harmful,
        )
        .await
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        pairs: &[(String, String)],
    ) -> Result<T> {
        let path = format!("{path}{}", address::query(pairs));
        let make = || self.connection.request(Method::GET, &path);
        self.connection.document(Repeat::Harmless, make).await
    }

    /// Has something done that is answered with a document.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        pairs: &[(String, String)],
        body: Option<&impl Serialize>,
    ) -> Result<T> {
        let path = format!("{path}{}", address::query(pairs));
        let make = || match body {
            None => self.connection.request(Method::POST, &path),
            Some(body) => with_json(self.connection.request(Method::POST, &path), body),
        };
        self.connection.document(Repeat::Harmful, make).await
    }

    /// Has something set that is answered with a document; set again it comes to the same.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn set<T: DeserializeOwned>(
        &self,
        path: &str,
        pairs: &[(String, String)],
    ) -> Result<T> {
        let path = format!("{path}{}", address::query(pairs));
        let make = || self.connection.request(Method::PUT, &path);
        self.connection.document(Repeat::Harmless, make).await
    }

    /// Has something taken away that is answered with a document.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn take<T: DeserializeOwned>(
        &self,
        path: &str,
        pairs: &[(String, String)],
    ) -> Result<T> {
        let path = format!("{path}{}", address::query(pairs));
        let make = || self.connection.request(Method::DELETE, &path);
        self.connection.document(Repeat::Harmful, make).await
    }

    /// Has something read that is answered with a document line by line.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn read_lines(
        &self,
        path: &str,
        pairs: &[(String, String)],
        body: Option<Value>,
    ) -> Result<Lines> {
        let method = body.as_ref().map_or(Method::GET, |_| Method::POST);
        self.lines(method, path, pairs, body, Repeat::Harmless)
            .await
    }

    /// Has something done that is answered with a document line by line.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn post_lines(
        &self,
        path: &str,
        pairs: &[(String, String)],
        body: Option<Value>,
    ) -> Result<Lines> {
        self.lines(Method::POST, path, pairs, body, Repeat::Harmful)
            .await
    }

    async fn lines(
        &self,
        method: Method,
        path: &str,
        pairs: &[(String, String)],
        body: Option<Value>,
        repeat: Repeat,
    ) -> Result<Lines> {
        let path = format!("{path}{}", address::query(pairs));
        let make = || {
            let request = self.connection.request(method.clone(), &path);
            let request = request.header(ACCEPT, LINES);
            match &body {
                None => request,
                Some(body) => with_json(request, body),
            }
        };
        let response = self.connection.send(repeat, make).await?;
        Lines::of(self, response)
    }
}

fn named(artifact: &ArtifactRef) -> (String, String) {
    ("artifact".to_owned(), artifact.to_string())
}

pub(crate) fn with_json(
    request: reqwest::RequestBuilder,
    body: &impl Serialize,
) -> reqwest::RequestBuilder {
    // What crosses the wire has text keys alone and always a JSON form.
    let text = serde_json::to_vec(body).unwrap_or_default();
    request.header(CONTENT_TYPE, "application/json").body(text)
}
