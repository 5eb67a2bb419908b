//! `POST /import`: an archive, whose files become artifacts, told line by line. It is kept in a file without a
//! name first, since the directory of a ZIP is at its end.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use artifact_app::{
    ArchiveLimits, ArchiveSource, Describe, ImportItem, ImportOptions, ImportOutcome, Sight,
    describe_as_uploads, view,
};
use artifact_domain::access::{Action, Target};
use artifact_domain::port::ByteStream;
use artifact_domain::{
    ArtifactType, Coordinate, Error, ErrorKind, Result, SpecName, Tag, Tags, TaskId,
};
use axum::body::Body;
use axum::response::Response;
use futures::{FutureExt, TryStreamExt};
use http::HeaderMap;
use serde::Deserialize;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use utoipa::IntoParams;

use super::lines;
use crate::api::schemas::Problems;
use crate::body::{announced_length, incoming};
use crate::gate::Caller;
use crate::headers::encoding::refuse_coded;
use crate::params::{Params, all_parsed, parsed};
use crate::problem::Problem;

/// The run of what is stored without saying it.
const USUAL_TASK: &str = "local";

/// What an archive has for each of its files, beside their bytes, at most: its names are limited.
const BYTES_PER_ENTRY: u64 = 4 << 10;

/// As what the files are stored, and what the archive may hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportParams {
    /// Into this project, whatever the archive says
    #[param(min_length = 1, max_length = 128)]
    spec: Option<String>,
    /// Into this run, whatever the archive says
    #[param(min_length = 1, max_length = 128)]
    task: Option<String>,
    /// Into this project, where the archive says none; `default` where that is not said
    #[param(min_length = 1, max_length = 128)]
    default_spec: Option<String>,
    /// Into this run, where the archive says none; `local` where that is not said
    #[param(min_length = 1, max_length = 128)]
    default_task: Option<String>,
    /// What they are, where the archive does not say; guessed where that is not said
    r#type: Option<String>,
    /// A tag, where the archive does not say; can be given several times
    tag: Vec<String>,
    /// Supersedes artifacts with other content, where versioning is off
    replace: bool,
    /// Reads and checks everything, and stores nothing
    dry_run: bool,
    /// How many bytes all files may have; as many as are taken where that is not said
    #[param(minimum = 0, maximum = 107_374_182_400_u64)]
    max_bytes: Option<u64>,
    /// How many files there may be; as many as are taken where that is not said
    #[param(minimum = 0, maximum = 1_000_000)]
    max_entries: Option<u64>,
    /// How many times as long as the archive they may be together; as many as are taken where that is not said
    #[param(minimum = 0, maximum = 250)]
    max_ratio: Option<u64>,
}

