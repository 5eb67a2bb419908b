//! Rules: which tokens are granted what.

use artifact_domain::access::{Actions, Grant};
use artifact_domain::query::{Area, Glob};

use crate::claims::Claims;
use crate::template::Template;

/// What bearers of tokens with some claims may do.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Claims and the patterns that they match, all of them.
    pub(crate) claims: Vec<(String, Glob)>,
    pub(crate) actions: Actions,
    pub(crate) spec: Template,
    pub(crate) task: Template,
}

impl Rule {
    /// What the rule grants; nothing where it does not match.
    pub(crate) fn grant(&self, claims: &Claims) -> Option<Grant> {
        let mut wanted = self.claims.iter();
        let is_meant = wanted.all(|(name, pattern)| claims.matches(name, pattern));
        is_meant.then_some(())?;
        Some(Grant {
            actions: self.actions,
            area: Area {
                spec: self.spec.fill(claims)?,
                task: self.task.fill(claims)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn granted(rule: &Rule, claims: Value) -> Option<(String, String)> {
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        let grant = rule.grant(&Claims::new(claims))?;
        Some((grant.area.spec.to_string(), grant.area.task.to_string()))
    }

    #[test]
    fn a_rule_grants_where_all_its_claims_match() {
        let claims = [("owner", "org"), ("ref", "refs/heads/*")];
        let rule = Rule {
            claims: claims
                .map(|(name, pattern)| (name.to_owned(), pattern.parse().unwrap()))
                .to_vec(),
            actions: "read".parse().unwrap(),
            spec: "{repository}".parse().unwrap(),
            task: "run-{run}-*".parse().unwrap(),
        };
        let good =
            json!({"owner": "org", "ref": "refs/heads/main", "repository": "org/a", "run": "7"});
        let expected = ("org/a".to_owned(), "run-7-*".to_owned());
        assert_eq!(granted(&rule, good.clone()), Some(expected));
        for (name, value) in [
            ("owner", json!("org2")),
            ("owner", json!(null)),
            ("ref", json!("refs/tags/1")),
            ("repository", json!("")),
            ("repository", json!(7)),
            ("run", json!(7)),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert_eq!(granted(&rule, bad.clone()), None, "{bad}");
            bad.as_object_mut().unwrap().remove(name);
            assert_eq!(granted(&rule, bad.clone()), None, "{bad}");
        }
        let mut starred = good;
        starred["run"] = json!("*");
        starred["repository"] = json!("*");
        let literal = ("[*]".to_owned(), "run-[*]-*".to_owned());
        assert_eq!(granted(&rule, starred), Some(literal));
    }
}
