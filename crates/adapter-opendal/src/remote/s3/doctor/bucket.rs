//! Checks of the bucket itself: that it is there, the clock, versions, what becomes of cut-off
//! uploads.

use artifact_domain::{Check, ErrorKind, Result, Timestamp};
use futures::FutureExt;
use http::Method;

use super::super::raw::is_unsupported;
use super::{Probe, S3Doctor};
use crate::remote::clock;

impl S3Doctor {
    /// That the bucket answers, and what time it is there.
    pub(super) async fn reach(&self, now: Timestamp) -> Result<Vec<Check>> {
        let prefix = self.folder.as_str();
        let query = [("list-type", "2"), ("max-keys", "1"), ("prefix", prefix)];
        let bucket = &self.options.bucket;
        let doing = format!("reach bucket `{bucket}`");
        let answer = self
            .must(&doing, Method::GET, None, &query, &[], "")
            .await?;
        Ok(vec![
            Check::ok("bucket", format!("`{bucket}` answers")),
            clock::check(&answer.headers, now),
        ])
    }

    /// What is asked of the bucket; nothing is changed.
    pub(super) fn questions(&self) -> Vec<Probe<'_>> {
        vec![
            ("versioning", self.versioning().boxed()),
            ("stale-uploads", self.stale_uploads().boxed()),
        ]
    }

    async fn versioning(&self) -> Result<Vec<Check>> {
        const NAME: &str = "versioning";
        let doing = "ask whether the bucket keeps old versions";
        let query = [("versioning", "")];
        let answer = self.ask(doing, Method::GET, None, &query, &[], "").await?;
        let text = String::from_utf8_lossy(&answer.body);
        Ok(vec![if is_unsupported(&answer) {
            Check::ok(NAME, "the service keeps no old versions")
        } else if !answer.status.is_success() {
            let denied = answer.error(doing);
            Check::lacks(NAME, &denied)
        } else if text.contains("<Status>Enabled<") {
            Check::warn(
                NAME,
                "the bucket keeps what the store deletes as old versions, and they cost money",
                "set a rule of the bucket that ends old versions (`NoncurrentVersionExpiration`), \
                 or suspend versioning",
            )
        } else {
            Check::ok(NAME, "the bucket keeps no old versions")
        }])
    }

    /// Whether parts of uploads that were cut off are taken away by the bucket.
    async fn stale_uploads(&self) -> Result<Vec<Check>> {
        const NAME: &str = "stale-uploads";
        const HINT: &str = "`artifact lifecycle apply --no-expire` sets a rule that does; \
                            `artifact gc` takes them away too";
        let doing = "read the lifecycle rules of the bucket";
        let query = [("lifecycle", "")];
        let answer = self.ask(doing, Method::GET, None, &query, &[], "").await?;
        let text = String::from_utf8_lossy(&answer.body);
        Ok(vec![if text.contains("<AbortIncompleteMultipartUpload>") {
            Check::ok(
                NAME,
                "a rule of the bucket takes away uploads that were cut off",
            )
        } else if answer.error("").kind() == ErrorKind::PermissionDenied {
            Check::lacks(NAME, &answer.error(doing))
        } else if is_unsupported(&answer) {
            Check::warn(
                NAME,
                "the service has no lifecycle rules",
                "run `artifact gc` at times",
            )
        } else {
            let said = "no rule of the bucket takes away uploads that were cut off";
            Check::warn(NAME, said, HINT)
        }])
    }
}
