//! Looking after the store, from either place: what happens is told as it happens, as documents. Prints
//! nothing.

use std::time::Duration;

use artifact_api::{
    CleanupItem, CleanupReport, Finding, GcItem, GcReport, Line, VerifyEvent, VerifyReport,
};
use artifact_app::{CleanupOptions, CleanupOutcome, GcOptions, VerifyOptions, VerifyScope, view};
use artifact_client::{Lines, query_of};
use artifact_domain::{Error, Result};
use futures::TryStreamExt;
use serde::de::DeserializeOwned;

use super::{Local, Remote, Service};

/// Who is told of an item, or of what failed.
pub(crate) trait Told<T>: Send {
    fn item(&mut self, item: T);
    fn failed(&mut self, error: Error);
}

/// What happens while a store is verified.
#[derive(Debug)]
pub(crate) enum Verifying {
    Finding(Box<Finding>),
    Progress(VerifyReport),
}

impl Service {
    /// Cleans up, or tells what would be done.
    pub(crate) async fn cleanup(
        &self,
        options: CleanupOptions,
        dry_run: bool,
        told: &mut dyn Told<CleanupItem>,
    ) -> Result<CleanupReport> {
        match self {
            Self::Local(local) => local.cleanup(options, dry_run, told).await,
            Self::Remote(remote) => {
                let mut pairs = flags(&[("dry_run", dry_run)]);
                pairs.extend(flags(&[("force", options.trust_clock)]));
                let lines = remote.client.post_lines("/cleanup", &pairs, None).await?;
                tell(lines, told).await
            }
        }
    }

    /// Collects garbage, or tells what would be done.
    pub(crate) async fn gc(
        &self,
        options: GcOptions,
        dry_run: bool,
        told: &mut dyn Told<GcItem>,
    ) -> Result<GcReport> {
        match self {
            Self::Local(local) => local.gc(options, dry_run, told).await,
            Self::Remote(remote) => {
                let hours = options.grace.as_secs() / Duration::from_hours(1).as_secs();
                let mut pairs = flags(&[("dry_run", dry_run)]);
                pairs.push(("grace_hours".to_owned(), hours.to_string()));
                let lines = remote.client.post_lines("/gc", &pairs, None).await?;
                tell(lines, told).await
            }
        }
    }

    /// Verifies what is stored, with so many readers as `jobs` says or else as the options do; a server has a
    /// number of its own for that. Told is what is found and how far it is.
    pub(crate) async fn verify(
        &self,
        mut options: VerifyOptions,
        jobs: Option<u16>,
        tell: &(dyn Fn(Verifying) + Send + Sync),
    ) -> Result<VerifyReport> {
        match self {
            Self::Local(local) => {
                options.readers = jobs.map_or(options.readers, usize::from);
                let observe = |finding: Option<&_>, report: &_| {
                    tell(Verifying::Progress(view::verify::report(report)));
                    if let Some(finding) = finding {
                        let finding = view::verify::finding(finding);
                        tell(Verifying::Finding(Box::new(finding)));
                    }
                };
                let report = local.store.verify(options, observe).await?;
                Ok(view::verify::report(&report))
            }
            Self::Remote(remote) => remote.verify(options, jobs, tell).await,
        }
    }
}

impl Local {
    async fn cleanup(
        &self,
        options: CleanupOptions,
        dry_run: bool,
        told: &mut dyn Told<CleanupItem>,
    ) -> Result<CleanupReport> {
        if dry_run {
            let mut report = artifact_app::CleanupReport::default();
            let mut plan = std::pin::pin!(self.store.cleanup_plan(options));
            while let Some(item) = plan.try_next().await? {
                report.count(&item, &CleanupOutcome::Done);
                told.item(view::cleanup::item(&item));
            }
            return Ok(view::cleanup::report(&report, true));
        }
        let observe = |item: &_, outcome: &CleanupOutcome| match outcome {
            CleanupOutcome::Done => told.item(view::cleanup::item(item)),
            CleanupOutcome::Failed(error) => told.failed(copied(error)),
            CleanupOutcome::Changed => {}
        };
        let report = self.store.cleanup(options, observe).await?;
        Ok(view::cleanup::report(&report, false))
    }

    async fn gc(
        &self,
        options: GcOptions,
        dry_run: bool,
        told: &mut dyn Told<GcItem>,
    ) -> Result<GcReport> {
        let mut report = artifact_app::GcReport::default();
        if dry_run {
            let mut plan = std::pin::pin!(self.store.gc_plan(options));
            while let Some(item) = plan.try_next().await? {
                report.items += 1;
                report.size_bytes += item.size_bytes;
                told.item(view::gc::item(&item));
            }
            return Ok(view::gc::report(&report, true));
        }
        let told = std::sync::Mutex::new(told);
        let observe = |item: &_| {
            if let Ok(mut told) = told.lock() {
                told.item(view::gc::item(item));
            }
        };
        report = self.store.gc(options, observe).await?;
        let sums = view::gc::report(&report, false);
        if let Ok(told) = told.into_inner() {
            for error in report.failures {
                told.failed(error);
            }
        }
        Ok(sums)
    }
}

impl Remote {
    async fn verify(
        &self,
        options: VerifyOptions,
        jobs: Option<u16>,
        tell: &(dyn Fn(Verifying) + Send + Sync),
    ) -> Result<VerifyReport> {
        let mut pairs = match &options.scope {
            VerifyScope::Everything => Vec::new(),
            VerifyScope::One(artifact) => vec![("artifact".to_owned(), artifact.to_string())],
            VerifyScope::Selected(filter) => query_of(filter)?,
        };
        // It verifies all versions, whatever is asked for.
        pairs.retain(|(key, _)| key != "all_versions");
        pairs.extend(flags(&[("repair", options.repair)]));
        pairs.extend(jobs.map(|jobs| ("jobs".to_owned(), jobs.to_string())));
        let mut lines = self.client.post_lines("/verify", &pairs, None).await?;
        while let Some(line) = lines.next::<VerifyEvent, VerifyReport>().await? {
            match line {
                Line::Item(VerifyEvent::Finding(finding)) => tell(Verifying::Finding(finding)),
                Line::Item(VerifyEvent::Progress(report)) => tell(Verifying::Progress(report)),
                Line::Failed(fault) | Line::Error(fault) => return Err(fault.into_error()),
                Line::Sums(report) => {
                    tell(Verifying::Progress(report));
                    return Ok(report);
                }
            }
        }
        Err(without_sums())
    }
}

/// Hands on what a server tells, and gives the sums.
pub(super) async fn tell<T: DeserializeOwned, S: DeserializeOwned>(
    mut lines: Lines,
    told: &mut dyn Told<T>,
) -> Result<S> {
    while let Some(line) = lines.next::<T, S>().await? {
        match line {
            Line::Item(item) => told.item(item),
            Line::Failed(fault) => told.failed(fault.into_error()),
            Line::Error(fault) => return Err(fault.into_error()),
            Line::Sums(sums) => return Ok(sums),
        }
    }
    Err(without_sums())
}

/// Not possible: an answer that ends without its last line is an error already.
fn without_sums() -> Error {
    Error::new(
        artifact_domain::ErrorKind::Internal,
        "the answer has no sums",
    )
}

pub(super) fn flags(flags: &[(&str, bool)]) -> Vec<(String, String)> {
    let set = flags.iter().filter(|(_, is_set)| *is_set);
    set.map(|(key, _)| ((*key).to_owned(), "true".to_owned()))
        .collect()
}

/// The same error for whoever keeps one.
fn copied(error: &Error) -> Error {
    artifact_api::Fault::from(error).into_error()
}
