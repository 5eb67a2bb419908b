//! What is written down of an upload on its way, beside its bytes. Replaced as a whole, so that it is
//! read as it was or as it is to be.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use artifact_domain::{ArtifactId, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::fault;
use super::files::sync_folder_of;

/// The form that is written; another one is not read.
const FORMAT: u32 = 1;

/// What is known of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Info {
    format: u32,
    /// `Upload-Metadata` as it was sent.
    pub(super) metadata: String,
    pub(super) created_at: Timestamp,
    /// How many bytes there will be, once that is said.
    pub(super) length: Option<u64>,
    /// Where bytes begin that no checksum was compared with yet: nobody has been told of them.
    pub(super) unverified_from: Option<u64>,
    /// The id under which its bytes were given to the store last, written down before they were.
    pub(super) attempt: Option<ArtifactId>,
    /// The artifact that it has become.
    pub(super) artifact: Option<ArtifactId>,
}

impl Info {
    /// Of an upload without bytes.
    pub(super) fn new(metadata: String, length: Option<u64>, created_at: Timestamp) -> Self {
        Self {
            format: FORMAT,
            metadata,
            created_at,
            length,
            unverified_from: None,
            attempt: None,
            artifact: None,
        }
    }

    /// Reads it; none where there is none.
    pub(super) fn load(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault(path, error)),
        };
        let info: Self = serde_json::from_slice(&text)
            .map_err(|cause| fault(path, io::Error::new(io::ErrorKind::InvalidData, cause)))?;
        if info.format != FORMAT {
            let message = format!("format {} is not known", info.format);
            return Err(fault(path, io::Error::other(message)));
        }
        Ok(Some(info))
    }

    /// Writes it so that it survives the loss of power, and nothing but the whole of it is ever seen.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let temporary = path.with_extension("json.tmp");
        let save = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            sync_folder_of(path)
        };
        save().map_err(|error| {
            // It is swept too.
            let _ = fs::remove_file(&temporary);
            fault(path, error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was_and_what_is_no_info_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        assert_eq!(Info::load(&path).unwrap(), None);
        let mut info = Info::new("name YQ==".to_owned(), Some(3), Timestamp::UNIX_EPOCH);
        info.save(&path).unwrap();
        assert_eq!(Info::load(&path).unwrap(), Some(info.clone()));
        info.unverified_from = Some(2);
        info.save(&path).unwrap();
        assert_eq!(Info::load(&path).unwrap(), Some(info));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        for bad in ["", "{}", "{\"format\":2}"] {
            fs::write(&path, bad).unwrap();
            assert!(Info::load(&path).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_form_that_is_written_stays_readable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let golden = "{\"format\":1,\"metadata\":\"name YQ==\",\"created_at\":\
                      \"2026-03-01T12:00:00Z\",\"length\":3,\"unverified_from\":null,\
                      \"attempt\":\"019ca95c-5a00-7000-8000-000000000000\",\"artifact\":null}";
        fs::write(&path, golden).unwrap();
        let info = Info::load(&path).unwrap().unwrap();
        info.save(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), golden);
    }
}
