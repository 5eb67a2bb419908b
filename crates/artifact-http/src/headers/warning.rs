//! What whoever uploads is warned of: the header `Artifact-Warning`, a list of structured fields (RFC 9651).

use artifact_api::SecretWarning;
use artifact_app::Finding;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Its name.
pub(crate) const ARTIFACT_WARNING: HeaderName =
    HeaderName::from_static(artifact_api::ARTIFACT_WARNING);

/// Says what looks like secrets: `secret;rule=github-token;line=3`, several with commas between.
pub(crate) fn set(headers: &mut HeaderMap, findings: &[Finding]) {
    let said: Vec<_> = findings
        .iter()
        .map(|found| SecretWarning {
            rule: found.rule().to_owned(),
            line: found.line(),
        })
        .collect();
    // Names of rules and numbers are always a value.
    let value = SecretWarning::header(&said).and_then(|said| HeaderValue::from_str(&said).ok());
    if let Some(value) = value {
        headers.insert(ARTIFACT_WARNING, value);
    }
}
