//! Whether a bucket of Google Cloud Storage does what the store needs of it: tried with an object
//! below `.doctor/`, which the store's listings leave out and which is always taken away.

use std::time::Duration;

use artifact_domain::{Check, CheckOutcome, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use http::{Method, StatusCode};
use opendal::Operator;
use serde_json::Value;

use super::raw::{RawClient, Scope};
use super::{GcsOptions, operator};
use crate::error::from_remote;

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(15);

const FOLDER: &str = ".doctor/";
const CONTENT: &[u8] = b"0123456789 artifact doctor";

/// Looks at a bucket as the store would use it.
#[derive(Debug)]
pub struct GcsDoctor {
    options: GcsOptions,
    operator: Operator,
    client: RawClient,
    key: String,
}

impl GcsDoctor {
    /// A look at the bucket. Sends nothing.
    ///
    /// # Errors
    /// Those of opening a store there.
    pub fn open(mut options: GcsOptions) -> Result<Self> {
        // What fails is to be seen, not tried again.
        options.retries = 0;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|cause| {
            Error::new(ErrorKind::Internal, "the system gives no random bytes").with_source(cause)
        })?;
        Ok(Self {
            operator: operator(&options)?,
            client: RawClient::new(&options, Scope::Bucket)?,
            key: format!("{FOLDER}{:016x}", u64::from_be_bytes(random)),
            options,
        })
    }

    /// Goes through all checks and tells each as it ends. Where the bucket can't be written to,
    /// reading is not tried; nor is anything once `is_over`, but for taking away what was written.
    pub async fn examine(
        &self,
        is_over: &(dyn Fn() -> bool + Send + Sync),
        tell: &mut (dyn FnMut(Check) + Send),
    ) {
        tell(self.credentials());
        let wrote = bounded("write", self.write()).await;
        let is_written = wrote.outcome == CheckOutcome::Ok;
        tell(wrote);
        if is_written && !is_over() {
            tell(bounded("read", self.read()).await);
        }
        if is_written && !is_over() {
            tell(bounded("range", self.range()).await);
        }
        if is_written && !is_over() {
            tell(bounded("list", self.list()).await);
        }
        tell(bounded("delete", self.clear()).await);
        if is_over() {
            return;
        }
        let asked = tokio::time::timeout(PATIENCE, self.bucket()).await;
        match asked.unwrap_or_else(|_| Err(too_long())) {
            Ok(bucket) => {
                tell(versioning(&bucket));
                tell(stale_uploads(&bucket));
            }
            Err(error) => tell(Check::lacks("bucket-rules", &error)),
        }
    }

    fn credentials(&self) -> Check {
        const NAME: &str = "credentials";
        let endpoint = self.options.endpoint_url.as_deref().unwrap_or_default();
        match &self.options.credentials_path {
            Some(path) => Check::ok(NAME, format!("the file `{}`", path.display())),
            None if endpoint.starts_with("http://") => {
                Check::ok(NAME, "none: the endpoint is plain http, as emulators are")
            }
            None => Check::ok(NAME, "the application default credentials"),
        }
    }

    async fn write(&self) -> Result<Check> {
        let written = self.operator.write_with(&self.key, CONTENT);
        // As the store writes: what has no type goes by another call.
        let written = written.content_type("application/octet-stream").await;
        written.map_err(|cause| from_remote("write an object", cause))?;
        Ok(Check::ok("write", "an object can be written"))
    }

    async fn read(&self) -> Result<Check> {
        let read = self.operator.read(&self.key).await;
        let read = read.map_err(|cause| from_remote("read an object", cause))?;
        same(&read.to_bytes(), CONTENT)?;
        Ok(Check::ok("read", "what was written can be read"))
    }

    async fn range(&self) -> Result<Check> {
        let read = self.operator.read_with(&self.key).range(2..6).await;
        let read = read.map_err(|cause| from_remote("read a range", cause))?;
        same(&read.to_bytes(), &CONTENT[2..6])?;
        Ok(Check::ok("range", "a range can be read"))
    }

    async fn list(&self) -> Result<Check> {
        let failed = |cause| from_remote("list objects", cause);
        let mut listed = self.operator.lister(FOLDER).await.map_err(failed)?;
        while let Some(entry) = listed.try_next().await.map_err(failed)? {
            if entry.path() == self.key {
                return Ok(Check::ok("list", "objects can be listed"));
            }
        }
        Err(wrong("an object that was written is not in the listing"))
    }

    async fn clear(&self) -> Result<Check> {
        let deleted = self.operator.delete(&self.key).await;
        deleted.map_err(|cause| from_remote("delete an object", cause))?;
        Ok(Check::ok("delete", "objects can be deleted"))
    }

    async fn bucket(&self) -> Result<Value> {
        let doing = format!("read the rules of bucket `{}`", self.options.bucket);
        let query = "fields=lifecycle,versioning,softDeletePolicy";
        let answer = self.client.send(&doing, &Method::GET, query, Bytes::new());
        let answer = answer.await?;
        if answer.status != StatusCode::OK {
            let error = answer.error(&doing);
            return Err(error.with_hint("`artifact policy show --with-rules` prints what it needs"));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|cause| wrong(format!("{doing}: the answer can't be read")).with_source(cause))
    }
}

/// A check that ends: with its outcome, with its failure, or because it took too long.
async fn bounded(name: &'static str, check: impl Future<Output = Result<Check>>) -> Check {
    let outcome = tokio::time::timeout(PATIENCE, check).await;
    let outcome = outcome.unwrap_or_else(|_| Err(too_long()));
    outcome.unwrap_or_else(|error| Check::fail(name, &error))
}

fn too_long() -> Error {
    let message = format!("no end after {} seconds", PATIENCE.as_secs());
    Error::new(ErrorKind::Unavailable, message)
        .with_hint("check the network, and how busy the service is")
}

fn same(read: &[u8], written: &[u8]) -> Result<()> {
    if read == written {
        return Ok(());
    }
    Err(wrong("what was read is not what was written"))
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Integrity, what)
        .with_hint("the service, or something before it, does not do what Google's does")
}

fn versioning(bucket: &Value) -> Check {
    const NAME: &str = "versioning";
    if bucket["versioning"]["enabled"] == true {
        return Check::warn(
            NAME,
            "the bucket keeps what the store deletes as old versions, and they cost money",
            "switch object versioning off, or set a rule that ends old versions",
        );
    }
    Check::ok(NAME, "the bucket keeps no old versions")
}

fn stale_uploads(bucket: &Value) -> Check {
    const NAME: &str = "stale-uploads";
    let rules = bucket.pointer("/lifecycle/rule").and_then(Value::as_array);
    let aborts = |rule: &Value| rule["action"]["type"] == "AbortIncompleteMultipartUpload";
    if rules.into_iter().flatten().any(aborts) {
        return Check::ok(
            NAME,
            "a rule of the bucket takes away uploads that were cut off",
        );
    }
    let said = "no rule of the bucket takes away uploads that were cut off";
    Check::warn(
        NAME,
        said,
        "`artifact lifecycle apply --no-expire` sets a rule that does",
    )
}
