//! `artifact usage`: how much is stored, of what, and how near that is to the limit.

use artifact_api::{UsageGroup, UsageSummary};
use artifact_app::UsageKey;
use artifact_domain::{ErrorKind, SpecName};
use clap::{Args, ValueEnum};
use indicatif::HumanBytes;

use crate::context::Context;
use crate::failures::Failure;
use crate::service::Usage;

/// How to sum up.
#[derive(Debug, Args)]
#[command(after_help = "\
Answered from counters, however much is stored. What has expired counts until it is cleaned up,
what is deleted until its bytes are removed, and an upload on its way by what it has reserved.

With --json each sum is an object, and the last one is of everything, with the limit.

Examples:
  artifact usage
  artifact usage --by spec
  artifact usage --by type --by state --spec demo --json")]
pub(crate) struct UsageArgs {
    /// Sums by this; can be given several times
    #[arg(long, value_enum, value_name = "KEY", value_delimiter = ',')]
    by: Vec<By>,
    /// Only this project; the limit is that of the whole store
    #[arg(long)]
    spec: Option<SpecName>,
}

/// By what is summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// The project
    Spec,
    /// What it is
    Type,
    /// Where it stands in its life
    State,
    /// Where its bytes are kept
    Tier,
}

impl From<By> for UsageKey {
    fn from(by: By) -> Self {
        match by {
            By::Spec => Self::Spec,
            By::Type => Self::Type,
            By::State => Self::State,
            By::Tier => Self::Tier,
        }
    }
}

pub(crate) async fn run(args: UsageArgs, context: &Context) -> Result<(), Failure> {
    let keys: Vec<_> = args.by.iter().copied().map(UsageKey::from).collect();
    let service = context.service().await?;
    let usage = service.usage(&keys, args.spec.as_ref()).await?;
    if context.ui.json() {
        for group in &usage.groups {
            context.ui.object(group)?;
        }
        context.ui.object(&usage.summary)?;
    } else {
        for line in table(&keys, &usage) {
            context.ui.line(line)?;
        }
        // What is on its way counts for all specs together, which not everybody may know of.
        let all = match &args.spec {
            None => Some(usage.summary.clone()),
            Some(_) => match service.usage(&[], None).await {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
                all => Some(all?.summary),
            },
        };
        for line in all.iter().flat_map(limits) {
            context.ui.line(line)?;
        }
    }
    if let Some(warning) = &usage.summary.warning {
        context.ui.warn(warning);
    }
    Ok(())
}

/// A heading, a line for each group, and one for all of them.
fn table(keys: &[UsageKey], usage: &Usage) -> Vec<String> {
    let total = &usage.summary;
    let total = UsageGroup {
        count: total.count,
        size_bytes: total.size_bytes,
        stored_size_bytes: total.stored_size_bytes,
        saved_ratio: total.saved_ratio,
        ..UsageGroup::default()
    };
    let groups = usage.groups.iter();
    let named = groups.map(|group| (label(keys, group), group));
    let named: Vec<_> = named.chain([("total".to_owned(), &total)]).collect();
    let labels = named.iter().map(|(label, _)| label.chars().count());
    let width = labels.max().unwrap_or_default();
    let mut lines = vec![format!(
        "{:width$}  {:>9}  {:>12}  {:>12}  {:>6}",
        "", "versions", "original", "stored", "saved"
    )];
    lines.extend(named.into_iter().map(|(label, sum)| {
        let saved = sum.saved_ratio;
        format!(
            "{label:width$}  {:>9}  {:>12}  {:>12}  {:>6}",
            sum.count,
            HumanBytes(sum.size_bytes).to_string(),
            HumanBytes(sum.stored_size_bytes).to_string(),
            saved.map_or_else(|| "-".to_owned(), |saved| format!("{:.0} %", 100.0 * saved)),
        )
    }));
    lines
}

/// The keys of a group in the order in which they were asked for.
fn label(keys: &[UsageKey], group: &UsageGroup) -> String {
    let part = |key: &UsageKey| match key {
        UsageKey::Spec => group.spec.clone(),
        UsageKey::Type => group.artifact_type.clone(),
        UsageKey::State => group.state.clone(),
        UsageKey::Tier => group.tier.clone(),
    };
    let parts: Vec<_> = keys.iter().filter_map(part).collect();
    parts.join("  ")
}

fn limits(total: &UsageSummary) -> Vec<String> {
    let mut lines = Vec::new();
    if total.uploads > 0 {
        lines.push(format!(
            "{} uploads on their way have reserved {}",
            total.uploads,
            HumanBytes(total.reserved_bytes)
        ));
    }
    lines.push(match (total.limit_bytes, total.used_ratio) {
        (Some(limit), Some(used)) => {
            format!(
                "{:.1} % of the limit of {}",
                100.0 * used,
                HumanBytes(limit)
            )
        }
        _ => "no limit".to_owned(),
    });
    lines
}
