//! What is found, as text for people and pipes, and as JSON. Searches nothing.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use artifact_app::{GrepKind, GrepLine, GrepOutput};
use artifact_domain::ArtifactId;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::is_terminal;
use crate::service::{FoundLines, Place};
use crate::ui::Ui;

const FOUND: &str = "\x1b[1;31m";
const PLACE: &str = "\x1b[35m";
const RESET: &str = "\x1b[0m";

/// How lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One object per line.
    Json,
    /// The bytes as they are.
    Plain,
    /// What a terminal would obey is made visible.
    Terminal { color: bool },
}

impl Form {
    pub(super) fn new(ui: &Ui) -> Self {
        if ui.json() {
            return Self::Json;
        }
        let color = ui.colors_stdout();
        if is_terminal() || color {
            Self::Terminal { color }
        } else {
            Self::Plain
        }
    }

    /// Whether it shows where in a line the pattern stands.
    pub(super) fn wants_submatches(self) -> bool {
        matches!(self, Self::Json | Self::Terminal { color: true })
    }
}

/// Turns what is found into bytes to be printed.
#[derive(Debug)]
pub(super) struct Shown {
    form: Form,
    output: GrepOutput,
    /// Whether a line of an artifact was shown already.
    has_begun: bool,
    /// Whether the next line is the first of its artifact.
    is_first: bool,
    /// What is still to be printed.
    pub(super) printed: Vec<u8>,
}

impl Shown {
    pub(super) fn new(form: Form, output: GrepOutput) -> Self {
        Self {
            form,
            output,
            has_begun: false,
            is_first: true,
            printed: Vec::new(),
        }
    }

    pub(super) fn lines(&mut self, place: &Place, lines: &FoundLines) -> io::Result<()> {
        let uri = place.uri.to_string();
        lines.each(|line| {
            if self.form == Form::Json {
                self.object(&as_json(place.id, &uri, &line))?;
            } else {
                self.separate(&line)?;
                self.text(&uri, &line)?;
            }
            (self.has_begun, self.is_first) = (true, false);
            Ok(())
        })
    }

    /// What an artifact comes to, where that is asked for.
    pub(super) fn end(&mut self, place: &Place, matches: u64) -> io::Result<()> {
        self.is_first = true;
        let is_json = self.form == Form::Json;
        match self.output {
            _ if matches == 0 => Ok(()),
            GrepOutput::Lines { .. } => Ok(()),
            GrepOutput::Counts if is_json => self.object(&json!({
                "uri": place.uri.to_string(), "id": place.id, "count": matches,
            })),
            GrepOutput::Artifacts if is_json => self.object(&json!({
                "uri": place.uri.to_string(), "id": place.id,
            })),
            GrepOutput::Counts => writeln!(self.printed, "{}:{matches}", place.uri),
            GrepOutput::Artifacts => writeln!(self.printed, "{}", place.uri),
        }
    }

    /// Between lines that do not follow each other, where there is context.
    fn separate(&mut self, line: &GrepLine<'_>) -> io::Result<()> {
        let has_context = match self.output {
            GrepOutput::Lines { before, after, .. } => before + after > 0,
            _ => false,
        };
        let is_apart = line.after_gap || self.is_first;
        if has_context && is_apart && self.has_begun {
            writeln!(self.printed, "--")?;
        }
        Ok(())
    }

    fn text(&mut self, uri: &str, line: &GrepLine<'_>) -> io::Result<()> {
        let mark = match line.kind {
            GrepKind::Match => ':',
            GrepKind::Context => '-',
        };
        let number = line.number;
        if let Form::Terminal { color } = self.form {
            let (place, reset) = if color { (PLACE, RESET) } else { ("", "") };
            let text = visible(line, color);
            let row = format_args!("{place}{uri}{mark}{number}{reset}{mark}{text}");
            return writeln!(self.printed, "{row}");
        }
        write!(self.printed, "{uri}{mark}{number}{mark}")?;
        self.printed.extend_from_slice(line.text);
        self.printed.push(b'\n');
        Ok(())
    }

    fn object(&mut self, object: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.printed, object)?;
        self.printed.push(b'\n');
        Ok(())
    }
}

/// A line as JSON. It may have more places than bytes, so nothing is made of them but what is
/// printed.
#[derive(Serialize)]
struct LineView<'a> {
    kind: &'static str,
    uri: &'a str,
    id: ArtifactId,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    submatches: Places<'a>,
    cut: bool,
}

struct Places<'a>(&'a [(u32, u32)]);

#[derive(Serialize)]
struct Stretch {
    start: u32,
    end: u32,
}

impl Serialize for Places<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let places = self.0.iter();
        serializer.collect_seq(places.map(|&(start, end)| Stretch { start, end }))
    }
}

fn as_json<'a>(id: ArtifactId, uri: &'a str, line: &GrepLine<'a>) -> LineView<'a> {
    let text = std::str::from_utf8(line.text).ok();
    LineView {
        kind: match line.kind {
            GrepKind::Match => "match",
            GrepKind::Context => "context",
        },
        uri,
        id,
        line: line.number,
        text,
        bytes: text.is_none().then(|| STANDARD.encode(line.text)),
        submatches: Places(line.submatches),
        cut: line.is_cut,
    }
}

/// A line for a terminal, with the places coloured where the pattern stands.
fn visible(line: &GrepLine<'_>, color: bool) -> String {
    let text = line.text.strip_suffix(b"\r").unwrap_or(line.text);
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    if color {
        for (start, end) in line.submatches {
            let within = |at: u32| usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
            let (start, end) = (within(*start), within(*end));
            if start == end {
                continue;
            }
            neutralise(&text[at..start], &mut shown);
            shown.push_str(FOUND);
            neutralise(&text[start..end], &mut shown);
            shown.push_str(RESET);
            at = end;
        }
    }
    neutralise(&text[at..], &mut shown);
    shown
}

/// Escapes what a terminal would obey, what turns the direction of writing, and what is no UTF-8.
fn neutralise(text: &[u8], shown: &mut String) {
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
            if turns || (character.is_control() && character != '\t') {
                // Writing to a String does not fail.
                let _ = write!(shown, "{}", character.escape_unicode());
            } else {
                shown.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8], submatches: &[(u32, u32)], color: bool) -> String {
        let line = GrepLine {
            kind: GrepKind::Match,
            number: 1,
            text,
            submatches,
            is_cut: false,
            after_gap: false,
        };
        visible(&line, color)
    }

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        assert_eq!(
            shown(b"\x1b[2Jgone\x07", &[], false),
            "\\u{1b}[2Jgone\\u{7}"
        );
        assert_eq!(
            shown("a\u{202e}b\u{9b}c".as_bytes(), &[], false),
            "a\\u{202e}b\\u{9b}c"
        );
        assert_eq!(shown(b"bad \xff\xc3", &[], false), "bad \\xff\\xc3");
        assert_eq!(
            shown("tab\tand é stay\r".as_bytes(), &[], false),
            "tab\tand é stay"
        );
    }

    #[test]
    fn places_are_coloured_where_that_is_wanted() {
        let places = [(0, 1), (1, 1), (2, 99)];
        assert_eq!(
            shown(b"a\x1bc", &places, true),
            format!("{FOUND}a{RESET}\\u{{1b}}{FOUND}c{RESET}")
        );
        assert_eq!(shown(b"abc", &places, false), "abc");
    }
}
