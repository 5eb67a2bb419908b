//! Parts of the store, by patterns over specs and tasks.

use super::Glob;
use crate::{Coordinate, SpecName, TaskId};

/// The specs that match one pattern, and of these the tasks that match another.
///
/// Patterns compare characters one by one: upper and lower case, and different Unicode forms of what
/// looks alike, are not the same, and `team` takes in no `team-b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// A pattern for the spec.
    pub spec: Glob,
    /// A pattern for the task.
    pub task: Glob,
}

impl Area {
    /// Every task of every spec.
    pub fn everywhere() -> Self {
        Self {
            spec: Glob::all(),
            task: Glob::all(),
        }
    }

    /// Whether a task lies in it.
    pub fn has_task(&self, spec: &SpecName, task: &TaskId) -> bool {
        self.spec.matches(spec.as_str()) && self.task.matches(task.as_str())
    }

    /// Whether every task of a spec lies in it, whatever tasks there will be.
    pub fn has_spec(&self, spec: &SpecName) -> bool {
        self.spec.matches(spec.as_str()) && self.task.is_all()
    }

    /// Whether everything lies in it, whatever there will be.
    pub fn has_all(&self) -> bool {
        self.spec.is_all() && self.task.is_all()
    }

    /// Whether an artifact lies in it.
    pub fn has(&self, coordinate: &Coordinate) -> bool {
        self.has_task(coordinate.spec(), coordinate.task())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(spec: &str, task: &str) -> Area {
        Area {
            spec: spec.parse().unwrap(),
            task: task.parse().unwrap(),
        }
    }

    #[test]
    fn what_only_looks_alike_lies_outside() {
        let team = area("team", "*");
        let has = |area: &Area, spec: &str, task: &str| {
            area.has_task(&SpecName::new(spec).unwrap(), &TaskId::new(task).unwrap())
        };
        assert!(has(&team, "team", "1"));
        for other in [
            "team-b", "Team", "TEAM", "team/", "te%61m", "teаm", "team*", "xteam", "te",
        ] {
            assert!(!has(&team, other, "1"), "{other} lies in team");
        }
        let composed = area("caf\u{e9}", "*");
        assert!(!has(&composed, "cafe\u{301}", "1"), "another Unicode form");
        let both = area("team-*", "ci-?");
        assert!(has(&both, "team-b", "ci-1"));
        assert!(!has(&both, "team-b", "ci-12") && !has(&both, "team", "ci-1"));
    }

    #[test]
    fn a_whole_is_only_what_takes_in_all_there_will_be() {
        let spec = SpecName::new("s").unwrap();
        assert!(area("s", "*").has_spec(&spec) && area("*", "*").has_spec(&spec));
        assert!(!area("s", "?*").has_spec(&spec) && !area("s", "1").has_spec(&spec));
        assert!(Area::everywhere().has_all());
        assert!(!area("s", "*").has_all() && !area("*", "1").has_all());
    }
}
