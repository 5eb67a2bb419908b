//! `artifact config`: show, check or begin the settings.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use artifact_bootstrap::settings::default_file;
use artifact_domain::{Error, ErrorKind};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::command::doctor;
use crate::context::Context;
use crate::failures::Failure;

/// What to do with the settings.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print every setting in effect and where it comes from
    #[command(after_help = "\
Examples:
  artifact config show
  ARTIFACT_INDEX__ENGINE=sled artifact config show --json")]
    Show,
    /// Check the settings; without --online nothing is done
    #[command(after_help = "\
Examples:
  artifact config check --config staging.yaml
  artifact config check --online")]
    Check {
        /// Try whether everything works that they name, as `artifact doctor` does
        #[arg(long)]
        online: bool,
    },
    /// Write a settings file with every key, its default and its meaning
    #[command(after_help = "\
Examples:
  artifact config init
  artifact config init ~/.config/artifact-store/config.yaml")]
    Init {
        /// Where to; nothing that is there is overwritten
        #[arg(default_value = "artifact-store.yaml", value_name = "FILE")]
        path: PathBuf,
    },
}

pub(crate) async fn run(args: ConfigArgs, context: &Context) -> Result<(), Failure> {
    let ui = &context.ui;
    match args.action {
        Action::Show => {
            let loaded = context.settings()?;
            for effective in loaded.effective()? {
                if ui.json() {
                    ui.object(&json!({
                        "key": effective.key,
                        "value": effective.value,
                        "origin": effective.origin.to_string(),
                    }))?;
                } else {
                    ui.line(&effective)?;
                }
            }
        }
        Action::Check { online: true } => return doctor::examine(context).await,
        Action::Check { online: false } => {
            let loaded = context.settings()?;
            let file = loaded.file.as_ref().map(|file| file.display().to_string());
            if ui.json() {
                ui.object(&json!({ "ok": true, "file": file }))?;
            } else {
                let from = file.unwrap_or_else(|| "no file, defaults".to_owned());
                ui.line(format_args!("settings are valid ({from})"))?;
            }
        }
        Action::Init { path } => {
            write_new(&path)?;
            if ui.json() {
                ui.object(&json!({ "file": path.display().to_string() }))?;
            } else {
                ui.line(path.display())?;
            }
        }
    }
    Ok(())
}

fn write_new(path: &Path) -> Result<(), Error> {
    let open = OpenOptions::new().write(true).create_new(true).open(path);
    open.and_then(|mut file| file.write_all(default_file().as_bytes()))
        .map_err(|cause| {
            let shown = path.display();
            let kind = match cause.kind() {
                io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
                io::ErrorKind::StorageFull => ErrorKind::StorageFull,
                _ => ErrorKind::Internal,
            };
            Error::new(kind, format!("{shown} cannot be written: {cause}")).with_source(cause)
        })
}
