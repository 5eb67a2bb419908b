//! `artifact cors`: which pages of the web may use signed URLs of the bucket.

use artifact_app::{cors_differences, cors_json, cors_rule};
use artifact_bootstrap::{bucket_rules, bucket_site};
use artifact_domain::Error;
use clap::{Args, Subcommand};

use crate::bucket_changes;
use crate::context::Context;
use crate::failures::Failure;

/// What to do with the rule.
#[derive(Debug, Args)]
pub(crate) struct CorsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the rule, as the service's own tools take it
    #[command(after_help = "\
Example:
  artifact cors show --origin https://ci.example.com")]
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Set the rule on the bucket; those of others stay as they are
    #[command(after_help = "\
Examples:
  artifact cors apply --origin https://ci.example.com --dry-run
  artifact cors apply --origin https://ci.example.com --read-only")]
    Apply {
        #[command(flatten)]
        which: Which,
        /// Say what would be changed and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Compare the bucket's rule with this one; exit code 6 if they differ
    #[command(after_help = "\
Example:
  artifact cors check --origin https://ci.example.com")]
    Check {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// The origin of a page that may use signed URLs: scheme, host and port; may be repeated
    #[arg(long = "origin", value_name = "URL", required = true, value_parser = origin)]
    origins: Vec<String>,
    /// Let pages download alone, and not upload
    #[arg(long)]
    read_only: bool,
}

fn origin(text: &str) -> Result<String, Error> {
    let url = text.trim_end_matches('/');
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_bare = |host: &str| {
        let strange = |c: char| c.is_whitespace() || c.is_control() || "/?#@<>".contains(c);
        !host.is_empty() && !host.contains(strange)
    };
    if url == "*" || host.is_some_and(is_bare) {
        return Ok(url.to_owned());
    }
    Err(
        Error::invalid_input("an origin is scheme, host and port alone")
            .with_hint("write it as https://ci.example.com, or * for every page"),
    )
}

pub(crate) async fn run(args: CorsArgs, context: &Context) -> Result<(), Failure> {
    let settings = context.settings()?.settings;
    let (site, _) = bucket_site(&settings).await?;
    let rule = |which: Which| cors_rule(which.origins, !which.read_only);
    match args.action {
        Action::Show { which } => {
            let (name, rule) = rule(which);
            bucket_changes::show(&cors_json(&site, &name, &rule), context)
        }
        Action::Apply { which, dry_run } => {
            let wanted = rule(which);
            let rules = bucket_rules(&settings).await?;
            let differences = cors_differences(&*rules, wanted.clone()).await?;
            if !dry_run && !differences.is_empty() {
                rules.set_cors(vec![wanted.1]).await?;
            }
            bucket_changes::applied(&differences, dry_run, context)
        }
        Action::Check { which } => {
            let rules = bucket_rules(&settings).await?;
            let differences = cors_differences(&*rules, rule(which)).await?;
            bucket_changes::checked(&differences, "cors", context)
        }
    }
}
