//! To what something is done.

use std::fmt;

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
}

impl Target<'_> {
    /// Whether all of it lies in `area`.
    pub fn lies_in(self, area: &Area) -> bool {
        match self {
            Self::Artifact(coordinate) => area.has(coordinate),
            Self::Task(spec, task) => area.has_task(spec, task),
            Self::Spec(spec) => area.has_spec(spec),
            Self::Store => area.has_all(),
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
        }
    }
}
