//! What a person and a script see. Data to stdout, talk to stderr, nothing else writes to either.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use artifact_domain::{ArtifactRecord, ArtifactView, Error};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::args::{Color, Global};

/// How to talk.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    json: bool,
    volume: Volume,
    color: bool,
    /// Whether data is coloured too.
    data_color: bool,
}

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Volume {
    /// Errors alone.
    Quiet,
    /// What a person may want to know.
    Normal,
    /// The causes of errors too.
    Verbose,
}

pub(crate) const RED: &str = "\x1b[1;31m";
pub(crate) const GREEN: &str = "\x1b[1;32m";
pub(crate) const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[1;36m";
const RESET: &str = "\x1b[0m";

#[expect(
    clippy::unused_self,
    reason = "whatever is printed goes through a Ui, wherever it ends"
)]
impl Ui {
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            volume: match (global.quiet, global.verbose) {
                (true, _) => Volume::Quiet,
                (false, 0) => Volume::Normal,
                (false, _) => Volume::Verbose,
            },
            color: use_color(global.color, &io::stderr()),
            data_color: use_color(global.color, &io::stdout()),
        }
    }

    /// Whether data is wanted as JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Whether data may be coloured.
    pub(crate) fn colors_stdout(&self) -> bool {
        self.data_color
    }

    /// Prints one line of data.
    pub(crate) fn line(&self, line: impl Display) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{line}")
    }

    /// Prints one line of data as JSON.
    pub(crate) fn object(&self, object: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(object)?;
        line.push(b'\n');
        io::stdout().lock().write_all(&line)
    }

    /// Prints an artifact: its JSON, or `line` for a person.
    pub(crate) fn artifact(&self, record: &ArtifactRecord, line: impl Display) -> io::Result<()> {
        if self.json {
            self.object(&ArtifactView::from(record))
        } else {
            self.line(line)
        }
    }

    /// Says what a person may want to know.
    pub(crate) fn note(&self, text: impl Display) {
        if self.volume != Volume::Quiet {
            self.talk(&printable(&text.to_string()));
        }
    }

    /// Says in numbers what was done beside the data; with `--json` as one object.
    pub(crate) fn sum(&self, object: &impl Serialize, text: impl Display) {
        match serde_json::to_string(object) {
            Ok(object) if self.json => self.note(object),
            _ => self.note(text),
        }
    }

    /// Says what a person ought to know.
    pub(crate) fn warn(&self, text: impl Display) {
        if self.volume != Volume::Quiet {
            let text = printable(&text.to_string());
            self.talk(&format!("{} {text}", self.paint(YELLOW, "warning:")));
        }
    }

    /// Says what failed and what can be done about it; with `--json` as one object.
    pub(crate) fn error(&self, error: &Error) {
        if self.json {
            let object = serde_json::json!({ "error": {
                "kind": error.kind().as_str(),
                "message": error.message(),
                "hint": error.hint(),
            }});
            self.talk(&object.to_string());
            return;
        }
        let text = printable(&error.to_string());
        self.talk(&format!("{} {text}", self.paint(RED, "error:")));
        if self.volume == Volume::Verbose {
            let mut cause = error.source();
            while let Some(source) = cause {
                let text = printable(&source.to_string());
                self.talk(&format!("  caused by: {text}"));
                cause = source.source();
            }
        }
        if let Some(hint) = error.hint() {
            let text = printable(hint);
            self.talk(&format!("{} {text}", self.paint(CYAN, "hint:")));
        }
    }

    /// Text of data in this colour, where whoever reads it sees colours.
    pub(crate) fn paint_data(&self, color: &str, text: &str) -> String {
        if self.data_color {
            format!("{color}{text}{RESET}")
        } else {
            text.to_owned()
        }
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.color {
            format!("{color}{text}{RESET}")
        } else {
            text.to_owned()
        }
    }

    fn talk(&self, line: &str) {
        // When nobody listens on stderr there is nobody to tell that.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

fn use_color(color: Color, stream: &impl IsTerminal) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    }
}

/// Sends the log to stderr: warnings, with `-v` what happens, with `-vv` everything of ours.
/// `ARTIFACT_LOG` overrules, in the form of `tracing`'s filters. That a quota is nearly used up is
/// said by the commands themselves.
pub(crate) fn log_to_stderr(global: &Global) {
    let ours = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn,artifact_app::usage=error",
        (false, 1) => {
            "warn,artifact=info,artifact_app=info,adapter_filelock=info,adapter_opendal=info"
        }
        (false, _) => {
            "info,artifact=debug,artifact_app=debug,adapter_filelock=debug,\
             adapter_opendal=debug,adapter_sql_index=debug,adapter_sled_index=debug"
        }
    };
    let filter = EnvFilter::try_from_env("ARTIFACT_LOG").unwrap_or_else(|_| EnvFilter::new(ours));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(use_color(global.color, &io::stderr()))
        .with_target(false)
        .init();
}
/// Text of somebody else as a terminal may show it: what would steer the terminal is spelled out.
fn printable(text: &str) -> String {
    let spell = |c: char| {
        if c.is_control() && c != '\n' && c != '\t' {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_spelled_out() {
        assert_eq!(printable("a\u{1b}[31m\u{7}ü\nb"), "a\\u{1b}[31m\\u{7}ü\nb");
    }
}
