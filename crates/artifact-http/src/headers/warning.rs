//! What whoever uploads is warned of: the header `Artifact-Warning`, a list of structured fields (RFC 9651).

use artifact_app::Finding;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Its name.
pub(crate) const ARTIFACT_WARNING: HeaderName = HeaderName::from_static("artifact-warning");

/// Says what looks like secrets: `secret;rule=github-token;line=3`, several with commas between.
pub(crate) fn set(headers: &mut HeaderMap, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    let each: Vec<_> = findings
        .iter()
        .map(|found| format!("secret;rule={};line={}", found.rule(), found.line()))
        .collect();
    // Names of rules and numbers are always a value.
    if let Ok(value) = HeaderValue::from_str(&each.join(", ")) {
        headers.insert(ARTIFACT_WARNING, value);
    }
}
