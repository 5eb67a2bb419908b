//! What can be set of the look for secrets. Knows no rule.

use serde::{Deserialize, Serialize};

/// What is done about files that look like secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// What is done.
    pub secrets: OnSecret,
    /// Rules, and patterns of names, that are let pass.
    pub allow: Vec<String>,
}

/// What is done about a file that looks like a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSecret {
    /// It is not stored.
    Refuse,
    /// It is stored, and whoever uploads it is told.
    Warn,
    /// Nobody looks.
    Off,
}
