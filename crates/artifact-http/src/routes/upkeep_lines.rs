//! Looking after the store, told line by line as it happens. Knows no parameters.

use std::sync::{Mutex, PoisonError};

use artifact_api::{Finding, GcReport as GcSums, VerifyEvent, VerifyReport};
use artifact_app::{
    CleanupItem, CleanupOptions, CleanupOutcome, CleanupReport, GcItem, GcOptions, GcReport, Store,
    VerifyFinding, VerifyOptions, view,
};
use axum::response::Response;
use futures::TryStreamExt;

use super::lines;
use crate::state::App;

/// After how many more bytes or versions it is told how far verifying is.
const TOLD_BYTES: u64 = 16 << 20;
const TOLD_VERSIONS: u64 = 64;

pub(super) fn cleanup(app: &App, store: Store, options: CleanupOptions, dry_run: bool) -> Response {
    let metrics = app.metrics.clone();
    lines::answer(app, move |teller| async move {
        if dry_run {
            let mut report = CleanupReport::default();
            let mut plan = std::pin::pin!(store.cleanup_plan(options));
            while let Some(item) = plan.try_next().await? {
                report.count(&item, &CleanupOutcome::Done);
                if !teller.item(&view::cleanup::item(&item)).await {
                    break;
                }
            }
            return Ok(view::cleanup::report(&report, true));
        }
        let tell = |item: &CleanupItem, outcome: &CleanupOutcome| match outcome {
            CleanupOutcome::Done => teller.item_now(&view::cleanup::item(item)),
            CleanupOutcome::Failed(error) => teller.failed_now(error),
            CleanupOutcome::Changed => {}
        };
        let ran = store.cleanup(options, tell).await;
        metrics.cleaned_up(&ran, store.now());
        Ok(view::cleanup::report(&ran?, false))
    })
}

pub(super) fn gc(app: &App, store: Store, options: GcOptions, dry_run: bool) -> Response {
    let metrics = app.metrics.clone();
    lines::answer(app, move |teller| async move {
        if dry_run {
            let mut report = GcReport::default();
            let mut plan = std::pin::pin!(store.gc_plan(options));
            while let Some(item) = plan.try_next().await? {
                report.items += 1;
                report.size_bytes += item.size_bytes;
                if !teller.item(&view::gc::item(&item)).await {
                    break;
                }
            }
            return Ok(view::gc::report(&report, true));
        }
        let tell = |item: &GcItem| teller.item_now(&view::gc::item(item));
        let ran = store.gc(options, tell).await;
        metrics.collected(&ran, store.now());
        let report = ran?;
        for error in &report.failures {
            teller.failed(error).await;
        }
        let sums: GcSums = view::gc::report(&report, false);
        Ok(sums)
    })
}

pub(super) fn verify(app: &App, store: Store, options: VerifyOptions) -> Response {
    lines::answer(app, move |teller| async move {
        let told = Mutex::new(VerifyReport::default());
        let tell = |finding: Option<&VerifyFinding>, report: &_| {
            let report = view::verify::report(report);
            if let Some(finding) = finding {
                let finding: Finding = view::verify::finding(finding);
                teller.item_now(&VerifyEvent::Finding(Box::new(finding)));
            }
            let is_news = {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let is_news = report.versions.saturating_sub(told.versions) >= TOLD_VERSIONS
                    || report.size_bytes.saturating_sub(told.size_bytes) >= TOLD_BYTES;
                if is_news {
                    *told = report;
                }
                is_news
            };
            if is_news {
                teller.item_now(&VerifyEvent::Progress(report));
            }
        };
        let report = store.verify(options, tell).await?;
        Ok(view::verify::report(&report))
    })
}
