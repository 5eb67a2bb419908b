//! `artifact token`: who is let in to the server, and what he may do.

use artifact_api::{TokenGrant, TokenRequest};
use artifact_domain::access::Actions;
use artifact_domain::query::Glob;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::context::Context;
use crate::failures::Failure;
use crate::service::Tokens;
use crate::ui::Ui;

/// What to do with tokens.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token, and print it this once
    #[command(after_help = "\
The token is printed to standard output and kept nowhere: what is written is a digest of it. From the
first one on, the server lets nobody in without a token.

What it allows: `read` sees artifacts; `write` stores them, which may replace older versions, and
changes tags, metadata, tiers and holds; `delete` takes artifacts away, sets when they end and releases
holds; `admin` may do all that and look after the store. A pattern takes `*`, `?` and `[a-z]`; upper
and lower case are not the same.

Through a server it takes a token with `admin` everywhere. What is made by that one ends with it: not
later, and when it is revoked.

Examples:
  artifact token create dashboards --allow read
  artifact token create ci-web --allow read,write --spec 'web' --task 'ci-*' --expires-in-days 30
  artifact token create backup --allow read --never-expires --json")]
    Create(CreateArgs),
    /// List the tokens there are, without their secrets
    #[command(after_help = "\
Example:
  artifact token list --json")]
    List,
    /// Take back every URL that the server has signed
    #[command(after_help = "\
URLs that a bucket has signed are not among them.

Example:
  artifact token rotate-key")]
    RotateKey,
    /// Take a token away; the server refuses it within a second
    #[command(after_help = "\
Tokens that were made by it through a server go with it.

Example:
  artifact token revoke ci-web")]
    Revoke {
        /// The token's name or id
        #[arg(value_name = "NAME|ID")]
        token: String,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// What to call it
    name: String,
    /// What it allows: read, write, delete, admin, with commas between
    #[arg(long, value_name = "ACTIONS")]
    allow: Actions,
    /// In specs that match this pattern; can be given several times [default: all]
    #[arg(long, value_name = "GLOB")]
    spec: Vec<Glob>,
    /// In tasks that match this pattern; can be given several times [default: all]
    #[arg(long, value_name = "GLOB")]
    task: Vec<Glob>,
    /// For how many days it is accepted [default: 90]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires_in_days: Option<u32>,
    /// It is accepted until it is revoked
    #[arg(long, conflicts_with = "expires_in_days")]
    never_expires: bool,
}

pub(crate) async fn run(args: TokenArgs, context: &Context) -> Result<(), Failure> {
    let tokens = context.tokens()?;
    let ui = &context.ui;
    match args.action {
        Action::Create(args) => create(args, &tokens, ui).await,
        Action::List => list(&tokens, ui).await,
        Action::RotateKey => rotate_key(&tokens, ui).await,
        Action::Revoke { token } => revoke(&token, &tokens, ui).await,
    }
}

async fn create(args: CreateArgs, tokens: &Tokens, ui: &Ui) -> Result<(), Failure> {
    let request = TokenRequest {
        grants: args.grants(),
        expires_in_days: args.expires_in_days,
        never_expires: args.never_expires,
        name: args.name,
    };
    let made = tokens.create(request).await?;
    if ui.json() {
        ui.object(&json!(made))?;
        return Ok(());
    }
    // It has nothing to escape, unless a server says so.
    ui.line(made.token.escape_debug())?;
    let about = made.about;
    let end = match about.expires_at {
        Some(end) => format!("until {end}"),
        None => "until it is revoked".to_owned(),
    };
    ui.note(format_args!(
        "token {} ({}) is accepted {end}; it is not shown again",
        about.name, about.id
    ));
    Ok(())
}

impl CreateArgs {
    fn grants(&self) -> Vec<TokenGrant> {
        let or_all = |globs: &[Glob]| match globs {
            [] => vec![Glob::all()],
            globs => globs.to_vec(),
        };
        let (specs, tasks) = (or_all(&self.spec), or_all(&self.task));
        let pairs = specs
            .iter()
            .flat_map(|spec| tasks.iter().map(move |task| (spec, task)));
        let grants = pairs.map(|(spec, task)| TokenGrant {
            actions: self.allow.iter().collect(),
            spec: spec.to_string(),
            task: task.to_string(),
        });
        grants.collect()
    }
}

async fn list(tokens: &Tokens, ui: &Ui) -> Result<(), Failure> {
    let tokens = tokens.list().await?;
    for token in &tokens {
        if ui.json() {
            ui.object(&json!(token))?;
            continue;
        }
        let grants: Vec<_> = token.grants.iter().map(shown).collect();
        let end = match token.expires_at {
            Some(end) if token.expired => format!("expired {end}"),
            _ if !token.accepted => "not accepted".to_owned(),
            Some(end) => format!("until {end}"),
            None => "until revoked".to_owned(),
        };
        let used = token.last_used_at;
        let used = used.map_or_else(|| "never used".to_owned(), |at| format!("used {at}"));
        let (id, name) = (&token.id, &token.name);
        let made = token.made_by.as_deref().map(|maker_id| {
            let maker = tokens.iter().find(|token| token.id == maker_id);
            let maker = maker.map_or(maker_id, |maker| &maker.name);
            format!("  made by {maker}")
        });
        let (grants, made) = (grants.join(" + "), made.unwrap_or_default());
        // A server, or a hand in the file, may have put anything into it.
        let line = format!("{id}  {name}  {grants}  {end}  {used}{made}");
        ui.line(line.escape_debug())?;
    }
    Ok(())
}

fn shown(grant: &TokenGrant) -> String {
    let TokenGrant {
        actions,
        spec,
        task,
    } = grant;
    let actions: Actions = actions.iter().copied().collect();
    format!("{actions} spec={spec} task={task}")
}

async fn revoke(token: &str, tokens: &Tokens, ui: &Ui) -> Result<(), Failure> {
    for revoked in tokens.revoke(token).await? {
        if ui.json() {
            ui.object(&json!(revoked))?;
        } else {
            let line = format!("revoked {} ({})", revoked.name, revoked.id);
            ui.line(line.escape_debug())?;
        }
    }
    Ok(())
}

async fn rotate_key(tokens: &Tokens, ui: &Ui) -> Result<(), Failure> {
    let rotated = tokens.rotate_key().await?;
    if ui.json() {
        ui.object(&json!(rotated))?;
    } else {
        ui.line("URLs that were signed before are refused now")?;
    }
    Ok(())
}
