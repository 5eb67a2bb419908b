//! How the verbs of a bucket's rules show what differs, and what was done about it.

use std::io;

use artifact_api::{BucketReport, RuleDifference};
use artifact_app::view;
use artifact_bootstrap::{BucketJob, BucketOutcome};
use artifact_domain::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failures::{Failure, Failures};

/// What has come of a job on this machine, as a server tells it.
pub(crate) fn report(outcome: BucketOutcome) -> BucketReport {
    let differences = outcome.differences.iter();
    BucketReport {
        differences: differences.map(view::upkeep::rule_difference).collect(),
        document: outcome.document,
        notes: outcome.notes,
        refusal: outcome.refusal.as_ref().map(Into::into),
    }
}

/// Prints what has come of a job; fails with `Conflict` where what was compared differs.
pub(crate) fn tell(
    report: BucketReport,
    job: BucketJob,
    verb: &str,
    context: &Context,
) -> Result<(), Failure> {
    for note in &report.notes {
        context.ui.note(note);
    }
    if let Some(document) = &report.document {
        return show(document, context);
    }
    let refusal = report.refusal.map(artifact_api::Fault::into_error);
    match (job, refusal) {
        (BucketJob::Apply { .. }, Some(refused)) => Err(refused.into()),
        (BucketJob::Apply { dry_run }, None) => applied(&report.differences, dry_run, context),
        (_, refusal) => {
            let mut failures = Failures::default();
            if let Some(refused) = refusal {
                failures.add(&context.ui, &refused);
            }
            checked(&report.differences, verb, context)?;
            failures.into_result()
        }
    }
}

/// Prints the rules as a document for other tools.
fn show(document: &Value, context: &Context) -> Result<(), Failure> {
    if context.ui.json() {
        context.ui.object(document)?;
    } else {
        context.ui.line(format_args!("{document:#}"))?;
    }
    Ok(())
}

/// Prints what is changed, a line per rule.
fn applied(
    differences: &[RuleDifference],
    dry_run: bool,
    context: &Context,
) -> Result<(), Failure> {
    for difference in differences {
        if context.ui.json() {
            object(difference, Some(dry_run), context)?;
            continue;
        }
        let did = match (difference.change.as_str(), dry_run) {
            ("add", false) => "added",
            ("change", false) => "changed",
            (_, false) => "removed",
            ("add", true) => "would add",
            ("change", true) => "would change",
            (_, true) => "would remove",
        };
        let what = difference.wanted.as_ref().or(difference.found.as_ref());
        let what = what.map_or_else(String::new, |what| format!("  {what}"));
        context
            .ui
            .line(format_args!("{did}  {}{what}", difference.rule))?;
    }
    if differences.is_empty() {
        context.ui.note("the bucket has these rules already");
    }
    Ok(())
}

/// Prints each difference; fails with `Conflict` if there is one.
fn checked(differences: &[RuleDifference], verb: &str, context: &Context) -> Result<(), Failure> {
    for difference in differences {
        if context.ui.json() {
            object(difference, None, context)?;
        } else {
            context.ui.line(said(difference))?;
        }
    }
    if differences.is_empty() {
        context.ui.note("the bucket has the rules of the settings");
        return Ok(());
    }
    let count = differences.len();
    let message = format!("{count} of the bucket's rules are not those of the settings");
    let hint = format!("`artifact {verb} apply` sets them; those of others stay as they are");
    Err(Error::new(ErrorKind::Conflict, message)
        .with_hint(hint)
        .into())
}

/// How a rule differs.
fn said(difference: &RuleDifference) -> String {
    let found = difference.found.as_deref();
    let found = found.unwrap_or("changed by somebody else");
    let wanted = difference.wanted.as_deref().unwrap_or_default();
    let rule = &difference.rule;
    match difference.change.as_str() {
        "add" => format!("{rule} is missing ({wanted})"),
        "change" => format!("{rule} is: {found}; should be: {wanted}"),
        _ => format!("{rule} is not in the settings ({found})"),
    }
}

fn object(difference: &RuleDifference, dry_run: Option<bool>, context: &Context) -> io::Result<()> {
    let mut object = json!(difference);
    if let Some(dry_run) = dry_run {
        object["dry_run"] = json!(dry_run);
    }
    context.ui.object(&object)
}
