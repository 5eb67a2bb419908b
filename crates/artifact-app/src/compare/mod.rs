//! Comparing what two tasks have stored. Decides nothing: whether a difference is good or bad is for
//! whoever asked to say.

mod artifact;
mod pairs;

use artifact_domain::query::{Filter, Glob, Order, PageSize};
use artifact_domain::{ArtifactType, Error, ErrorKind, Result, SpecName, TaskId};

use crate::Store;
pub use artifact::{ArtifactComparison, Change, CompareTotals, ComparedVersion, Sizes};
use pairs::{Names, Pair, Pairs};

/// A task of a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRef {
    /// The project.
    pub spec: SpecName,
    /// The run.
    pub task: TaskId,
}

impl TaskRef {
    fn filter(&self) -> Filter {
        Filter {
            spec: Some(Glob::exactly(self.spec.as_str())),
            task: Some(Glob::exactly(self.task.as_str())),
            ..Filter::default()
        }
    }
}

/// What to compare.
#[derive(Debug, Clone)]
pub struct CompareRequest {
    /// What it was like before.
    pub baseline: TaskRef,
    /// What it is like now.
    pub current: TaskRef,
    /// Only these types; all where there are none.
    pub types: Vec<ArtifactType>,
    /// Only names that match.
    pub name: Option<Glob>,
}

impl Store {
    /// Compares two tasks, of each artifact its newest version. `observe` is told of every artifact
    /// that either of them has, by name and type.
    ///
    /// Memory: a page of records of each task. What is uploaded or deleted meanwhile may or may not
    /// be seen.
    ///
    /// # Errors
    /// `NotFound` for a task that has nothing at all, whatever the selection; those of the index.
    pub async fn compare(
        &self,
        request: CompareRequest,
        mut observe: impl FnMut(ArtifactComparison) + Send,
    ) -> Result<CompareTotals> {
        self.must_have_something(&request.baseline, "baseline")
            .await?;
        self.must_have_something(&request.current, "current")
            .await?;
        let of = |task| Names::of(self, task, &request.types, request.name.as_ref());
        let mut pairs = Pairs::new(of(&request.baseline), of(&request.current));
        let mut totals = CompareTotals::default();
        loop {
            let next = pairs.next().await?;
            if next.is_empty() {
                return Ok(totals);
            }
            for pair in &next {
                if let Some(artifact) = compared(pair)? {
                    totals.add(&artifact);
                    observe(artifact);
                }
            }
        }
    }

    async fn must_have_something(&self, task: &TaskRef, role: &str) -> Result<()> {
        let one = PageSize::new(1)?;
        let page = self
            .search(task.filter(), Order::Created, None, one)
            .await?;
        if page.items.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "the {role} task `{}` of spec `{}` has nothing to compare",
                    task.task, task.spec
                ),
            )
            .with_hint("`artifact search` lists what is there"));
        }
        Ok(())
    }
}

fn compared((baseline, current): &Pair) -> Result<Option<ArtifactComparison>> {
    let Some(either) = current.as_ref().or(baseline.as_ref()) else {
        return Ok(None);
    };
    let version = |record: &Option<_>| record.as_ref().map(ComparedVersion::of).transpose();
    Ok(Some(ArtifactComparison {
        artifact_type: either.coordinate.artifact_type().clone(),
        name: either.coordinate.name().clone(),
        baseline: version(baseline)?,
        current: version(current)?,
    }))
}
