//! What stands in the place of a secret in examples and templates. Knows no rule.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Words that no service puts into a secret, and people put into examples of one.
const WORDS: [&str; 10] = [
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "redacted",
    "dummy",
    "xxxx",
    "your_",
    "your-",
];

static ANY_WORD: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(WORDS)
        .expect("a test builds it, from the same few words")
});

/// The fewest different bytes that a secret has.
const FEWEST_KINDS: usize = 6;

/// Whether these bytes are an example rather than a secret.
pub(crate) fn is_placeholder(secret: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in secret {
        seen[usize::from(*byte)] = true;
    }
    if seen.iter().filter(|seen| **seen).count() < FEWEST_KINDS {
        return true;
    }
    let begins_with_your = secret
        .first_chunk()
        .is_some_and(|first: &[u8; 4]| first.eq_ignore_ascii_case(b"your"));
    begins_with_your || ANY_WORD.is_match(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_told_from_secrets() {
        for example in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_************************************",
            "your-password-here",
            "YourToken",
            "put_your_key_here",
            "changeme123",
            "XXXXXXXXXXXX",
            "00000000",
            "",
        ] {
            assert!(is_placeholder(example.as_bytes()), "{example}");
        }
        for secret in ["AKIAQ3EGRWTIZ5PKLMUO", "hunter2-or-so"] {
            assert!(!is_placeholder(secret.as_bytes()), "{secret}");
        }
    }
}
