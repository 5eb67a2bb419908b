//! Checks of the bucket itself: that it is there, the clock, versions, what becomes of cut-off
//! uploads.

use artifact_domain::{Check, ErrorKind, Result, Timestamp};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Method;

use super::super::raw::is_unsupported;
use super::S3Doctor;

/// From which difference on somebody should look at the clock, and from which on signatures fail.
const WARN_S: u64 = 60;
const FAIL_S: u64 = 900;

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
        let date = answer.headers.get(http::header::DATE);
        let date = date.and_then(|date| date.to_str().ok());
        Ok(vec![
            Check::ok("bucket", format!("`{bucket}` answers")),
            clock(date.and_then(seconds_of_date), now),
        ])
    }

    /// What is asked of the bucket; nothing is changed.
    pub(super) fn questions(&self) -> Vec<(&'static str, BoxFuture<'_, Result<Vec<Check>>>)> {
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

fn clock(service_s: Option<i64>, now: Timestamp) -> Check {
    const NAME: &str = "clock";
    let Some(service_s) = service_s else {
        return Check::warn(
            NAME,
            "the service does not say what time it is",
            "none is needed",
        );
    };
    let here_s = now.as_micros() / 1_000_000;
    let differs_s = here_s.abs_diff(service_s);
    let message = format!("differs from the service's by {differs_s} s");
    let hint = "set the clock, for example by NTP: signatures hold for some minutes only";
    match differs_s {
        FAIL_S.. => {
            let error = artifact_domain::Error::new(ErrorKind::Unauthenticated, message);
            Check::fail(NAME, &error.with_hint(hint))
        }
        WARN_S.. => Check::warn(NAME, message, hint),
        _ => Check::ok(NAME, message),
    }
}

/// Seconds since 1970 of an HTTP date, as in `Sun, 06 Nov 1994 08:49:37 GMT`.
fn seconds_of_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let time = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let rfc_3339 = format!("{year}-{month:02}-{day}T{time}Z");
    let instant: Timestamp = rfc_3339.parse().ok()?;
    Some(instant.as_micros() / 1_000_000)
}

#[cfg(test)]
mod tests {
    use artifact_domain::CheckOutcome;

    use super::*;

    #[test]
    fn the_clock_is_compared_with_the_date_of_answers() {
        assert_eq!(
            seconds_of_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(seconds_of_date("yesterday"), None);
        let now = Timestamp::from_micros(784_111_777_000_000).unwrap();
        let outcome = |differs: i64| clock(Some(784_111_777 + differs), now).outcome;
        assert_eq!(outcome(59), CheckOutcome::Ok);
        assert_eq!(outcome(-60), CheckOutcome::Warn);
        assert_eq!(outcome(900), CheckOutcome::Fail(ErrorKind::Unauthenticated));
        assert_eq!(clock(None, now).outcome, CheckOutcome::Warn);
    }
}
