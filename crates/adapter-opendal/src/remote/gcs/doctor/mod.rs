//! Whether a bucket of Google Cloud Storage does what the store needs of it: tried with objects of its
//! own, which the store's listings leave out and which are always taken away. Knows no blobs.

mod bucket;
mod leftovers;
mod objects;

use artifact_domain::{Check, Error, ErrorKind, Result, Timestamp};
use futures::FutureExt;
use http::Method;
use opendal::Operator;

use super::raw::{RawClient, RawRequest, RawResponse, Scope, encoded};
use super::{GcsOptions, credentials, operator};
use crate::remote::examination::{self, CONTENT, Examination, Probe};

/// Looks at a bucket as the store would use it.
#[derive(Debug)]
pub struct GcsDoctor {
    options: GcsOptions,
    operator: Operator,
    objects: RawClient,
    bucket: RawClient,
    /// What the keys of the store begin with in the bucket.
    root: String,
    /// What the keys of the objects begin with behind that.
    folder: String,
    /// Names of storage classes that the settings use.
    classes: Vec<String>,
}

impl GcsDoctor {
    /// A look at the bucket, with the storage classes that the settings use. Sends nothing.
    ///
    /// # Errors
    /// Those of opening a store there, but for the credentials.
    pub fn open(mut options: GcsOptions, classes: Vec<String>) -> Result<Self> {
        // What fails is to be seen, not tried again.
        options.retries = 0;
        let operator = operator(&options)?;
        Ok(Self {
            root: operator.info().root().trim_start_matches('/').to_owned(),
            operator,
            objects: RawClient::new(&options, Scope::Objects)?,
            bucket: RawClient::new(&options, Scope::Bucket)?,
            folder: examination::folder()?,
            options,
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
        match credentials::find(&self.options) {
            Ok(source) => tell(Check::ok("credentials", source.to_string())),
            Err(error) => return tell(Check::fail("credentials", &error)),
        }
        let examination = Examination {
            reach: ("bucket", self.reach(now).boxed()),
            write: ("write", self.write().boxed()),
            uses: self.uses(now),
            questions: self.questions(),
            clear: ("delete", self.clear().boxed()),
        };
        examination.run(is_over, tell).await;
    }

    /// The name of one of the doctor's objects in the bucket.
    fn name(&self, name: &str) -> String {
        format!("{}{}{name}", self.root, self.folder)
    }

    /// Asks for one of the doctor's objects, or for something of it.
    fn object(&self, method: Method, name: &str, query: &str) -> RawRequest {
        let place = format!("/o/{}{query}", encoded(&self.name(name)));
        RawRequest::new(method, self.objects.bucket_url(&place))
    }
}

/// As [`RawClient::send`], for what must succeed.
async fn must(client: &RawClient, doing: &str, request: &RawRequest) -> Result<RawResponse> {
    let answer = client.send(doing, request).await?;
    if answer.status.is_success() {
        Ok(answer)
    } else {
        Err(answer.error(doing))
    }
}

/// The error of a service that did something else than it was asked to.
fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Integrity, what)
        .with_hint("the service, or something before it, does not do what Google's does")
}
