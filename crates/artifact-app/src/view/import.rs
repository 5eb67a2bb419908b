//! What became of the files of an archive, as documents.

use artifact_api::{Artifact, ImportItem, ImportOutcome, ImportReport};

use crate::{ImportOutcome as Outcome, Sight};

/// A file. Of what others have stored no more is shown than whoever imports may see.
pub fn item(item: &crate::ImportItem) -> ImportItem {
    let (outcome, artifact, fault) = match &item.outcome {
        Outcome::Imported(uploaded) => {
            let artifact = Artifact::from(&uploaded.record);
            (ImportOutcome::Imported, Some(artifact), None)
        }
        Outcome::Present(record) => {
            let artifact = Artifact::from(&**record);
            let artifact = match item.sight {
                Sight::Whole => artifact,
                Sight::Outline => artifact.outline(),
            };
            (ImportOutcome::Present, Some(artifact), None)
        }
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
        artifact: artifact.map(Box::new),
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
