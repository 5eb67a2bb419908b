//! Checks of the bucket itself: that it is there, the clock, what it keeps of what is deleted.

use artifact_domain::{Check, Result, Timestamp};
use http::{Method, StatusCode};
use serde_json::Value;

use super::super::raw::{RawRequest, encoded};
use super::{GcsDoctor, Probe};
use crate::error::no_bucket;
use crate::remote::clock;

impl GcsDoctor {
    /// That the bucket answers, and what time it is there.
    pub(super) async fn reach(&self, now: Timestamp) -> Result<Vec<Check>> {
        let bucket = &self.options.bucket;
        let doing = format!("reach bucket `{bucket}`");
        let prefix = encoded(&self.name(""));
        let place = format!("/o?maxResults=1&prefix={prefix}");
        let request = RawRequest::new(Method::GET, self.objects.bucket_url(&place));
        let answer = self.objects.send(&doing, &request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(no_bucket(&doing, answer.error("")));
        }
        if !answer.status.is_success() {
            return Err(answer.error(&doing));
        }
        Ok(vec![
            Check::ok("bucket", format!("`{bucket}` answers")),
            clock::check(&answer.headers, now),
        ])
    }

    /// What is asked of the bucket; nothing is changed.
    pub(super) fn questions(&self) -> Vec<Probe<'_>> {
        vec![("bucket-rules", Box::pin(self.rules()))]
    }

    async fn rules(&self) -> Result<Vec<Check>> {
        let doing = format!("read the rules of bucket `{}`", self.options.bucket);
        let place = "?fields=versioning,softDeletePolicy";
        let request = RawRequest::new(Method::GET, self.bucket.bucket_url(place));
        let answer = self.bucket.send(&doing, &request).await?;
        if !answer.status.is_success() {
            let error = answer.error(&doing);
            let hint = "`artifact policy show --with-rules` prints what it needs";
            return Ok(vec![Check::lacks("bucket-rules", &error.with_hint(hint))]);
        }
        let bucket: Value = serde_json::from_slice(&answer.body)
            .map_err(|cause| super::super::strange(&doing).with_source(cause))?;
        Ok(vec![versioning(&bucket), soft_delete(&bucket)])
    }
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

fn soft_delete(bucket: &Value) -> Check {
    const NAME: &str = "soft-delete";
    let kept = &bucket["softDeletePolicy"]["retentionDurationSeconds"];
    let kept_s = kept.as_str().and_then(|text| text.parse::<u64>().ok());
    let days = kept_s
        .or(kept.as_u64())
        .unwrap_or_default()
        .div_ceil(24 * 60 * 60);
    if days == 0 {
        return Check::ok(NAME, "what is deleted is gone at once");
    }
    Check::warn(
        NAME,
        format!("the bucket keeps what the store deletes for {days} days, which costs money"),
        "`gcloud storage buckets update --clear-soft-delete`, unless you want it to be so",
    )
}

#[cfg(test)]
mod tests {
    use artifact_domain::CheckOutcome;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_bucket_keeps_of_what_is_deleted_is_found() {
        let kept = |policy: Value| soft_delete(&json!({ "softDeletePolicy": policy }));
        let week = kept(json!({ "retentionDurationSeconds": "604800" }));
        assert_eq!(week.outcome, CheckOutcome::Warn);
        assert!(week.message.contains("7 days"), "{week:?}");
        for none in [
            json!({ "retentionDurationSeconds": "0" }),
            json!({}),
            json!(null),
        ] {
            assert_eq!(kept(none).outcome, CheckOutcome::Ok);
        }
        let versioned = json!({ "versioning": { "enabled": true } });
        assert_eq!(versioning(&versioned).outcome, CheckOutcome::Warn);
        assert_eq!(versioning(&json!({})).outcome, CheckOutcome::Ok);
    }
}
