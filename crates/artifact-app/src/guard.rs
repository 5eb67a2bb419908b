//! What is done about uploads that look like secrets. Knows no rule, and no store.

use std::error::Error as StdError;
use std::fmt;

use artifact_domain::{ArtifactName, Error, Result};
use artifact_guard::{Finding, Guard, Scan};

/// What looks at uploads, and what is done about what it finds.
#[derive(Debug, Clone)]
pub struct GuardPolicy {
    /// What looks.
    pub guard: Guard,
    /// What is done.
    pub on_secret: OnSecret,
}

/// What is done about an upload that looks like a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnSecret {
    /// It is stored, and [`Uploaded::findings`](crate::Uploaded::findings) tells.
    Warn,
    /// It is not stored: the upload fails with `InvalidInput`.
    Refuse,
}

/// Looks at the bytes of one upload as they pass.
#[derive(Debug)]
pub(crate) struct Watch {
    scan: Scan,
    on_secret: OnSecret,
}

impl GuardPolicy {
    pub(crate) fn watch(&self, name: &ArtifactName) -> Watch {
        Watch {
            scan: self.guard.scan(name),
            on_secret: self.on_secret,
        }
    }
}

impl Watch {
    /// Takes the next bytes; none for the end.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            self.scan.finish();
        } else {
            self.scan.feed(bytes);
        }
        match (self.on_secret, self.scan.findings()) {
            (OnSecret::Refuse, [first, ..]) => Err(refused(*first)),
            _ => Ok(()),
        }
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.scan.into_findings()
    }
}

fn refused(finding: Finding) -> Error {
    let (rule, line) = (finding.rule(), finding.line());
    let message = format!("line {line} looks like a secret (rule {rule}), so nothing is stored");
    Error::invalid_input(message).with_hint(format!(
        "take it out; if it is none, let the artifact's name or the rule {rule} pass by guard.allow"
    ))
    .with_source(Refused)
}

/// The source of an error that says: it looks like a secret.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("secrets are refused")
    }
}

impl std::error::Error for Refused {}

/// Whether an upload has failed since it looks like a secret.
pub(crate) fn is_refused(error: &Error) -> bool {
    error.source().is_some_and(<dyn StdError>::is::<Refused>)
}

/// What a person is told of findings.
pub(crate) fn told(findings: &[impl ToString]) -> String {
    let each: Vec<_> = findings.iter().map(ToString::to_string).collect();
    format!("looks like it holds secrets: {}", each.join(", "))
}
