//! How the rules of a bucket differ from those that the settings ask for.

use std::fmt;

use artifact_domain::port::FoundRules;

/// What has to be done with a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleChange {
    /// It is not there.
    Add,
    /// It says something else.
    Change,
    /// The settings ask for no such rule.
    Remove,
}

impl RuleChange {
    /// The stable name, for JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Remove => "remove",
        }
    }
}

/// One rule that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDifference {
    /// Which rule.
    pub name: String,
    /// What has to be done with it.
    pub change: RuleChange,
    /// What it says on the bucket, if it is there and can be understood.
    pub found: Option<String>,
    /// What it should say, if it should be there.
    pub wanted: Option<String>,
}

impl fmt::Display for RuleDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.as_deref().unwrap_or("changed by somebody else");
        let wanted = self.wanted.as_deref().unwrap_or_default();
        let name = &self.name;
        match self.change {
            RuleChange::Add => write!(f, "{name} is missing ({wanted})"),
            RuleChange::Change => write!(f, "{name} is: {found}; should be: {wanted}"),
            RuleChange::Remove => write!(f, "{name} is not in the settings ({found})"),
        }
    }
}

/// What has to be done so that the rules that were found are those that are wanted, rule by rule;
/// nothing where they are the same.
pub fn rule_differences<R: PartialEq>(
    found: &FoundRules<R>,
    wanted: &[(String, R)],
    describe: impl Fn(&R) -> String,
) -> Vec<RuleDifference> {
    let mut all = Vec::new();
    for (name, rule) in wanted {
        let mut named = found.own.iter().filter(|found| found.name == *name);
        let first = named.next();
        if first.is_some_and(|first| first.rule.as_ref() == Some(rule)) && named.next().is_none() {
            continue;
        }
        let found = first.and_then(|first| first.rule.as_ref().map(&describe));
        all.push(RuleDifference {
            name: name.clone(),
            change: first.map_or(RuleChange::Add, |_| RuleChange::Change),
            found,
            wanted: Some(describe(rule)),
        });
    }
    for found in &found.own {
        if !wanted.iter().any(|(name, _)| *name == found.name) {
            all.push(RuleDifference {
                name: found.name.clone(),
                change: RuleChange::Remove,
                found: found.rule.as_ref().map(&describe),
                wanted: None,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use artifact_domain::port::FoundRule;

    use super::*;

    fn found(rules: &[(&str, Option<u32>)]) -> FoundRules<u32> {
        let own = rules.iter().map(|(name, rule)| FoundRule {
            name: (*name).to_owned(),
            rule: *rule,
        });
        FoundRules {
            own: own.collect(),
            others: 3,
        }
    }

    #[test]
    fn each_rule_that_is_not_as_it_should_be_is_named() {
        let wanted = [
            ("a".to_owned(), 1),
            ("b".to_owned(), 2),
            ("c".to_owned(), 3),
        ];
        let same = found(&[("c", Some(3)), ("a", Some(1)), ("b", Some(2))]);
        assert_eq!(rule_differences(&same, &wanted, u32::to_string), []);
        let other = found(&[("a", Some(7)), ("b", None), ("x", Some(9))]);
        let said: Vec<_> = rule_differences(&other, &wanted, u32::to_string)
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            "a is: 7; should be: 1",
            "b is: changed by somebody else; should be: 2",
            "c is missing (3)",
            "x is not in the settings (9)",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_rule_that_is_there_twice_is_not_as_it_should_be() {
        let twice = found(&[("a", Some(1)), ("a", Some(2))]);
        let said = rule_differences(&twice, &[("a".to_owned(), 1)], u32::to_string);
        assert_eq!(said.len(), 1);
    }
}
