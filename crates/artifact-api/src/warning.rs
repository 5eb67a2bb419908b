//! What whoever uploads is warned of: the header `Artifact-Warning`, a list of structured fields (RFC 9651).

use std::fmt;

/// The name of the header.
pub const ARTIFACT_WARNING: &str = "artifact-warning";

/// What looks like a secret. It does not say what the secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretWarning {
    /// The rule that it falls under.
    pub rule: String,
    /// Where it stands, counted from one.
    pub line: u64,
}

impl SecretWarning {
    /// What a header says; what it says of anything else is passed over.
    pub fn read(header: &str) -> Vec<Self> {
        header.split(',').filter_map(Self::of_field).collect()
    }

    /// The header that says it; nothing where there is nothing to be said.
    pub fn header(all: &[Self]) -> Option<String> {
        let fields = all.iter();
        let fields = fields.map(|Self { rule, line }| format!("secret;rule={rule};line={line}"));
        let fields: Vec<_> = fields.collect();
        (!fields.is_empty()).then(|| fields.join(", "))
    }

    fn of_field(field: &str) -> Option<Self> {
        let mut parts = field.split(';').map(str::trim);
        if parts.next() != Some("secret") {
            return None;
        }
        let (mut rule, mut line) = (None, None);
        for part in parts {
            match part.split_once('=') {
                Some(("rule", text)) => rule = Some(text.to_owned()),
                Some(("line", text)) => line = text.parse().ok(),
                _ => {}
            }
        }
        Some(Self {
            rule: rule?,
            line: line?,
        })
    }
}

impl fmt::Display for SecretWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in line {}", self.rule, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_again() {
        let all: Vec<_> = [("env-secret", 2), ("private-key", 40)]
            .map(|(rule, line)| SecretWarning {
                rule: rule.to_owned(),
                line,
            })
            .into();
        let header = SecretWarning::header(&all).unwrap();
        assert_eq!(
            header,
            "secret;rule=env-secret;line=2, secret;rule=private-key;line=40"
        );
        assert_eq!(SecretWarning::read(&header), all);
        assert_eq!(SecretWarning::header(&[]), None);
        assert!(
            SecretWarning::read("other;rule=x;line=1, secret;rule=x, secret;line=1").is_empty()
        );
    }
}
