//! What is written down of who did what.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Action;
use crate::query::Glob;
use crate::segment::excerpt;
use crate::{Error, Result, Timestamp};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// He who asked may not, or nobody knows him.
    Refused,
    /// Something else was in the way.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Failed];

    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for Outcome {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| {
            Error::invalid_input(format!("unknown outcome `{}`", excerpt(text)))
                .with_hint("an attempt is done, refused or failed")
        })
    }
}

/// One attempt. It has no secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// When it ended.
    pub time: Timestamp,
    /// Who it was; nobody where he was not recognised.
    pub who: Option<String>,
    /// The address that he came from, where there is one.
    pub from: Option<String>,
    /// What he wanted to do.
    pub action: Action,
    /// The request: its method and its path, without parameters.
    pub request: String,
    /// To what: the URI of an artifact, or words for more than one; nothing where that was not asked.
    pub target: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The status that was answered.
    pub status: u16,
    /// What names the request in the log.
    pub request_id: String,
}

/// What is asked of the entries. Every condition that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFilter {
    /// A pattern for who it was; nobody matches none.
    pub who: Option<Glob>,
    /// A pattern for the target.
    pub target: Option<Glob>,
    /// One of these actions; any where there are none.
    pub actions: Vec<Action>,
    /// One of these outcomes; any where there are none.
    pub outcomes: Vec<Outcome>,
    /// At this time or later.
    pub after: Option<Timestamp>,
    /// Before this time.
    pub before: Option<Timestamp>,
    /// The last so many.
    pub limit: usize,
}

impl AuditFilter {
    /// The last `limit` entries, whatever they are.
    pub fn last(limit: usize) -> Self {
        Self {
            who: None,
            target: None,
            actions: Vec::new(),
            outcomes: Vec::new(),
            after: None,
            before: None,
            limit,
        }
    }

    /// Whether all conditions hold for an entry.
    pub fn selects(&self, entry: &AuditEntry) -> bool {
        let fits = |glob: &Option<Glob>, text: &Option<String>| {
            let matches = |glob: &Glob| text.as_ref().is_some_and(|text| glob.matches(text));
            glob.as_ref().is_none_or(matches)
        };
        fits(&self.who, &entry.who)
            && fits(&self.target, &entry.target)
            && (self.actions.is_empty() || self.actions.contains(&entry.action))
            && (self.outcomes.is_empty() || self.outcomes.contains(&entry.outcome))
            && self.after.is_none_or(|after| entry.time >= after)
            && self.before.is_none_or(|before| entry.time < before)
    }
}
