//! Patterns with places that claims are put into. What is put in stands for itself, whatever it is.

use std::str::FromStr;

use artifact_domain::query::Glob;
use artifact_domain::{Error, Result};

use crate::claims::Claims;

/// A pattern in which `{claim}` stands for the value of a claim; `{{` and `}}` stand for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// A piece of a pattern, in which every set is whole.
    Pattern(String),
    /// The name of a claim.
    Claim(String),
}

impl Template {
    /// The pattern for these claims; none where one of them is missing, empty or no text.
    pub(crate) fn fill(&self, claims: &Claims) -> Option<Glob> {
        self.filled(|name| claims.text(name))?.parse().ok()
    }

    fn filled<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
        let mut pattern = String::new();
        for part in &self.0 {
            match part {
                Part::Pattern(text) => pattern.push_str(text),
                Part::Claim(name) => pattern.push_str(Glob::exactly(value(name)?).as_str()),
            }
        }
        Some(pattern)
    }
}

impl FromStr for Template {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut pattern = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{{") {
                pattern.push('{');
                rest = after;
            } else if let Some(after) = rest.strip_prefix("}}") {
                pattern.push('}');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let (name, after) = after.split_once('}').ok_or_else(unclosed)?;
                if name.is_empty() || name.contains('{') {
                    return Err(unclosed());
                }
                parts.push(Part::Pattern(std::mem::take(&mut pattern)));
                parts.push(Part::Claim(name.to_owned()));
                rest = after;
            } else if first == '}' {
                return Err(unclosed());
            } else if first == '[' {
                let (set, after) = rest.split_at(end_of_set(rest)?);
                pattern.push_str(set);
                rest = after;
            } else {
                pattern.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        parts.push(Part::Pattern(pattern));
        let template = Self(parts);
        let sample = template.filled(|_| Some("x")).unwrap_or_default();
        sample.parse::<Glob>()?;
        Ok(template)
    }
}

/// Where the set that a text begins with ends. It has no claims in it, since what is put in would be
/// read as characters of the set.
fn end_of_set(text: &str) -> Result<usize> {
    let inner = text[1..].strip_prefix('!').unwrap_or(&text[1..]);
    let begin = text.len() - inner.len();
    // A bracket that comes first is a member.
    let first = inner.chars().next().map_or(0, char::len_utf8);
    let length = inner[first..].find(']');
    let length = length.ok_or_else(|| Error::invalid_input("a set `[…]` in it has no end"))?;
    let end = begin + first + length + 1;
    if text[..end].contains(['{', '}']) {
        return Err(Error::invalid_input("a set `[…]` in it has a brace")
            .with_hint("a claim can't stand in a set"));
    }
    Ok(end)
}

fn unclosed() -> Error {
    Error::invalid_input("a brace in it is alone, or has no claim in it")
        .with_hint("write {claim} for the value of a claim, and {{ or }} for a brace")
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    fn filled(template: &str, value: &str) -> Option<Glob> {
        let claims = Map::from_iter([("x".to_owned(), Value::from(value))]);
        let template: Template = template.parse().unwrap();
        template.fill(&Claims::new(claims))
    }

    #[test]
    fn claims_are_put_in_and_patterns_around_them_stay() {
        for (template, value, good, bad) in [
            ("{x}", "org/app", "org/app", "org/app2"),
            ("ci-{x}-*", "7", "ci-7-a", "ci-8-a"),
            ("[ab]{x}?", "1", "a1z", "c1z"),
            ("{x}{x}", "a", "aa", "a"),
            ("[!]]{x}", "a", "ba", "]a"),
            ("[]]{x}", "a", "]a", "aa"),
            ("{{{x}}}", "a", "{a}", "a"),
            ("*{x}*", "a", "bab", "bb"),
        ] {
            let glob = filled(template, value).unwrap();
            assert!(
                glob.matches(good) && !glob.matches(bad),
                "{template}: {glob}"
            );
        }
    }

    #[test]
    fn what_is_put_in_is_no_pattern() {
        let odd = [
            "*",
            "**",
            "?",
            "[a",
            "[a]",
            "[!a]",
            "]",
            "a-z",
            "!",
            "{x}",
            "{",
            "}}",
            "a*b",
            "\\*",
            "***",
            "[",
            "/**/",
            "é[",
            "\u{202e}*",
        ];
        for value in odd {
            let alone = filled("{x}", value).unwrap();
            assert!(alone.matches(value) && !alone.is_all(), "{value}: {alone}");
            for template in ["{x}", "a{x}b", "[ab]{x}", "{x}[ab]", "?{x}?"] {
                let glob = filled(template, value).unwrap();
                for other in ["", "x", "a", "ab", "aXb", "axxb", "aab", "abb"] {
                    assert!(
                        !glob.matches(other),
                        "{template} with {value} takes {other}"
                    );
                }
            }
            // Stars around it take in what has it somewhere, and nothing else.
            let around = filled("*{x}*", value).unwrap();
            assert!(
                around.matches(&format!("1{value}2")) && !around.matches("12"),
                "{value}"
            );
        }
    }

    #[test]
    fn without_a_text_there_is_no_pattern() {
        let template: Template = "*{x}*".parse().unwrap();
        for value in [
            Value::Null,
            Value::from(""),
            Value::from(7),
            Value::from(true),
            Value::from(vec!["a"]),
        ] {
            let claims = Claims::new(Map::from_iter([("x".to_owned(), value)]));
            assert_eq!(template.fill(&claims), None);
        }
        assert_eq!(template.fill(&Claims::new(Map::new())), None);
        assert_eq!(
            filled("{x}", &"a".repeat(2_000)),
            None,
            "too long for a pattern"
        );
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for bad in [
            "", "{", "}", "{}", "{x", "x}", "{x{y}}", "[{x}]", "[a{x}]", "[!{x}]", "[!]{x}]",
            "[]{x}]", "[", "[a", "[]", "[!]", "a**{x}", "{x}***", "[{{]",
        ] {
            assert!(bad.parse::<Template>().is_err(), "{bad} was taken");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_the_value_itself_fits_where_it_stands(value in "\\PC{1,12}", other in "\\PC{0,12}") {
            let glob = filled("{x}", &value).unwrap();
            proptest::prop_assert!(glob.matches(&value));
            proptest::prop_assert_eq!(glob.matches(&other), other == value);
            let within = filled("a-{x}-*", &value).unwrap();
            let text = format!("a-{other}-7");
            let fits = text.starts_with(&format!("a-{value}-"));
            proptest::prop_assert_eq!(within.matches(&text), fits);
        }
    }
}
