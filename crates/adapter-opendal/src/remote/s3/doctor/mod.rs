//! Whether a bucket of S3 does what the store needs of it: tried with objects of its own, which the
//! store's listings leave out and which are always taken away. Knows no blobs.

mod bucket;
mod credentials;
mod leftovers;
mod objects;

use artifact_domain::{Check, Error, ErrorKind, Result, Timestamp};
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use opendal::HttpTransporter;

use super::S3Options;
use super::raw::{RawClient, RawRequest, RawResponse};
use super::standard::Credentials;
use crate::remote::examination::{self, CONTENT, Examination, Probe};

/// Looks at a bucket as the store would use it.
#[derive(Debug)]
pub struct S3Doctor {
    options: S3Options,
    client: RawClient,
    transport: HttpTransporter,
    /// What the keys of the store begin with in the bucket.
    root: String,
    /// What the keys of the objects begin with.
    folder: String,
    /// Names of storage classes that the settings use.
    classes: Vec<String>,
}

impl S3Doctor {
    /// A look at the bucket, with the storage classes that the settings use.
    ///
    /// # Errors
    /// Those of opening a store there.
    pub async fn open(options: S3Options, classes: Vec<String>) -> Result<Self> {
        let (place, transport) = super::reach(&options).await?;
        let credentials = Credentials::new(options.access_keys.as_ref(), &transport);
        let root = place.root.trim_start_matches('/').to_owned();
        Ok(Self {
            folder: format!("{root}{}", examination::folder()?),
            root,
            // What fails is to be seen, not tried again.
            client: RawClient::new(&place, &credentials, transport.clone(), 0),
            options,
            transport,
            classes,
        })
    }

    /// Goes through all checks and tells each as it ends. Where the bucket can't be reached or
    /// written to, the rest is not tried; nor is it once `is_over`, but for taking away what was
    /// written.
    pub async fn examine(
        &self,
        now: Timestamp,
        is_over: &(dyn Fn() -> bool + Send + Sync),
        tell: &mut (dyn FnMut(Check) + Send),
    ) {
        tell(credentials::kind(&self.options, &self.transport).await);
        let examination = Examination {
            reach: ("bucket", self.reach(now).boxed()),
            write: ("write", self.write().boxed()),
            uses: self.uses(now),
            questions: self.questions(),
            clear: ("delete", self.clear().boxed()),
        };
        examination.run(is_over, tell).await;
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    async fn ask(
        &self,
        doing: &str,
        method: Method,
        key: Option<&str>,
        query: &[(&'static str, &str)],
        headers: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<RawResponse> {
        let invalid = |cause| {
            let error = Error::new(ErrorKind::Internal, format!("{doing}: a header is wrong"));
            error.with_source(cause)
        };
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(invalid)?;
            all.insert(HeaderName::from_static(name), value);
        }
        let query = query.iter();
        let request = RawRequest {
            method,
            key,
            query: query
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            headers: all,
            body: body.into(),
        };
        self.client.send(doing, &request).await
    }

    /// As [`ask`](Self::ask), for what must succeed.
    async fn must(
        &self,
        doing: &str,
        method: Method,
        key: Option<&str>,
        query: &[(&'static str, &str)],
        headers: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<RawResponse> {
        let answer = self.ask(doing, method, key, query, headers, body).await?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(answer.error(doing))
        }
    }
}

/// The error of a service that did something else than it was asked to.
fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Integrity, what)
        .with_hint("the service, or something before it, does not do what S3 does")
}
