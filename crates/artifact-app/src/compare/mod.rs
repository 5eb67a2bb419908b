//! Comparing what two tasks have stored. Decides nothing: whether a difference is good or bad is for
//! whoever asked to say.

mod artifact;
mod fail_on;
mod lists;
mod pairs;
mod reports;

use artifact_domain::query::{Filter, Glob, Order, PageSize};
use artifact_domain::{ArtifactType, ArtifactUri, Error, ErrorKind, Result, SpecName, TaskId};
use artifact_reports::{Comparison, Format, Kind, Side, Unreadable};

use crate::Store;
pub use artifact::{ArtifactComparison, CompareTotals, ComparedVersion, Difference, Sizes};
pub use fail_on::FailOn;
pub use lists::{Breach, TestList};
use pairs::{Names, Pair, Pairs};
use reports::Reader;

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
    /// Whether the current task may have fewer reports of a kind than the baseline, but for none,
    /// without that being unknown.
    pub allow_fewer_reports: bool,
}

/// A report among the artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of which side.
    pub side: Side,
    /// Which version of which artifact.
    pub uri: ArtifactUri,
    /// What it turned out to be.
    pub state: ReportState,
}

/// What an artifact of a type that holds reports turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportState {
    /// A report of this format.
    Read(Format),
    /// Something that is not compared, such as a page for people.
    Other,
    /// A report that cannot be used.
    Unreadable {
        /// Of this kind, as far as can be told.
        kind: Kind,
        /// Why.
        why: Unreadable,
    },
}

/// What a comparison tells of on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompareItem {
    /// An artifact of either task.
    Artifact(ArtifactComparison),
    /// An artifact of a type that holds reports, once it was read.
    Report(Report),
}

/// What a comparison has shown.
#[derive(Debug, Default)]
pub struct Compared {
    /// The sums over all artifacts.
    pub totals: CompareTotals,
    /// What the reports among them say.
    pub reports: Comparison,
}

impl Store {
    /// Compares two tasks, of each artifact its newest version. `observe` is told of every artifact
    /// that either of them has, by name and type. Those of the types `test-results`,
    /// `coverage-report`, `security-findings` and `static-analysis` are read, verified, and compared
    /// by what they report.
    ///
    /// Memory: a page of records of each task, and what [`Comparison`] remembers. What is uploaded or deleted meanwhile may or may not
    /// be seen.
    ///
    /// # Errors
    /// `NotFound` for a task that has nothing at all, whatever the selection; those of the index.
    pub async fn compare(
        &self,
        request: CompareRequest,
        mut observe: impl FnMut(CompareItem) + Send,
    ) -> Result<Compared> {
        self.must_have_something(&request.baseline, "baseline")
            .await?;
        self.must_have_something(&request.current, "current")
            .await?;
        let of = |task| Names::of(self, task, &request.types, request.name.as_ref());
        let mut pairs = Pairs::new(of(&request.baseline), of(&request.current));
        let reader =
            Reader::new(Comparison::new().allow_fewer_reports(request.allow_fewer_reports));
        let mut totals = CompareTotals::default();
        loop {
            let next = pairs.next().await?;
            if next.is_empty() {
                let reports = reader.finish();
                return Ok(Compared { totals, reports });
            }
            for pair in &next {
                if let Some(artifact) = compared(pair)? {
                    totals.add(&artifact);
                    observe(CompareItem::Artifact(artifact));
                }
                let reports = reader.read(self, pair).await?;
                reports
                    .into_iter()
                    .map(CompareItem::Report)
                    .for_each(&mut observe);
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
