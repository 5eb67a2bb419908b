//! The rules of a bucket in memory, which any number of stores share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use artifact_domain::port::{
    BucketRules, CorsRule, FoundRule, FoundRules, LifecycleRule, OWN_RULES, is_own_statement,
};
use artifact_domain::{Error, ErrorKind, Result};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::misuse;
use crate::contract::bucket_rules::RuleKind;

/// A bucket, as far as it has rules.
#[derive(Debug, Clone, Default)]
pub struct MemoryBucket {
    state: Arc<Mutex<State>>,
    is_missing: bool,
    has_no_policy: bool,
}

/// Each rule with the prefix of its store; none for those of others, whatever they say.
#[derive(Debug, Default)]
struct State {
    lifecycle: Vec<(Option<String>, Option<LifecycleRule>)>,
    cors: Vec<(Option<String>, Option<CorsRule>)>,
    policy: Vec<Value>,
}

impl MemoryBucket {
    /// A bucket without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// A bucket that does not exist.
    pub fn missing() -> Self {
        Self {
            is_missing: true,
            ..Self::default()
        }
    }

    /// A bucket of a service that has no policies.
    #[must_use]
    pub fn without_policies(mut self) -> Self {
        self.has_no_policy = true;
        self
    }

    /// The rules of the store whose keys begin with this: empty, or ending in a slash.
    pub fn rules_of(&self, prefix: &str) -> MemoryBucketRules {
        MemoryBucketRules {
            bucket: self.clone(),
            prefix: prefix.to_owned(),
        }
    }

    /// Adds a rule that is no store's.
    pub fn add_foreign(&self, kind: RuleKind) {
        let mut state = self.state();
        match kind {
            RuleKind::Lifecycle => state.lifecycle.push((None, None)),
            RuleKind::Cors => state.cors.push((None, None)),
            RuleKind::Policy => state.policy.push(json!({ "Sid": "Theirs" })),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self) -> Result<MutexGuard<'_, State>> {
        if self.is_missing {
            let error = Error::invalid_input("the bucket does not exist");
            return Err(error.with_hint("create it"));
        }
        Ok(self.state())
    }

    fn with_policy(&self) -> Result<MutexGuard<'_, State>> {
        if self.has_no_policy {
            let message = "the service has no policies";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        self.found()
    }
}

/// The rules of one store. Where production leaves it to the service, it refuses two rules of one name
/// and statements of others.
#[derive(Debug)]
pub struct MemoryBucketRules {
    bucket: MemoryBucket,
    prefix: String,
}

impl MemoryBucketRules {
    fn select<R: Clone>(
        &self,
        rules: &[(Option<String>, Option<R>)],
        name: impl Fn(&R) -> String,
    ) -> FoundRules<R> {
        let mut found = FoundRules::default();
        for (prefix, rule) in rules {
            match rule
                .as_ref()
                .filter(|_| prefix.as_ref() == Some(&self.prefix))
            {
                Some(rule) => found.own.push(FoundRule {
                    name: name(rule),
                    rule: Some(rule.clone()),
                }),
                None => found.others += 1,
            }
        }
        found
    }

    fn replace<R>(&self, rules: &mut Vec<(Option<String>, Option<R>)>, own: Vec<R>) {
        rules.retain(|(prefix, _)| prefix.as_ref() != Some(&self.prefix));
        let own = own.into_iter();
        rules.extend(own.map(|rule| (Some(self.prefix.clone()), Some(rule))));
    }

    fn is_own(&self, statement: &Value) -> bool {
        let sid = statement["Sid"].as_str().unwrap_or_default();
        is_own_statement(sid, &self.prefix)
    }
}

fn refuse_twice(mut names: Vec<String>) -> Result<()> {
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(misuse(format_args!("two rules are called {}", pair[0]))),
        None => Ok(()),
    }
}

#[async_trait]
impl BucketRules for MemoryBucketRules {
    async fn lifecycle(&self) -> Result<FoundRules<LifecycleRule>> {
        let state = self.bucket.found()?;
        Ok(self.select(&state.lifecycle, LifecycleRule::name))
    }

    async fn set_lifecycle(&self, rules: Vec<LifecycleRule>) -> Result<()> {
        let mut state = self.bucket.found()?;
        refuse_twice(rules.iter().map(LifecycleRule::name).collect())?;
        self.replace(&mut state.lifecycle, rules);
        Ok(())
    }

    async fn cors(&self) -> Result<FoundRules<CorsRule>> {
        let state = self.bucket.found()?;
        Ok(self.select(&state.cors, |_| format!("{OWN_RULES}cors")))
    }

    async fn set_cors(&self, rules: Vec<CorsRule>) -> Result<()> {
        let mut state = self.bucket.found()?;
        refuse_twice(rules.iter().map(|_| "cors".to_owned()).collect())?;
        self.replace(&mut state.cors, rules);
        Ok(())
    }

    async fn policy(&self) -> Result<FoundRules<Value>> {
        let state = self.bucket.with_policy()?;
        let mut found = FoundRules::default();
        for statement in &state.policy {
            if self.is_own(statement) {
                found.own.push(FoundRule {
                    name: statement["Sid"].as_str().unwrap_or_default().to_owned(),
                    rule: Some(statement.clone()),
                });
            } else {
                found.others += 1;
            }
        }
        Ok(found)
    }

    async fn set_policy(&self, statements: Vec<Value>) -> Result<()> {
        let mut state = self.bucket.with_policy()?;
        if let Some(other) = statements.iter().find(|statement| !self.is_own(statement)) {
            return Err(misuse(format_args!("not of this store: {other}")));
        }
        refuse_twice(
            statements
                .iter()
                .map(|one| one["Sid"].to_string())
                .collect(),
        )?;
        state.policy.retain(|statement| !self.is_own(statement));
        state.policy.extend(statements);
        Ok(())
    }
}
