//! Looking at one file, piece by piece. Keeps no more of it than a secret may be long, and nothing of what
//! it has found but rule and line.

use std::fmt;

use artifact_domain::ArtifactName;

use crate::allow::Allow;
use crate::files::{self, File};
use crate::tokens::{AHEAD_BYTES, BEFORE_BYTES, TEXTS};
use crate::{Finding, Rule};

/// How many bytes at the beginning of a file are looked at.
pub const LOOKED_AT_BYTES: usize = 8 << 20;

/// At least as many bytes as the longest text has that a token is found by.
pub(crate) const LONGEST_TEXT_BYTES: usize = 32;

/// How many bytes are gathered before they are looked at.
const WINDOW_BYTES: usize = 64 << 10;

/// In how many bytes at the beginning a zero shows that a file is no text.
const TELLING_BYTES: usize = 8 << 10;

/// Looks at one file.
pub struct Scan {
    allow: Allow,
    files: Vec<&'static File>,
    /// What was not looked at yet, or may be the beginning of something.
    held: Vec<u8>,
    /// How many bytes of `held` were looked at, and stay for what comes after them.
    looked_at: usize,
    /// How many lines have ended before what is held.
    lines: u64,
    /// How many bytes may still come.
    left: usize,
    /// Whether something was looked at: then it is text.
    is_text: bool,
    is_over: bool,
    findings: Vec<Finding>,
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("is_over", &self.is_over)
            .field("findings", &self.findings)
            .finish_non_exhaustive()
    }
}

impl Scan {
    pub(crate) fn new(allow: Allow, name: &ArtifactName) -> Self {
        let files = files::of(name);
        Self {
            is_over: allow.has_name(name),
            left: LOOKED_AT_BYTES,
            allow,
            files,
            held: Vec::new(),
            looked_at: 0,
            lines: 0,
            is_text: false,
            findings: Vec::new(),
        }
    }

