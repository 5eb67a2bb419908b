//! A kind of secret that is known by its form, and whether one stands where its text was found.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::Regex;

use crate::placeholder::is_placeholder;
use crate::rule::Rule;
use crate::{escape, pem, service_account};

/// The most bytes of a secret that its pattern looks at.
const PATTERN_BYTES: usize = 192;

/// What `<=>` stands for in a pattern: what is between a name and its value, in whatever language.
const IS: &str = r#"(?:\\{0,4}["'])?\s{0,8}[:=]\s{0,8}(?:(?:\x1b|\\{1,4}(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,16}m){0,2}(?:\\{0,4}["'])?"#;

/// A kind of secret with a form of its own.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) rule: Rule,
    /// Texts of which each such secret has one; what is dear is looked for only behind these. Each has four
    /// bytes or more, and there are 64 of them at most: with more, or with shorter ones, the search for all
    /// of them takes five times as long.
    pub(crate) texts: &'static [&'static str],
    /// How many bytes of the secret stand before the text.
    pub(crate) before_bytes: usize,
    form: Form,
}

/// What a secret looks like around its text.
#[derive(Debug)]
enum Form {
    /// From its beginning. What may be an example is in the group `secret`, or behind the text.
    Pattern(&'static str, OnceLock<Regex>),
    /// With a label that this takes.
    Pem(fn(&[u8]) -> bool),
    ServiceAccount,
}

impl Token {
    pub(crate) const fn pattern(
        rule: Rule,
        texts: &'static [&'static str],
        pattern: &'static str,
    ) -> Self {
        Self::new(rule, texts, Form::Pattern(pattern, OnceLock::new()))
    }

    pub(crate) const fn pem(
        rule: Rule,
        texts: &'static [&'static str],
        is_label: fn(&[u8]) -> bool,
    ) -> Self {
        Self::new(rule, texts, Form::Pem(is_label))
    }

    pub(crate) const fn service_account(rule: Rule) -> Self {
        Self::new(rule, &[service_account::TEXT], Form::ServiceAccount)
    }

    const fn new(rule: Rule, texts: &'static [&'static str], form: Form) -> Self {
        Self {
            rule,
            texts,
            before_bytes: 0,
            form,
        }
    }

    pub(crate) const fn with_bytes_before(mut self, before_bytes: usize) -> Self {
        self.before_bytes = before_bytes;
        self
    }

    /// Whether such a secret stands where one of its texts was found, and where it begins. What comes
    /// before it in `bytes` may be cut off.
    pub(crate) fn found(&self, bytes: &[u8], text: Range<usize>) -> Option<usize> {
        let at = text.start.checked_sub(self.before_bytes)?;
        let goes_on = bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_';
        if goes_on && escape::ends_in_word(&bytes[..at]) {
            return None;
        }
        let extent = self.extent(bytes, at);
        let secret = self.secret(&bytes[extent.clone()], at - extent.start, text.end - at)?;
        (!is_placeholder(&secret)).then_some(at)
    }

    /// What of the bytes says whether a secret begins at `at`. A file may be made of nothing but texts, so
    /// this is short, or ends at the next text.
    pub(crate) fn extent(&self, bytes: &[u8], at: usize) -> Range<usize> {
        match self.form {
            Form::Pattern(..) => at..bytes.len().min(at + PATTERN_BYTES),
            Form::Pem(_) => pem::extent(bytes, at),
            Form::ServiceAccount => service_account::extent(bytes, at),
        }
    }

    /// What may be an example, of the secret that begins at `at` and whose text ends so far behind.
    fn secret<'a>(&self, bytes: &'a [u8], at: usize, text_end: usize) -> Option<Cow<'a, [u8]>> {
        match &self.form {
            Form::Pattern(pattern, compiled) => {
                let bytes = &bytes[at..];
                let regex = compiled.get_or_init(|| compile(pattern));
                let whole = regex.find(bytes)?.as_bytes();
                let secret = match regex.captures_len() {
                    1 => None,
                    _ => regex.captures(bytes)?.name("secret"),
                };
                let behind = || &whole[text_end.min(whole.len())..];
                let secret = secret.map_or_else(behind, |secret| secret.as_bytes());
                Some(Cow::Borrowed(secret))
            }
            Form::Pem(is_label) => pem::key(bytes, at, *is_label).map(Cow::Owned),
            Form::ServiceAccount => service_account::key(bytes, at).map(Cow::Owned),
        }
    }

    #[cfg(test)]
    pub(crate) fn compile(&self) {
        if let Form::Pattern(pattern, _) = self.form {
            compile(pattern);
        }
    }
}

fn compile(pattern: &str) -> Regex {
    let anchored = format!("(?-u)^(?:{})", pattern.replace("<=>", IS));
    Regex::new(&anchored).expect("a test compiles every pattern of the table")
}
