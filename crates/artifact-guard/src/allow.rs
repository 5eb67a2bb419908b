//! What is let pass: rules by name, files by patterns of their names.

use std::sync::Arc;

use artifact_domain::query::Glob;
use artifact_domain::{ArtifactName, Result};

/// What is let pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allow(Arc<Entries>);

#[derive(Debug, Default)]
struct Entries {
    rules: Vec<&'static str>,
    names: Vec<Glob>,
}

impl Allow {
    pub(crate) fn new(entries: &[String]) -> Result<Self> {
        let mut all = Entries::default();
        for entry in entries {
            match crate::rules().find(|rule| rule.name() == entry) {
                Some(rule) => all.rules.push(rule.name()),
                None => all.names.push(entry.parse()?),
            }
        }
        Ok(Self(Arc::new(all)))
    }

    pub(crate) fn has_rule(&self, name: &str) -> bool {
        self.0.rules.contains(&name)
    }

    pub(crate) fn has_name(&self, name: &ArtifactName) -> bool {
        self.0.names.iter().any(|glob| glob.matches(name.as_str()))
    }
}
