//! One result on its way to a finding: what is left of it before its tool is known, and what makes it
//! the same one in another run.

use sha2::{Digest, Sha256};

use super::schema::{Few, Raw, Rule, Tool};
use crate::coverage::normal;
use crate::findings::{Finding, Identity, Level};
use crate::text;

/// What is kept of a result until its tool is known.
#[derive(Debug)]
pub(super) struct Draft {
    rule: Option<String>,
    rule_index: Option<usize>,
    level: Option<Level>,
    path: String,
    line: Option<u32>,
    message: String,
    /// A digest of everything that identifies it beside tool and rule.
    rest: [u8; 32],
}

impl Draft {
    /// None for what is no finding: a check that passed, or one that somebody has accepted.
    pub(super) fn of(raw: &Raw) -> Option<Self> {
        let kind = raw.kind.as_deref().unwrap_or("fail");
        if ["pass", "notApplicable", "informational"].contains(&kind) {
            return None;
        }
        // An older baseline inside the report says that it is there no more.
        if raw.baseline_state.as_deref() == Some("absent") {
            return None;
        }
        let rejected = ["rejected", "underReview"];
        if raw.suppressions.0.as_ref().is_some_and(|suppression| {
            let status = suppression.status.as_deref().unwrap_or("accepted");
            !rejected.contains(&status)
        }) {
            return None;
        }
        let message = raw.message.as_ref();
        let message = message
            .and_then(|m| m.text.as_ref().or(m.markdown.as_ref()).or(m.id.as_ref()))
            .map(String::as_str)
            .unwrap_or_default();
        let place = Place::of(raw);
        let rest = identity_beside_rule(raw, message, &place);
        let level = raw.level.as_deref().and_then(Level::of);
        let reference = raw.rule.as_ref();
        let rule = raw
            .rule_id
            .clone()
            .or_else(|| reference.and_then(|rule| rule.id.clone()));
        let index = raw
            .rule_index
            .or_else(|| reference.and_then(|rule| rule.index));
        Some(Self {
            rule: rule.map(|id| text::name(&id)),
            rule_index: index.and_then(|index| usize::try_from(index).ok()),
            level: level.or((kind != "fail").then_some(Level::None)),
            path: text::name(&place.path),
            line: place.line,
            message: text::message(message),
            rest,
        })
    }

    /// What it takes in memory while it waits.
    pub(super) fn bytes(&self) -> usize {
        let rule = self.rule.as_ref().map_or(0, String::len);
        size_of::<Self>() + rule + self.path.len() + self.message.len()
    }

    /// The finding, and what makes it the same one in another run.
    pub(super) fn finish(self, tool: &Tool) -> (Identity, Finding) {
        let rules = &tool.driver.rules;
        let by_index = self.rule_index.and_then(|index| rules.0.get(index));
        let rule = self
            .rule
            .or_else(|| by_index.map(|rule| text::name(&rule.id)))
            .unwrap_or_default();
        let described = by_index
            .filter(|described| described.id == rule)
            .or_else(|| by_id(rules, &rule))
            .or_else(|| {
                let mut more = tool.extensions.0.iter();
                more.find_map(|extension| by_id(&extension.rules, &rule))
            });
        let default = described
            .and_then(|rule| rule.default_configuration.as_ref())
            .and_then(|configuration| configuration.level.as_deref())
            .and_then(Level::of);
        let mut digest = Sha256::new();
        for part in [tool.driver.name.as_bytes(), rule.as_bytes(), &self.rest] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let mut identity = Identity::default();
        identity.copy_from_slice(&digest.finalize()[..16]);
        let finding = Finding {
            tool: text::name(&tool.driver.name),
            rule,
            level: self.level.or(default).unwrap_or(Level::Warning),
            path: self.path,
            line: self.line,
            message: self.message,
        };
        (identity, finding)
    }
}

fn by_id<'a>(rules: &'a Few<Rule>, id: &str) -> Option<&'a Rule> {
    rules.0.iter().find(|rule| rule.id == id)
}

/// Where it was found.
struct Place {
    path: String,
    line: Option<u32>,
    snippet: Option<String>,
}

impl Place {
    fn of(raw: &Raw) -> Self {
        let location = raw.locations.0.as_ref();
        let physical = location.and_then(|location| location.physical_location.as_ref());
        let uri = physical
            .and_then(|physical| physical.artifact_location.as_ref())
            .and_then(|artifact| artifact.uri.as_deref());
        let logical = || {
            let logical = location?.logical_locations.0.as_ref()?;
            logical.fully_qualified_name.as_deref()
        };
        let region = physical.and_then(|physical| physical.region.as_ref());
        let line = region.and_then(|region| region.start_line);
        let snippet = region
            .and_then(|region| region.snippet.as_ref())
            .and_then(|snippet| snippet.text.as_deref());
        Self {
            path: normal(uri.or_else(logical).unwrap_or_default()),
            line: line.and_then(|line| u32::try_from(line).ok()),
            snippet: snippet.map(dense),
        }
    }
}

/// The digest of what identifies a result beside its tool and rule. Its line is never part of it:
/// lines move.
fn identity_beside_rule(raw: &Raw, message: &str, place: &Place) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut add = |part: &str| {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    };
    let (whole, partial) = (&raw.fingerprints.0, &raw.partial_fingerprints.0);
    if !whole.is_empty() {
        add("fingerprints");
        whole
            .iter()
            .flat_map(|(key, value)| [key, value])
            .for_each(|part| add(part));
    } else if !partial.is_empty() {
        add("partial");
        add(&place.path);
        partial
            .iter()
            .flat_map(|(key, value)| [key, value])
            .for_each(|part| add(part));
    } else {
        add("place");
        add(&place.path);
        add(&dense(message));
        if let Some(snippet) = &place.snippet {
            add(snippet);
        }
    }
    digest.finalize().into()
}

/// The text with one space for all white space: how it is indented is of no account.
fn dense(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
