//! One change to everything that a verb works on: makes it, or says what it would do, and shows
//! what was changed. Must not know what the change is.

use std::pin::Pin;

use artifact_app::{Change, Changed, Store};
use artifact_domain::{ArtifactRecord, Result};
use futures::{Stream, StreamExt, stream};
use serde_json::json;

use crate::context::Context;
use crate::failures::{Failure, Failures, and_failed};
use crate::selection::Selection;

/// How many of those that were named are changed at once.
const CONCURRENCY: usize = 16;

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
        store: &Store,
        context: &Context,
        mut observe: impl FnMut(&ArtifactRecord),
    ) -> Result<(), Failure> {
        let ui = &context.ui;
        let dry_run = self.dry_run;
        let mut outcomes = self.outcomes(store);
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

    fn outcomes(self, store: &Store) -> Outcomes<'_> {
        let Self {
            selection,
            change,
            dry_run,
        } = self;
        match (selection, dry_run) {
            (Selection::Filtered(filter), false) => Box::pin(store.change_all(*filter, change)),
            (Selection::Filtered(filter), true) => Box::pin(store.plan_change_all(*filter, change)),
            (Selection::Named(artifacts), dry_run) => {
                let one = move |artifact| {
                    let change = change.clone();
                    async move {
                        if dry_run {
                            store.plan_change(&artifact, &change).await
                        } else {
                            store.change(&artifact, &change).await
                        }
                    }
                };
                Box::pin(stream::iter(artifacts).map(one).buffered(CONCURRENCY))
            }
        }
    }
}
