//! One change to everything that a verb works on: makes it, or says what it would do, and shows
//! what was changed. Must not know what the change is.

use std::pin::Pin;

use artifact_app::{Change, Changed};
use artifact_domain::{ArtifactRecord, Result};
use futures::{Stream, StreamExt};
use serde_json::json;

use crate::context::Context;
use crate::failures::{Failure, Failures, and_failed};
use crate::selection::Selection;
use crate::service::Service;

/// A change, and what it is made to.
pub(crate) struct Changing {
    pub(crate) selection: Selection,
    pub(crate) change: Change,
    /// Whether only to say what would be changed.
    pub(crate) dry_run: bool,
}

type Outcomes<'a> = Pin<Box<dyn Stream<Item = Result<Changed>> + Send + 'a>>;

impl Changing {
    /// Makes the change and shows each artifact that is another now, as `observe` is; says at the
    /// end how many there were.
    pub(crate) async fn run(
        self,
        service: &Service,
        context: &Context,
        mut observe: impl FnMut(&ArtifactRecord),
    ) -> Result<(), Failure> {
        let ui = &context.ui;
        let dry_run = self.dry_run;
        let mut outcomes = self.outcomes(service);
        let mut failures = Failures::default();
        let (mut changed, mut unchanged) = (0_u64, 0_u64);
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(Changed { record, is_changed }) => {
                    if is_changed {
                        changed += 1;
                        ui.artifact(&record, record.version_uri())?;
                        observe(&record);
                    } else {
                        unchanged += 1;
                    }
                }
                Err(error) => failures.add(ui, &error),
            }
            if context.interrupt.is_requested() {
                break;
            }
        }
        let failed = failures.count();
        let would = if dry_run {
            "would be changed"
        } else {
            "changed"
        };
        ui.sum(
            &json!({
                "changed": changed, "unchanged": unchanged, "failed": failed, "dry_run": dry_run,
            }),
            format_args!(
                "{changed} {would}, {unchanged} unchanged{}",
                and_failed(failed)
            ),
        );
        failures.into_result()
    }

    fn outcomes(self, service: &Service) -> Outcomes<'_> {
        let Self {
            selection,
            change,
            dry_run,
        } = self;
        match selection {
            Selection::Filtered(filter) => service.change_all(*filter, change, dry_run),
            Selection::Named(artifacts) => service.change_each(artifacts, change, dry_run),
        }
    }
}
