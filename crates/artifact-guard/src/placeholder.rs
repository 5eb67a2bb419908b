//! What stands in the place of a secret in examples and templates. Knows no rule.

use memchr::memmem;

/// Words that no service puts into a secret, and people put into examples of one. In small letters.
const WORDS: [&[u8]; 8] = [
    b"example",
    b"placeholder",
    b"changeme",
    b"change_me",
    b"change-me",
    b"redacted",
    b"dummy",
    b"xxxx",
];

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
    let lower = secret.to_ascii_lowercase();
    lower.starts_with(b"your")
        || WORDS
            .iter()
            .any(|word| memmem::find(&lower, word).is_some())
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
