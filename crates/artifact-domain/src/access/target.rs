//! To what something is done.

use std::fmt::{self, Write as _};

use crate::query::Area;
use crate::{Coordinate, SpecName, TaskId};

/// To what something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// One artifact, whichever version.
    Artifact(&'a Coordinate),
    /// Everything of a task, or one artifact of it.
    Task(&'a SpecName, &'a TaskId),
    /// Everything of a spec, whatever its tasks.
    Spec(&'a SpecName),
    /// The store as a whole.
    Store,
    /// What belongs to the store as a whole and is no artifact, in words: `token ci-web`, say.
    Part(&'a str),
}

impl Target<'_> {
    /// Whether all of it lies in `area`.
    pub fn lies_in(self, area: &Area) -> bool {
        match self {
            Self::Artifact(coordinate) => area.has(coordinate),
            Self::Task(spec, task) => area.has_task(spec, task),
            Self::Spec(spec) => area.has_spec(spec),
            Self::Store | Self::Part(_) => area.has_all(),
        }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Artifact(at) => write!(f, "{}", crate::ArtifactUri::from((*at).clone())),
            Self::Task(spec, task) => write!(f, "task {task} of spec {spec}"),
            Self::Spec(spec) => write!(f, "all tasks of spec {spec}"),
            Self::Store => f.write_str("the whole store"),
            Self::Part(what) => written(what, f),
        }
    }
}

/// How many characters of words are written.
const MOST_CHARS: usize = 256;

/// The beginning of words that anybody may have chosen, on one line.
fn written(words: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for c in words.chars().take(MOST_CHARS) {
        if c.is_control() {
            write!(f, "{}", c.escape_default())?;
        } else {
            f.write_char(c)?;
        }
    }
    if words.chars().nth(MOST_CHARS).is_some() {
        f.write_char('…')?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_for_those_who_may_all_and_keeps_to_its_line() {
        let part = Target::Part("token a\nb\u{1b}[31m");
        assert_eq!(part.to_string(), "token a\\nb\\u{1b}[31m");
        let long = "x".repeat(10_000);
        assert_eq!(Target::Part(&long).to_string().chars().count(), 257);
        let narrow = Area {
            spec: "team".parse().unwrap(),
            ..Area::everywhere()
        };
        assert!(part.lies_in(&Area::everywhere()) && !part.lies_in(&narrow));
    }
}
