//! `artifact token`: who is let in to the server, and what he may do.

use std::time::Duration;

use artifact_bootstrap::{NewToken, SystemClock, Token, TokenFile, UrlSigner};
use artifact_domain::Timestamp;
use artifact_domain::access::{self, Actions, Grant};
use artifact_domain::port::Clock;
use artifact_domain::query::{Area, Glob};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failures::Failure;
use crate::ui::Ui;

/// For how many days a token is accepted where nobody says.
const USUAL_DAYS: u32 = 90;

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
    let settings = context.settings_of_this_machine()?;
    let tokens = artifact_bootstrap::tokens(&settings);
    let now = SystemClock.now();
    match args.action {
        Action::Create(args) => create(args, &tokens, now, &context.ui).await,
        Action::List => list(&tokens, now, &context.ui).await,
        Action::RotateKey => rotate_key(&UrlSigner::new(&settings), now, &context.ui).await,
        Action::Revoke { token } => revoke(&token, &tokens, &context.ui).await,
    }
}

async fn create(
    args: CreateArgs,
    tokens: &TokenFile,
    now: Timestamp,
    ui: &Ui,
) -> Result<(), Failure> {
    let days = args.expires_in_days.unwrap_or(USUAL_DAYS);
    let end = now.saturating_add(Duration::from_hours(24).saturating_mul(days));
    let new = NewToken {
        grants: args.grants(),
        expires_at: (!args.never_expires).then_some(end),
        name: args.name,
    };
    let (token, secret) = tokens.create(new, now).await?;
    if ui.json() {
        let mut object = document(&token, None, now);
        object["token"] = secret.expose().into();
        ui.object(&object)?;
        return Ok(());
    }
    ui.line(secret.expose())?;
    let end = match token.expires_at {
        Some(end) => format!("until {end}"),
        None => "until it is revoked".to_owned(),
    };
    ui.note(format_args!(
        "token {} ({}) is accepted {end}; it is not shown again",
        token.name, token.id
    ));
    Ok(())
}

impl CreateArgs {
    fn grants(&self) -> Vec<Grant> {
        let or_all = |globs: &[Glob]| match globs {
            [] => vec![Glob::all()],
            globs => globs.to_vec(),
        };
        let (specs, tasks) = (or_all(&self.spec), or_all(&self.task));
        let pairs = specs
            .iter()
            .flat_map(|spec| tasks.iter().map(move |task| (spec, task)));
        let grants = pairs.map(|(spec, task)| Grant {
            actions: self.allow,
            area: Area {
                spec: spec.clone(),
                task: task.clone(),
            },
        });
        grants.collect()
    }
}

async fn list(tokens: &TokenFile, now: Timestamp, ui: &Ui) -> Result<(), Failure> {
    for (token, last_used) in tokens.list().await? {
        if ui.json() {
            ui.object(&document(&token, last_used, now))?;
            continue;
        }
        let grants: Vec<_> = token.grants.iter().map(shown).collect();
        let end = match token.expires_at {
            Some(end) if token.is_expired(now) => format!("expired {end}"),
            Some(end) => format!("until {end}"),
            None => "until revoked".to_owned(),
        };
        let used = last_used.map_or_else(|| "never used".to_owned(), |at| format!("used {at}"));
        let (id, name) = (&token.id, &token.name);
        ui.line(format_args!(
            "{id}  {name}  {}  {end}  {used}",
            grants.join(" + ")
        ))?;
    }
    Ok(())
}

fn shown(grant: &Grant) -> String {
    let Area { spec, task } = &grant.area;
    format!("{} spec={spec} task={task}", grant.actions)
}

async fn revoke(token: &str, tokens: &TokenFile, ui: &Ui) -> Result<(), Failure> {
    let revoked = tokens.revoke(token).await?;
    if ui.json() {
        ui.object(&json!({ "id": revoked.id, "name": revoked.name, "revoked": true }))?;
    } else {
        ui.line(format_args!("revoked {} ({})", revoked.name, revoked.id))?;
    }
    Ok(())
}

async fn rotate_key(signer: &UrlSigner, now: Timestamp, ui: &Ui) -> Result<(), Failure> {
    signer.revoke_all(now).await?;
    if ui.json() {
        ui.object(&json!({ "rotated_at": now }))?;
    } else {
        ui.line("URLs that were signed before are refused now")?;
    }
    Ok(())
}

fn document(token: &Token, last_used: Option<Timestamp>, now: Timestamp) -> Value {
    let grants = token.grants.iter().map(|grant| {
        let actions: Vec<_> = grant.actions.iter().map(access::Action::as_str).collect();
        json!({
            "actions": actions,
            "spec": grant.area.spec.as_str(),
            "task": grant.area.task.as_str(),
        })
    });
    json!({
        "id": token.id,
        "name": token.name,
        "grants": grants.collect::<Vec<_>>(),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "expired": token.is_expired(now),
        "last_used_at": last_used,
    })
}
