//! `artifact export`: write artifacts to an archive.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use artifact_app::{ArchiveFormat, ExportOptions, LeftOut};
use artifact_domain::query::Versions;
use artifact_domain::{Error, Result};
use clap::{Args, ValueEnum};
use futures::TryStreamExt;
use indicatif::HumanBytes;
use serde_json::json;

use super::download::part_file::{PartFile, There};
use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::filter::FilterArgs;
use crate::progress::Progress;
use crate::service::Exported;

/// What to export, and where to.
#[derive(Debug, Args)]
#[command(after_help = "\
The files of the archive are SPEC/TASK/TYPE/NAME, in this order. Everything is verified on the way, and
the file appears whole or not at all. With --with-metadata the archive begins with artifacts.jsonl, which
has tags, metadata and digest of every artifact; `artifact import` takes it back.

Examples:
  artifact export --spec demo --task 1 -o run-1.zip
  artifact export --spec demo --with-metadata -o demo.tar.gz
  artifact export --tag release --days 30 --format zip -o - | ssh host 'cat > release.zip'")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    what: FilterArgs,
    /// All versions, not only the newest of each artifact; @VERSION is added to their names
    #[arg(long)]
    all_versions: bool,
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The form of the archive [default: by the end of the file's name]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Put what is known of each artifact into the archive
    #[arg(long)]
    with_metadata: bool,
    /// Do not compare the SHA-256
    #[arg(long)]
    no_verify: bool,
    /// Leave out what is damaged or was deleted meanwhile, and export the rest
    #[arg(long)]
    keep_going: bool,
}

/// The form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// ZIP
    Zip,
    /// tar, compressed by gzip
    #[value(name = "tar.gz", alias = "tgz")]
    TarGz,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::TarGz => "tar.gz",
        }
    }
}

impl From<Format> for ArchiveFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Zip => Self::Zip,
            Format::TarGz => Self::TarGz,
        }
    }
}

/// The form that a file's name speaks of.
fn format_of(path: &Path) -> Result<Format> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if ends(&[".zip"]) {
        Ok(Format::Zip)
    } else if ends(&[".tar.gz", ".tgz"]) {
        Ok(Format::TarGz)
    } else {
        let message = format!(
            "the form of {} cannot be told from its name",
            path.display()
        );
        Err(Error::invalid_input(message).with_hint("say --format zip or --format tar.gz"))
    }
}

pub(crate) async fn run(args: ExportArgs, context: &Context) -> Result<(), Failure> {
    let format = args.format.map_or_else(|| format_of(&args.output), Ok)?;
    let service = context.service().await?;
    let mut filter = args.what.filter(service.now());
    if args.all_versions {
        filter.versions = Versions::All;
    }
    let to_stdout = args.output == Path::new("-");
    // Begun first, so that a place that cannot be written is known before anything is read.
    let part = if to_stdout {
        None
    } else {
        Some(PartFile::create(&args.output, There::Replaced)?)
    };
    let failures = Arc::new(Mutex::new(Failures::default()));
    let options = ExportOptions {
        format: format.into(),
        metadata: args.with_metadata,
        verification: service.verification(args.no_verify),
        left_out: args.keep_going.then(|| collector(&failures, context)),
        temporary_folder: env::temp_dir(),
    };
    let export = context
        .interrupt
        .cut_off(service.export(filter, options))
        .await??;
    let total_bytes = (format == Format::Zip).then_some(export.stored_size_bytes);
    let progress = context.progress("export", total_bytes, Some(export.artifacts));
    let (done, all) = (
        export.progress.clone(),
        (export.artifacts, export.size_bytes),
    );
    let written = match part {
        Some(part) => to_file(export, part, &progress, context).await,
        None => to_pipe(export, &progress, context).await,
    };
    progress.finish();
    let archive_bytes = written?;
    let (artifacts, size_bytes, left_out) = done.sums().map_or((all.0, all.1, 0), |done| {
        (done.artifacts, done.size_bytes, done.left_out)
    });
    let plural = if artifacts == 1 { "" } else { "s" };
    let mut summary = format!(
        "exported {artifacts} artifact{plural}, {}, in {} of {}",
        HumanBytes(size_bytes),
        HumanBytes(archive_bytes),
        format.name(),
    );
    if left_out > 0 {
        summary = format!("{summary}; {left_out} left out");
    }
    if to_stdout {
        context.ui.note(summary);
    } else if context.ui.json() {
        context.ui.object(&json!({
            "path": args.output.to_string_lossy(),
            "format": format.name(),
            "artifacts": artifacts,
            "size_bytes": size_bytes,
            "archive_bytes": archive_bytes,
            "left_out": left_out,
        }))?;
    } else {
        context.ui.line(summary)?;
    }
    let failures = std::mem::take(&mut *failures.lock().unwrap_or_else(PoisonError::into_inner));
    failures.into_result()
}

/// Tells of what is left out, and remembers it.
fn collector(failures: &Arc<Mutex<Failures>>, context: &Context) -> LeftOut {
    let (failures, ui) = (Arc::clone(failures), context.ui.clone());
    Arc::new(move |error: Error| {
        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.add(&ui, &error);
    })
}

async fn to_file(
    export: Exported,
    mut part: PartFile,
    progress: &Progress,
    context: &Context,
) -> Result<u64, Failure> {
    let written = each_chunk(export, progress, context, |chunk| Ok(part.write(chunk)?)).await?;
    tokio::task::block_in_place(|| part.publish())?;
    Ok(written)
}

async fn to_pipe(export: Exported, progress: &Progress, context: &Context) -> Result<u64, Failure> {
    let mut stdout = io::stdout();
    let write = |chunk: &[u8]| Ok(stdout.write_all(chunk)?);
    let written = each_chunk(export, progress, context, write).await?;
    stdout.flush()?;
    Ok(written)
}

async fn each_chunk(
    export: Exported,
    progress: &Progress,
    context: &Context,
    mut write: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let (mut body, done) = (export.body, export.progress);
    let (mut written, mut artifacts) = (0, 0);
    while let Some(chunk) = body.try_next().await? {
        if context.interrupt.is_requested() {
            return Err(Failure::Interrupted);
        }
        tokio::task::block_in_place(|| write(&chunk))?;
        written += chunk.len() as u64;
        progress.add_bytes(chunk.len() as u64);
        while artifacts < done.sums().map_or(0, |done| done.artifacts) {
            artifacts += 1;
            progress.add_file();
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_file_tells_the_form() {
        for (name, expected) in [
            ("a.zip", Some(Format::Zip)),
            ("dir.zip/A.ZIP", Some(Format::Zip)),
            ("a.tar.gz", Some(Format::TarGz)),
            ("a.tgz", Some(Format::TarGz)),
            ("a.zip/b", None),
            ("a.gz", None),
            ("-", None),
        ] {
            assert_eq!(format_of(Path::new(name)).ok(), expected, "{name}");
        }
    }
}
