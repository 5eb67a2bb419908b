//! What became of the files of an archive, as documents.

use artifact_api::{Artifact, ImportItem, ImportOutcome, ImportReport};

use crate::ImportOutcome as Outcome;

/// A file.
pub fn item(item: &crate::ImportItem) -> ImportItem {
    let (outcome, record, fault) = match &item.outcome {
        Outcome::Imported(uploaded) => (ImportOutcome::Imported, Some(&uploaded.record), None),
        Outcome::Present(record) => (ImportOutcome::Present, Some(&**record), None),
        Outcome::Planned => (ImportOutcome::Planned, None, None),
        Outcome::Older => (ImportOutcome::Older, None, None),
        Outcome::Failed(error) => (ImportOutcome::Failed, None, Some(error.into())),
    };
    let warning = match &item.outcome {
        Outcome::Imported(uploaded) => uploaded.warning(),
        _ => None,
    };
    ImportItem {
        path: item.path.clone(),
        uri: item.uri.clone(),
        size_bytes: item.size_bytes,
        outcome,
        artifact: record.map(|record| Box::new(Artifact::from(record))),
        warning,
        fault,
    }
}

/// All of them.
pub fn report(report: &crate::ImportReport, dry_run: bool) -> ImportReport {
    ImportReport {
        dry_run,
        failed: report.failed,
        imported: report.imported,
        older: report.older,
        present: report.present,
        size_bytes: report.size_bytes,
    }
}