/// Stores what an archive holds: a ZIP, a tar, or a tar compressed by gzip. Each file needs the right to write
/// what it becomes, and with `dry_run` the right to read it.
#[utoipa::path(
    post,
    path = "/api/v1/import",
    tag = "content",
    operation_id = "import",
    params(ImportParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The archive"),
    responses(
        (status = 200, description = "What becomes of each file, a document per line: `item`, and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn import(
    caller: Caller,
    Params(params): Params<ImportParams>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    refuse_coded(&headers)?;
    if params.dry_run {
        caller.to(Action::Read).anywhere()?;
    }
    let app = caller.app().clone();
    let options = params.options(&caller, app.temporary_folder.clone())?;
    let most = app.most_archive_bytes(options.limits.max_bytes);
    let most = most.saturating_add(options.limits.max_entries.saturating_mul(BYTES_PER_ENTRY));
    let announced = announced_length(&headers)?;
    if announced.is_some_and(|length| length > most) {
        return Err(too_long(most).into());
    }
    let body = incoming(body, app.patience);
    let archive = keep(body, most, app.temporary_folder.clone()).await?;
    let (store, dry_run) = (caller.aside().clone(), params.dry_run);
    Ok(lines::answer(&app, move |teller| async move {
        let tell = |item: &ImportItem| {
            if let ImportOutcome::Imported(uploaded) = &item.outcome
                && let Some(warning) = uploaded.warning()
            {
                tracing::warn!("{warning}");
            }
            teller.item_now(&view::import::item(item));
        };
        let source = ArchiveSource::File(archive);
        let report = store.import(source, options, tell).await?;
        Ok(view::import::report(&report, dry_run))
    }))
}

impl ImportParams {
    fn options(&self, caller: &Caller, temporary_folder: PathBuf) -> Result<ImportOptions> {
        let limits = self.limits()?;
        let (caller, dry_run) = (caller.clone(), self.dry_run);
        Ok(ImportOptions {
            spec: parsed(self.spec.as_deref())?,
            task: parsed(self.task.as_deref())?,
            describe: self.describe()?,
            admit: Some(Arc::new(move |at: Coordinate| {
                let caller = caller.clone();
                async move { admit(&caller, &at, dry_run).await }.boxed()
            })),
            replace: self.replace,
            dry_run,
            limits,
            temporary_folder,
        })
    }

    /// What the archive may hold: what whoever sends it has to say goes as far as what a server takes.
    fn limits(&self) -> Result<ArchiveLimits> {
        let most = ArchiveLimits::default();
        Ok(ArchiveLimits {
            max_entries: limit("max_entries", self.max_entries, most.max_entries)?,
            max_bytes: limit("max_bytes", self.max_bytes, most.max_bytes)?,
            max_ratio: limit("max_ratio", self.max_ratio, most.max_ratio)?,
        })
    }

    /// Files of which the archive says nothing are stored as an upload would be.
    fn describe(&self) -> Result<Describe> {
        let [spec, own_spec] = [&self.default_spec, &self.spec].map(Option::as_deref);
        let [task, own_task] = [&self.default_task, &self.task].map(Option::as_deref);
        let spec = parsed::<SpecName>(own_spec.or(spec))?.unwrap_or_default();
        let task: TaskId = own_task.or(task).unwrap_or(USUAL_TASK).parse()?;
        let given = parsed::<ArtifactType>(self.r#type.as_deref())?;
        let tags = Tags::from_tags(all_parsed::<Tag>(&self.tag)?)?;
        Ok(describe_as_uploads((spec, task), given, tags, |file| {
            let guess = artifact_guess::guess(&file.name, file.head);
            (guess.artifact_type, guess.mime_type)
        }))
    }
}

/// Asks for the right to store something there, and to read it where a plan is made, which tells what is there.
async fn admit(caller: &Caller, at: &Coordinate, dry_run: bool) -> Result<Sight> {
    caller.at(Target::Artifact(at)).await?;
    if dry_run {
        caller.to(Action::Read).at(Target::Artifact(at)).await?;
    }
    Ok(if caller.sees(at).await {
        Sight::Whole
    } else {
        Sight::Outline
    })
}

/// What is asked for, if it is not beyond what is taken.
fn limit(name: &str, asked: Option<u64>, most: u64) -> Result<u64> {
    match asked {
        Some(asked) if asked > most => {
            let message =
                format!("{name} is {most} at most where a server takes the archive apart");
            Err(Error::invalid_input(message)
                .with_hint("import what holds more on the machine of the store"))
        }
        asked => Ok(asked.unwrap_or(most)),
    }
}

/// Keeps an archive in a file that has no name, and is gone with whoever has it open.
async fn keep(mut body: ByteStream, most: u64, folder: PathBuf) -> Result<std::fs::File> {
    let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder)).await;
    let made = made.map_err(|fault| {
        Error::new(ErrorKind::Internal, "a worker thread stopped").with_source(fault)
    })?;
    let mut file = tokio::fs::File::from_std(made.map_err(unkept)?);
    let mut kept = 0_u64;
    while let Some(chunk) = body.try_next().await? {
        kept = kept.saturating_add(chunk.len() as u64);
        if kept > most {
            return Err(too_long(most));
        }
        file.write_all(&chunk).await.map_err(unkept)?;
    }
    file.flush().await.map_err(unkept)?;
    file.rewind().await.map_err(unkept)?;
    Ok(file.into_std().await)
}

fn too_long(most: u64) -> Error {
    let message = format!("the archive has more than the {most} bytes that are taken");
    Error::new(ErrorKind::TooLarge, message)
        .with_hint("raise what limits it, max_bytes or the quota of the store, or import it on the machine of the store")
}

fn unkept(cause: io::Error) -> Error {
    let kind = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, "the archive can't be kept while it is read").with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(max_entries: u64, max_bytes: u64, max_ratio: u64) -> Result<ArchiveLimits> {
        let params = ImportParams {
            max_entries: Some(max_entries),
            max_bytes: Some(max_bytes),
            max_ratio: Some(max_ratio),
            ..ImportParams::default()
        };
        params.limits()
    }

    #[test]
    fn whoever_sends_an_archive_can_lower_its_limits_alone() {
        let most = ArchiveLimits::default();
        assert_eq!(ImportParams::default().limits().unwrap(), most);
        // As the description has them.
        let (entries, bytes, ratio) = (1_000_000, 107_374_182_400, 250);
        assert_eq!(limits(entries, bytes, ratio).unwrap(), most);
        for (name, refused) in [
            ("max_entries", limits(entries + 1, bytes, ratio)),
            ("max_bytes", limits(entries, u64::MAX, ratio)),
            ("max_ratio", limits(entries, bytes, u64::MAX)),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.message().starts_with(name), "{error}");
        }
        assert_eq!(limits(1, 2, 3).unwrap().max_bytes, 2);
    }
}
