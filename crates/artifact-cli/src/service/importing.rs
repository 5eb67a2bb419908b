//! Archives that are taken in, into either place; told as documents. Prints nothing.

use std::fs::File;
use std::io::{self, Read};

use artifact_api::{ImportItem, ImportReport};
use artifact_app::{
    ArchiveLimits, ArchiveSource, Describe, ImportOptions, describe_as_uploads, view,
};
use artifact_client::Archive;
use artifact_domain::{ArtifactType, Error, ErrorKind, Result, SpecName, Tags, TaskId};

use super::rules::Each;
use super::upkeep::tell;
use super::{Local, Remote, Service};

/// What to take in, and as what.
pub(crate) struct Importing {
    pub(crate) source: ArchiveSource,
    /// For everything, whatever the archive says.
    pub(crate) spec: Option<SpecName>,
    pub(crate) task: Option<TaskId>,
    /// For what the archive says nothing of.
    pub(crate) default_spec: SpecName,
    pub(crate) default_task: TaskId,
    pub(crate) artifact_type: Option<ArtifactType>,
    pub(crate) tags: Tags,
    pub(crate) replace: bool,
    pub(crate) dry_run: bool,
    pub(crate) limits: ArchiveLimits,
}

impl Service {
    /// Stores what an archive holds, and tells of every file of it.
    pub(crate) async fn import(
        &self,
        importing: Importing,
        told: impl FnMut(ImportItem) + Send,
    ) -> Result<ImportReport> {
        match self {
            Self::Local(local) => local.import(importing, told).await,
            Self::Remote(remote) => remote.import(importing, told).await,
        }
    }
}

impl Local {
    async fn import(
        &self,
        importing: Importing,
        mut told: impl FnMut(ImportItem) + Send,
    ) -> Result<ImportReport> {
        let dry_run = importing.dry_run;
        let options = ImportOptions {
            spec: importing.spec.clone(),
            task: importing.task.clone(),
            describe: importing.describe(),
            admit: None,
            replace: importing.replace,
            dry_run,
            limits: importing.limits,
            temporary_folder: std::env::temp_dir(),
        };
        let tell = |item: &artifact_app::ImportItem| told(view::import::item(item));
        let report = self.store.import(importing.source, options, tell).await?;
        Ok(view::import::report(&report, dry_run))
    }
}

impl Importing {
    /// Files of which the archive says nothing are stored as `upload` would.
    fn describe(&self) -> Describe {
        let (spec, task) = (self.default_spec.clone(), self.default_task.clone());
        let (given, tags) = (self.artifact_type.clone(), self.tags.clone());
        describe_as_uploads((spec, task), given, tags, |file| {
            let guess = artifact_guess::guess(&file.name, file.head);
            (guess.artifact_type, guess.mime_type)
        })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
        if let Some(spec) = &self.spec {
            add("spec", spec.to_string());
        }
        if let Some(task) = &self.task {
            add("task", task.to_string());
        }
        add("default_spec", self.default_spec.to_string());
        add("default_task", self.default_task.to_string());
        if let Some(artifact_type) = &self.artifact_type {
            add("type", artifact_type.to_string());
        }
        for (key, value) in self.tags.iter() {
            add("tag", format!("{key}={value}"));
        }
        for (key, is_set) in [("replace", self.replace), ("dry_run", self.dry_run)] {
            if is_set {
                add(key, "true".to_owned());
            }
        }
        let ArchiveLimits {
            max_entries,
            max_bytes,
            max_ratio,
        } = self.limits;
        for (key, limit) in [
            ("max_bytes", max_bytes),
            ("max_entries", max_entries),
            ("max_ratio", max_ratio),
        ] {
            // No archive has more than that.
            add(key, limit.min(i64::MAX.unsigned_abs()).to_string());
        }
        pairs
    }
}

impl Remote {
    async fn import(
        &self,
        importing: Importing,
        told: impl FnMut(ImportItem) + Send,
    ) -> Result<ImportReport> {
        let pairs = importing.pairs();
        let lines = self
            .client
            .import(&pairs, archive(importing.source)?)
            .await?;
        tell(lines, &mut Each(told)).await
    }
}

/// The same limits as on this machine: a ZIP that is no file has no directory to begin with.
fn archive(source: ArchiveSource) -> Result<Archive> {
    match source {
        ArchiveSource::File(file) => Ok(Archive {
            size_bytes: Some(length(&file)?),
            reader: Box::new(file),
        }),
        ArchiveSource::Stream(mut stream) => {
            let mut begin = Vec::new();
            (&mut stream)
                .take(4)
                .read_to_end(&mut begin)
                .map_err(unreadable)?;
            if begin.starts_with(b"PK") {
                return Err(
                    Error::invalid_input("a ZIP archive can't be read from a pipe")
                        .with_hint("its directory is at its end: name the file"),
                );
            }
            Ok(Archive {
                reader: Box::new(io::Cursor::new(begin).chain(stream)),
                size_bytes: None,
            })
        }
    }
}

fn length(file: &File) -> Result<u64> {
    Ok(file.metadata().map_err(unreadable)?.len())
}

fn unreadable(cause: io::Error) -> Error {
    Error::new(ErrorKind::Internal, "the archive can't be read").with_source(cause)
}
