//! How the verbs of a bucket's rules show what differs, and what was done about it.

use std::io;

use artifact_app::{RuleChange, RuleDifference};
use artifact_domain::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failures::Failure;

/// Prints the rules as a document for other tools.
pub(crate) fn show(document: &Value, context: &Context) -> Result<(), Failure> {
    if context.ui.json() {
        context.ui.object(document)?;
    } else {
        context.ui.line(format_args!("{document:#}"))?;
    }
    Ok(())
}

/// Prints what is changed, a line per rule.
pub(crate) fn applied(
    differences: &[RuleDifference],
    dry_run: bool,
    context: &Context,
) -> Result<(), Failure> {
    for difference in differences {
        if context.ui.json() {
            object(difference, Some(dry_run), context)?;
            continue;
        }
        let did = match (difference.change, dry_run) {
            (RuleChange::Add, false) => "added",
            (RuleChange::Change, false) => "changed",
            (RuleChange::Remove, false) => "removed",
            (RuleChange::Add, true) => "would add",
            (RuleChange::Change, true) => "would change",
            (RuleChange::Remove, true) => "would remove",
        };
        let what = difference.wanted.as_ref().or(difference.found.as_ref());
        let what = what.map_or_else(String::new, |what| format!("  {what}"));
        context
            .ui
            .line(format_args!("{did}  {}{what}", difference.name))?;
    }
    if differences.is_empty() {
        context.ui.note("the bucket has these rules already");
    }
    Ok(())
}

/// Prints each difference; fails with `Conflict` if there is one.
pub(crate) fn checked(
    differences: &[RuleDifference],
    verb: &str,
    context: &Context,
) -> Result<(), Failure> {
    for difference in differences {
        if context.ui.json() {
            object(difference, None, context)?;
        } else {
            context.ui.line(difference)?;
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

fn object(difference: &RuleDifference, dry_run: Option<bool>, context: &Context) -> io::Result<()> {
    let mut object = json!({
        "rule": difference.name,
        "change": difference.change.as_str(),
        "found": difference.found,
        "wanted": difference.wanted,
    });
    if let Some(dry_run) = dry_run {
        object["dry_run"] = json!(dry_run);
    }
    context.ui.object(&object)
}