    /// Takes the next bytes. What is found comes no later than [`finish`](Self::finish), and no earlier
    /// than some KiB behind it were fed.
    pub fn feed(&mut self, bytes: &[u8]) {
        // However much comes at once, little of it is held.
        for piece in bytes.chunks(WINDOW_BYTES) {
            if self.is_over {
                return;
            }
            self.take(piece);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let taken = &bytes[..bytes.len().min(self.left)];
        self.left -= taken.len();
        self.held.extend_from_slice(taken);
        if self.left == 0 {
            self.finish();
        } else if self.held.len() >= self.window_bytes() {
            self.look(false);
        }
    }

    /// Looks at what is left. What comes after it is not looked at.
    pub fn finish(&mut self) {
        if self.is_over {
            return;
        }
        self.look(true);
        self.is_over = true;
        self.held = Vec::new();
    }

    /// The first finding of each rule, in the order in which they were found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Takes the findings away.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// How many bytes are gathered: such files as are known by name are looked at whole.
    fn window_bytes(&self) -> usize {
        if self.files.is_empty() {
            WINDOW_BYTES
        } else {
            files::MOST_BYTES
        }
    }

    fn look(&mut self, is_last: bool) {
        let telling = &self.held[..self.held.len().min(TELLING_BYTES)];
        if !self.is_text && memchr::memchr(0, telling).is_some() {
            self.is_over = true;
            self.held = Vec::new();
            return;
        }
        self.is_text = true;
        for file in std::mem::take(&mut self.files) {
            let looked_at = self.held.len().min(files::MOST_BYTES);
            if let Some(at) = file.found(&self.held[..looked_at]) {
                self.add(&file.rule, at);
            }
        }
        let (found, looked_at) = self.tokens(is_last);
        for (rule, at) in found {
            self.add(rule, at);
        }
        // What a pattern may look back at stays.
        let gone = looked_at.saturating_sub(BEFORE_BYTES);
        self.lines += newlines(&self.held[..gone]);
        self.held.drain(..gone);
        self.looked_at = looked_at - gone;
    }

    /// The tokens in what is held, up to one that may go on in bytes that are not there yet, and how far
    /// that is.
    fn tokens(&self, is_last: bool) -> (Vec<(&'static Rule, usize)>, usize) {
        let held = &self.held;
        let mut found: Vec<(&'static Rule, usize)> = Vec::new();
        for (text, token) in TEXTS.find(&held[self.looked_at..]) {
            let at = self.looked_at + text.start;
            if !is_last && at + AHEAD_BYTES > held.len() {
                return (found, at);
            }
            let rule = &token.rule;
            let is_known = found.iter().any(|(other, _)| *other == rule) || self.has(rule);
            if !is_known && let Some(start) = token.found(held, at..at + text.len()) {
                found.push((rule, start));
            }
        }
        let end = if is_last {
            held.len()
        } else {
            held.len().saturating_sub(LONGEST_TEXT_BYTES)
        };
        (found, end.max(self.looked_at))
    }

    fn has(&self, rule: &Rule) -> bool {
        let mut all = self.findings.iter();
        all.any(|finding| finding.rule == rule.name())
    }

    fn add(&mut self, rule: &Rule, at: usize) {
        if !self.has(rule) && !self.allow.has_rule(rule.name()) {
            self.findings.push(Finding {
                rule: rule.name(),
                line: self.lines + newlines(&self.held[..at]) + 1,
            });
        }
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Guard;

    /// A token that no service has given.
    fn token() -> String {
        format!("{}_{}", "ghp", "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8")
    }

    fn found(name: &str, pieces: &[&[u8]]) -> Vec<(&'static str, u64)> {
        found_with(&Guard::default(), name, pieces)
    }

    fn found_with(guard: &Guard, name: &str, pieces: &[&[u8]]) -> Vec<(&'static str, u64)> {
        let mut scan = guard.scan(&name.parse().unwrap());
        for piece in pieces {
            scan.feed(piece);
        }
        scan.finish();
        let told = scan.findings().iter();
        told.map(|finding| (finding.rule(), finding.line()))
            .collect()
    }

    #[test]
    fn a_rule_is_told_once_with_its_first_line() {
        let text = format!("a\nb {}\n{}\n", token(), token());
        assert_eq!(found("x.log", &[text.as_bytes()]), [("github-token", 2)]);
        assert!(found("x.log", &[]).is_empty());
        assert!(found("x.log", &[b"nothing to see"]).is_empty());
    }

    #[test]
    fn what_is_no_text_is_not_looked_at() {
        let text = format!("\0 {}", token());
        assert!(found("x.log", &[text.as_bytes()]).is_empty());
        // A zero that comes late does not make it something else.
        let late = format!("{}{}\0", "a ".repeat(TELLING_BYTES), token());
        assert_eq!(found("x.log", &[late.as_bytes()]).len(), 1);
    }

    #[test]
    fn what_is_allowed_passes() {
        let text = token();
        let allowing = |entry: &str| {
            let guard = Guard::new(&[entry.to_owned()]).unwrap();
            found_with(&guard, "tests/x.log", &[text.as_bytes()]).is_empty()
        };
        assert!(allowing("github-token"));
        assert!(allowing("tests/*"));
        assert!(!allowing("gitlab-token"));
        assert!(!allowing("x.log"));
        assert!(Guard::new(&["[".to_owned()]).is_err());
    }

    #[test]
    fn the_beginning_of_a_file_is_looked_at_and_no_more() {
        let token = token();
        let mut line = b"a line of a log that goes on and on\n".repeat(40_000);
        let pieces = |head: &[u8]| -> Vec<Vec<u8>> {
            let whole = [head, token.as_bytes()].concat();
            whole.chunks(100_000).map(<[u8]>::to_vec).collect()
        };
        let count = |pieces: &[Vec<u8>]| {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            found("x.log", &pieces)
        };
        assert_eq!(count(&pieces(&line)), [("github-token", 40_001)]);
        line.resize(LOOKED_AT_BYTES - token.len(), b'\n');
        assert_eq!(count(&pieces(&line)).len(), 1);
        line.resize(LOOKED_AT_BYTES - token.len() + 1, b'\n');
        assert_eq!(count(&pieces(&line)), []);
    }

    #[test]
    fn little_is_held_whatever_comes() {
        let mut scan = Guard::default().scan(&"x.log".parse().unwrap());
        for times in [1_000, 100_000, 1] {
            scan.feed(&b"-----BEGIN CERTIFICATE----- ghp_ ".repeat(times));
            assert!(scan.held.len() < WINDOW_BYTES + AHEAD_BYTES);
            assert!(scan.held.capacity() < 4 * WINDOW_BYTES);
        }
    }

    proptest! {
        #[test]
        fn how_the_bytes_come_makes_no_difference(
            before in 0_usize..70_000,
            between in 0_usize..9_000,
            cuts in proptest::collection::vec(1_usize..20_000, 1..40),
        ) {
            let key = "k".repeat(16) + "J1h2G3f4D5s6A7p8O9i0";
            let text = format!(
                "{}{}{}-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{key}\n",
                "a\n".repeat(before), token(), "b \n".repeat(between + 1),
            );
            let whole = found("x.log", &[text.as_bytes()]);
            prop_assert_eq!(whole.len(), 2);
            let mut rest = text.as_bytes();
            let mut pieces = Vec::new();
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found("x.log", &pieces), whole);
        }

        #[test]
        fn any_bytes_can_come(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
            for name in [".env", ".git/config", "x"] {
                found(name, &[&bytes]);
            }
        }
    }
}
