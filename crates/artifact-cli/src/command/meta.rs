//! `artifact meta`: set, remove and patch the free metadata of an artifact.

use std::io::Read;

use artifact_app::Change;
use artifact_domain::{ArtifactRef, Error, Result, require_exact_numbers};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use crate::changing::Changing;
use crate::context::Context;
use crate::exit;
use crate::failures::Failure;
use crate::meta_entry::{MetaEntry, refuse_kept};
use crate::selection::Selection;

/// The longest patch that is read. What it leaves is bounded by the limit on metadata; a patch may
/// say more than it leaves.
const MAX_PATCH_BYTES: u64 = 1 << 20;

/// What to do with the metadata.
#[derive(Debug, Args)]
pub(crate) struct MetaArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set keys, each replacing what stood under it
    #[command(after_help = "\
Example:
  artifact meta set artifact://demo/1/log/build.log passed=true 'host=\"ci-7\"'")]
    Set {
        #[command(flatten)]
        target: Target,
        /// A key and its JSON value
        #[arg(required = true, value_name = "K=JSON")]
        entries: Vec<MetaEntry>,
    },
    /// Remove keys; one that is not there is no error
    #[command(after_help = "\
Example:
  artifact meta remove artifact://demo/1/log/build.log host")]
    Remove {
        #[command(flatten)]
        target: Target,
        /// A key
        #[arg(required = true, value_name = "K")]
        keys: Vec<String>,
    },
    /// Change it by a JSON merge patch (RFC 7396): null removes a key, objects are merged
    #[command(after_help = "\
Examples:
  artifact meta patch artifact://demo/1/log/build.log '{\"host\":null,\"run\":{\"attempt\":2}}'
  artifact meta patch artifact://demo/1/log/build.log - < patch.json")]
    Patch {
        #[command(flatten)]
        target: Target,
        /// The patch, a JSON object; - for standard input
        #[arg(value_name = "JSON|-")]
        patch: String,
    },
}

/// Whose metadata.
#[derive(Debug, Args)]
struct Target {
    /// URI or id
    #[arg(value_name = "URI|ID")]
    artifact: ArtifactRef,
    /// Say what would be changed and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: MetaArgs, context: &Context) -> Result<(), Failure> {
    let (target, change) = match args.action {
        Action::Set { target, entries } => {
            let entries = entries
                .into_iter()
                .map(|MetaEntry(key, value)| (key, value));
            (target, Change::SetMetadata(entries.collect()))
        }
        Action::Remove { target, keys } => {
            keys.iter().try_for_each(|key| refuse_kept(key))?;
            (target, Change::RemoveMetadata(keys))
        }
        Action::Patch { target, patch } => {
            let patch = parse_patch(&read_patch(patch).await?)?;
            (target, Change::PatchMetadata(patch))
        }
    };
    let changing = Changing {
        selection: Selection::Named(vec![target.artifact]),
        change,
        dry_run: target.dry_run,
    };
    let service = context.service().await?;
    changing.run(&service, context, |_| ()).await
}

async fn read_patch(patch: String) -> Result<String> {
    if patch != "-" {
        return Ok(patch);
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        let mut input = std::io::stdin().lock().take(MAX_PATCH_BYTES + 1);
        input.read_to_string(&mut text).map(|_| text)
    });
    let text = read
        .await
        .map_err(|cause| exit::internal("reading standard input broke off", cause))?
        .map_err(|cause| {
            Error::invalid_input("the patch on standard input cannot be read").with_source(cause)
        })?;
    if text.len() as u64 > MAX_PATCH_BYTES {
        return Err(Error::invalid_input(format!(
            "the patch is over {MAX_PATCH_BYTES} bytes long"
        )));
    }
    Ok(text)
}

fn parse_patch(text: &str) -> Result<Map<String, Value>> {
    let patch = serde_json::from_str(text)
        .map_err(|cause| Error::invalid_input(format!("the patch is not JSON ({cause})")))?;
    let Value::Object(patch) = patch else {
        return Err(Error::invalid_input("the patch is no JSON object")
            .with_hint("metadata is an object, and only another can be merged into it"));
    };
    require_exact_numbers(text)?;
    patch.keys().try_for_each(|key| refuse_kept(key))?;
    Ok(patch)
}
