//! What a token says. Knows nothing of signatures.

use artifact_domain::Timestamp;
use artifact_domain::query::Glob;
use serde_json::{Map, Value};

/// The claims of a token.
#[derive(Clone, PartialEq)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// The value of a claim. A dot leads into an object, unless a claim has it in its name.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        find(&self.0, name)
    }

    /// A claim that is a text, and not an empty one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Whether the text of a claim matches, or that of one of its members where it is a list.
    pub(crate) fn matches(&self, name: &str, pattern: &Glob) -> bool {
        match self.get(name) {
            Some(Value::Array(members)) => members.iter().any(|member| is_like(member, pattern)),
            Some(value) => is_like(value, pattern),
            None => false,
        }
    }

    /// Whether the token is for one of `audiences`.
    pub(crate) fn is_for(&self, audiences: &[String]) -> bool {
        let is_own = |value: &Value| {
            let text = value.as_str();
            text.is_some_and(|text| audiences.iter().any(|own| own == text))
        };
        match self.get("aud") {
            Some(Value::Array(members)) => members.iter().any(is_own),
            Some(value) => is_own(value),
            None => false,
        }
    }

    /// A time, in microseconds since 1970; an error where there is something that is none.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, ()> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or(()),
        }
    }
}

fn find<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = object.get(name) {
        return Some(value);
    }
    // The longest name first: `kubernetes.io.namespace` is `namespace` in `kubernetes.io`.
    name.rmatch_indices('.').find_map(|(dot, _)| {
        let inner = object.get(&name[..dot])?.as_object()?;
        find(inner, &name[dot + 1..])
    })
}

fn is_like(value: &Value, pattern: &Glob) -> bool {
    match value {
        Value::String(text) => pattern.matches(text),
        Value::Number(_) | Value::Bool(_) => pattern.matches(&value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// A number of seconds, which may have a fraction, in microseconds.
fn seconds(value: &Value) -> Option<i64> {
    if let Some(whole) = value.as_i64() {
        return Some(whole.saturating_mul(1_000_000));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of what is too large gives the largest"
    )]
    let micros = (value.as_f64()? * 1e6) as i64;
    Some(micros)
}

/// Moves a time by so many seconds.
pub(crate) fn shifted(micros: i64, seconds: u32) -> i64 {
    micros.saturating_add(i64::from(seconds) * 1_000_000)
}

/// A time as tokens have it.
pub(crate) fn micros(now: Timestamp) -> i64 {
    now.as_micros()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        let Value::Object(map) = value else {
            panic!("claims are an object")
        };
        Claims::new(map)
    }

    #[test]
    fn claims_are_found_by_dotted_names() {
        let some = claims(json!({
            "a": {"b": {"c": "hidden", "d": "deep"}, "b.c": "dotted"},
            "kubernetes.io": {"namespace": "ci"},
            "x.y": "whole", "x": {"y": "part"},
        }));
        for (name, expected) in [
            ("kubernetes.io.namespace", Some("ci")),
            ("a.b.c", Some("dotted")),
            ("a.b.d", Some("deep")),
            ("x.y", Some("whole")),
            ("a.b", None),
            ("a.c", None),
            ("x.y.z", None),
            ("", None),
            (".", None),
            ("a.", None),
        ] {
            assert_eq!(some.text(name), expected, "{name}");
        }
    }

    #[test]
    fn values_match_by_their_text() {
        let some = claims(json!({
            "text": "main", "number": 42, "yes": true, "list": ["a", 7, ["nested"], null],
            "none": null, "object": {"a": "b"}, "empty": "",
        }));
        let matches = |name: &str, pattern: &str| some.matches(name, &pattern.parse().unwrap());
        for (name, pattern) in [
            ("text", "m*"),
            ("number", "42"),
            ("yes", "true"),
            ("list", "a"),
            ("list", "7"),
            ("empty", "*"),
            ("object.a", "b"),
        ] {
            assert!(matches(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [
            ("text", "mai"),
            ("text", "Main"),
            ("number", "4"),
            ("list", "nested"),
            ("list", "null"),
            ("none", "*"),
            ("object", "*"),
            ("missing", "*"),
        ] {
            assert!(!matches(name, pattern), "{name} {pattern}");
        }
        assert_eq!(some.text("empty"), None);
        assert_eq!(some.text("number"), None);
    }

    #[test]
    fn an_audience_is_compared_whole() {
        let own = ["store".to_owned(), "other".to_owned()];
        for good in [json!("store"), json!(["x", "other"])] {
            assert!(claims(json!({ "aud": good })).is_for(&own));
        }
        for bad in [
            json!("stor"),
            json!("store/"),
            json!([]),
            json!(null),
            json!(["x"]),
        ] {
            assert!(!claims(json!({ "aud": bad })).is_for(&own), "{bad}");
        }
        assert!(!claims(json!({})).is_for(&own));
    }

    #[test]
    fn times_are_whole_or_fractions_and_never_too_far() {
        let some = claims(json!({
            "whole": 7, "half": 1.5, "far": 1e300, "long_ago": -1e300, "most": u64::MAX,
            "text": "7", "none": null,
        }));
        assert_eq!(some.time("whole"), Ok(Some(7_000_000)));
        assert_eq!(some.time("half"), Ok(Some(1_500_000)));
        assert_eq!(some.time("far"), Ok(Some(i64::MAX)));
        assert_eq!(some.time("most"), Ok(Some(i64::MAX)));
        assert_eq!(some.time("long_ago"), Ok(Some(i64::MIN)));
        assert_eq!(some.time("missing"), Ok(None));
        assert!(some.time("text").is_err() && some.time("none").is_err());
        assert_eq!(shifted(i64::MAX, 60), i64::MAX);
    }
}
