//! Requests to one server, sent once more where that helps. Knows no route.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, redirect};
use serde::de::DeserializeOwned;

use crate::Token;
use crate::address::Address;
use crate::backoff::Backoff;
use crate::faults::{self, Reached};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How often a silent connection is asked whether it is alive.
const ALIVE: Duration = Duration::from_secs(15);

/// How long the server may leave bytes unacknowledged before the connection counts as dead.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// How long the answer to what only reads may take to begin, and a document to go on.
const PATIENCE: Duration = Duration::from_mins(2);

/// The largest document that is taken into memory.
const MOST_DOCUMENT_BYTES: usize = 64 << 20;

/// How many redirects of the server to itself are followed.
const REDIRECTS: usize = 5;

/// Whether a request may be sent again though it may have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It comes to the same.
    Harmless,
    /// Something would be done twice.
    Harmful,
}

/// One server. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Connection {
    http: reqwest::Client,
    pub(crate) server: Arc<Address>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(crate) fn new(server: Address, token: Option<&Token>) -> Result<Self> {
        // One of the process, whoever is first; that there is one already is no fault.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Arc::new(server);
        let mut headers = HeaderMap::new();
        headers.extend(token.map(|token| (AUTHORIZATION, token.header())));
        let json = "application/json, application/problem+json;q=0.9, */*;q=0.1";
        headers.insert(ACCEPT, HeaderValue::from_static(json));
        let stay = Arc::clone(&server);
        let builder = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .tcp_keepalive(ALIVE)
            .redirect(redirect::Policy::custom(move |attempt| {
                // The token is for this server alone.
                if stay.is_same(attempt.url()) && attempt.previous().len() <= REDIRECTS {
                    attempt.follow()
                } else {
                    attempt.stop()
                }
            }))
            .user_agent(concat!("artifact-client/", env!("CARGO_PKG_VERSION")));
        #[cfg(target_os = "linux")]
        let builder = builder.tcp_user_timeout(UNACKNOWLEDGED);
        let http = builder.build().map_err(|cause| {
            Error::new(ErrorKind::Internal, "the HTTP client can't be made")
                .with_hint("look at the system's certificates (`ca-certificates`)")
                .with_source(cause)
        })?;
        Ok(Self { http, server })
    }

    /// A request to a path below `/api/v1`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.server.at(path))
    }

    /// A request to a URL that [`Address::named`] gave.
    pub(crate) fn request_url(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends what `make` makes, more than once if that may help, and gives an answer that is a success.
    pub(crate) async fn send(
        &self,
        repeat: Repeat,
        mut make: impl FnMut() -> RequestBuilder,
    ) -> Result<Response> {
        let mut backoff = Backoff::default();
        loop {
            let fault = match self.send_once(make()).await {
                Ok(response) => return Ok(response),
                Err(fault) => fault,
            };
            let may = fault.reached == Reached::Nothing || repeat == Repeat::Harmless;
            if !(fault.passes && may && backoff.pause(fault.wait).await) {
                return Err(fault.error);
            }
            tracing::info!(error = %fault.error, "trying once more");
        }
    }

    /// Sends it once.
    pub(crate) async fn send_once(
        &self,
        request: RequestBuilder,
    ) -> Result<Response, faults::Fault> {
        match self.sent(request).await? {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(faults::answered(&self.server, response).await),
            Err(cause) => Err(faults::on_the_way(&self.server, cause)),
        }
    }

    /// Who changes something is waited for as long as the connection lives: it may take its time.
    async fn sent(
        &self,
        request: RequestBuilder,
    ) -> Result<reqwest::Result<Response>, faults::Fault> {
        let (http, request) = request.build_split();
        let request = match request {
            Ok(request) => request,
            Err(cause) => return Ok(Err(cause)),
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(http.execute(request).await);
        }
        let answer = tokio::time::timeout(PATIENCE, http.execute(request)).await;
        answer.map_err(|_| faults::silent(&self.server))
    }

    /// Asks for a document.
    pub(crate) async fn document<T: DeserializeOwned>(
        &self,
        repeat: Repeat,
        mut make: impl FnMut() -> RequestBuilder,
    ) -> Result<T> {
        let mut backoff = Backoff::default();
        loop {
            let response = self.send(repeat, &mut make).await?;
            match self.read(response).await {
                Err(error)
                    if error.is_transient()
                        && repeat == Repeat::Harmless
                        && backoff.pause(None).await => {}
                read => return read,
            }
        }
    }

    /// Reads a document.
    pub(crate) async fn read<T: DeserializeOwned>(&self, mut response: Response) -> Result<T> {
        let mut bytes = Vec::new();
        loop {
            let chunk = tokio::time::timeout(PATIENCE, response.chunk()).await;
            match chunk.map_err(|_| faults::silent(&self.server).error)? {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(cause) => return Err(faults::on_the_way(&self.server, cause).error),
            }
            if bytes.len() > MOST_DOCUMENT_BYTES {
                return Err(faults::nonsense(&self.server, "the document has no end"));
            }
        }
        serde_json::from_slice(&bytes).map_err(|cause| faults::nonsense(&self.server, cause))
    }
}
