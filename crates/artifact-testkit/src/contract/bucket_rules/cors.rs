//! Which pages of the web are let in. Where a service keeps no names, the store's rule is told by the
//! headers that it exposes, so that stores of one bucket share it: no case has two.

use artifact_domain::port::{CORS_EXPOSED, CorsRule, OWN_RULES};

use super::{RuleKind, SharedBucket, own};
use crate::Subject;

pub(super) fn rule(origins: &[&str], uploads: bool) -> CorsRule {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    CorsRule {
        origins: texts(origins),
        methods: texts(if uploads {
            &["GET", "HEAD", "PUT"]
        } else {
            &["GET", "HEAD"]
        }),
        headers: texts(&["*"]),
        exposed: texts(&CORS_EXPOSED),
        max_age_s: 3_600,
    }
}

fn named(rule: &CorsRule) -> Vec<(String, CorsRule)> {
    vec![(format!("{OWN_RULES}cors"), rule.clone())]
}

/// A bucket without any gives none.
pub async fn a_bucket_lets_no_pages_in_at_first(bucket: Subject<SharedBucket>) {
    let found = bucket.own.cors().await.unwrap();
    assert_eq!((found.own.len(), found.others), (0, 0));
}

/// A rule comes back as it was set.
pub async fn a_rule_is_found_as_it_was_set(bucket: Subject<SharedBucket>) {
    let origins = ["http://localhost:8080", "https://a.example.com"];
    for uploads in [true, false] {
        let rule = rule(&origins, uploads);
        bucket.own.set_cors(vec![rule.clone()]).await.unwrap();
        let found = bucket.own.cors().await.unwrap();
        assert_eq!(found.others, 0);
        assert_eq!(own(found), named(&rule));
    }
}

/// Another rule takes the place of the one that was there; the same one changes nothing.
pub async fn a_rule_is_replaced(bucket: Subject<SharedBucket>) {
    let (old, new) = (rule(&["https://a"], true), rule(&["https://b"], false));
    for rule in [&old, &new, &new, &old] {
        bucket.own.set_cors(vec![rule.clone()]).await.unwrap();
        assert_eq!(own(bucket.own.cors().await.unwrap()), named(rule));
    }
}

/// No rule takes away the one that is there, and may be set where there is none.
pub async fn no_rule_takes_away_what_is_there(bucket: Subject<SharedBucket>) {
    bucket.own.set_cors(Vec::new()).await.unwrap();
    let rule = rule(&["https://a"], true);
    bucket.own.set_cors(vec![rule]).await.unwrap();
    for _ in 0..2 {
        bucket.own.set_cors(Vec::new()).await.unwrap();
        let found = bucket.own.cors().await.unwrap();
        assert_eq!((found.own.len(), found.others), (0, 0));
    }
}

/// A rule of somebody else's is counted, and stays whatever is set and taken away.
pub async fn pages_that_others_let_in_stay(bucket: Subject<SharedBucket>) {
    (bucket.add_foreign)(RuleKind::Cors);
    let rule = rule(&["https://a"], true);
    for rules in [vec![rule.clone()], Vec::new(), vec![rule], Vec::new()] {
        bucket.own.set_cors(rules.clone()).await.unwrap();
        let found = bucket.own.cors().await.unwrap();
        assert_eq!((found.own.len(), found.others), (rules.len(), 1));
    }
}
