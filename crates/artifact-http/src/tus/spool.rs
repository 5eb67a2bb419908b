//! The files of uploads on their way: `ID.part`, whose length is the offset, `ID.json`, what is known of
//! it, and `ID.gz`, the compressed form of bytes that went on into the store as they came. Whoever works on
//! one holds a lock on its `.part`, which other servers over the same folder see too, and which ends with
//! its process. All of it blocks. Knows no HTTP.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use artifact_app::rescue;
use artifact_domain::{ArtifactId, Error, Result, Timestamp};
use bytes::Bytes;

use super::fault;
use super::files::{changed_at, remove, sync_folder_of};
use super::id::UploadId;
use super::info::Info;

/// How the name of the compressed form ends.
pub(super) const COMPRESSED: &str = "gz";

/// The folder of all uploads on their way.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    folder: PathBuf,
    /// For how long an upload may stand still.
    expiry: Duration,
}

/// What is found under an id.
#[derive(Debug)]
pub(super) enum Found {
    /// An upload on its way, which nobody else can work on meanwhile.
    Held(Held),
    /// An upload that has become an artifact.
    Done(Done),
    /// Somebody works on it.
    Busy,
    /// It stood still for too long; held if there are bytes of it.
    Expired(Option<Held>),
    /// Nothing.
    Nothing,
}

/// An upload that has become an artifact.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) info: Info,
    pub(super) artifact: ArtifactId,
    /// When it is forgotten.
    pub(super) expires_at: Timestamp,
}

impl Spool {
    pub(super) fn new(folder: PathBuf, expiry: Duration) -> Self {
        Self { folder, expiry }
    }

    fn path(&self, id: UploadId, extension: &str) -> PathBuf {
        self.folder.join(format!("{id}.{extension}"))
    }

    /// Whether what was changed then has not expired.
    pub(super) fn is_young(&self, changed_at: Timestamp, now: Timestamp) -> bool {
        changed_at.saturating_add(self.expiry) > now
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins an upload; nobody but its creator knows of it yet.
    pub(super) fn create(&self, info: Info) -> Result<Held> {
        let id = UploadId::random();
        let (part, json) = (self.path(id, "part"), self.path(id, "json"));
        let create = || {
            fs::create_dir_all(&self.folder)?;
            let file = part_file().create_new(true).open(&part)?;
            file.try_lock().map_err(io::Error::from)?;
            Ok(file)
        };
        let file = create().map_err(|error| fault(&part, error))?;
        let held = Held {
            id,
            info,
            offset: 0,
            expiry: self.expiry,
            file,
            part,
            json,
        };
        // The folder may be new itself.
        let saved = held.info.save(&held.json).and_then(|()| {
            sync_folder_of(&self.folder).map_err(|error| fault(&self.folder, error))
        });
        match saved {
            Ok(()) => Ok(held),
            Err(error) => {
                let _ = held.remove();
                Err(error)
            }
        }
    }

    /// What was sent of what an upload will be, whoever works on it; none where there is none.
    pub(super) fn metadata(&self, id: UploadId) -> Result<Option<String>> {
        let info = Info::load(&self.path(id, "json"))?;
        Ok(info.map(|info| info.metadata))
    }

    /// Looks an upload up and takes hold of it if it is on its way.
    pub(super) fn open(&self, id: UploadId, now: Timestamp) -> Result<Found> {
        let (part, json) = (self.path(id, "part"), self.path(id, "json"));
        let file = match part_file().open(&part) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.without_bytes(&json, now);
            }
            Err(error) => return Err(fault(&part, error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Found::Busy),
            Err(TryLockError::Error(error)) => return Err(fault(&part, error)),
        }
        // Who creates or removes an upload holds it, so these are bytes that a crash has left.
        let Some(info) = Info::load(&json)? else {
            remove(&part.with_extension(COMPRESSED))?;
            remove(&part)?;
            return Ok(Found::Nothing);
        };
        let offset = file.metadata().map_err(|error| fault(&part, error))?.len();
        let mut held = Held {
            id,
            info,
            offset,
            expiry: self.expiry,
            file,
            part,
            json,
        };
        if held.info.artifact.is_some() {
            held.remove_part()?;
            return self.without_bytes(&held.json, now);
        }
        if held.expires_at()? <= now {
            return Ok(Found::Expired(Some(held)));
        }
        if let Some(offset) = held.info.unverified_from {
            held.cut(offset)?;
            held.info.unverified_from = None;
            held.save()?;
        }
        Ok(Found::Held(held))
    }

    /// An upload of which there are no bytes any more.
    fn without_bytes(&self, json: &Path, now: Timestamp) -> Result<Found> {
        let Some(info) = Info::load(json)? else {
            return Ok(Found::Nothing);
        };
        let Some(artifact) = info.artifact else {
            return Ok(Found::Nothing);
        };
        let changed_at = changed_at(json)?;
        if !self.is_young(changed_at, now) {
            return Ok(Found::Expired(None));
        }
        Ok(Found::Done(Done {
            info,
            artifact,
            expires_at: changed_at.saturating_add(self.expiry),
        }))
    }

    /// Forgets an upload that has become an artifact.
    pub(super) fn forget(&self, id: UploadId) -> Result<()> {
        let json = self.path(id, "json");
        remove(&json)?;
        sync_folder_of(&json).map_err(|error| fault(&json, error))
    }
}

/// An upload that this process alone works on.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: UploadId,
    /// What is known of it; [`save`](Self::save) writes it down.
    pub(super) info: Info,
    offset: u64,
    expiry: Duration,
    /// Locked as long as it is open.
    file: File,
    part: PathBuf,
    json: PathBuf,
}

impl Held {
    /// How many bytes there are.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether all bytes are there.
    pub(super) fn is_whole(&self) -> bool {
        self.info.length == Some(self.offset)
    }

    /// Sets the length that was left open, and says whether it was.
    pub(super) fn set_length(&mut self, length: u64) -> Result<bool> {
        let wrong = match self.info.length {
            None if length >= self.offset => {
                self.info.length = Some(length);
                return Ok(true);
            }
            None => format!("the upload has {} bytes already", self.offset),
            Some(said) if said == length => return Ok(false),
            Some(said) => format!("the upload was said to have {said} bytes"),
        };
        Err(Error::invalid_input(format!("{wrong}, not {length}")))
    }

    /// When it is thrown away unless something comes before.
    pub(super) fn expires_at(&self) -> Result<Timestamp> {
        let of_bytes = changed_at(&self.part)?.max(changed_at(&self.compressed_path())?);
        let changed = of_bytes.max(changed_at(&self.json)?);
        Ok(changed.saturating_add(self.expiry))
    }

    /// Adds bytes. After an error some of them may be there.
    pub(super) fn append(&mut self, chunks: &[Bytes]) -> Result<()> {
        let mut chunks = chunks.iter();
        let written = chunks.try_for_each(|chunk| self.file.write_all(chunk));
        let metadata = written.and_then(|()| self.file.metadata());
        match metadata {
            Ok(metadata) => self.offset = metadata.len(),
            Err(error) => {
                self.offset = self.file.metadata().map_or(self.offset, |now| now.len());
                return Err(fault(&self.part, error));
            }
        }
        Ok(())
    }

    /// Counts bytes that are not added: their compressed form is written down.
    pub(super) fn pass_by(&mut self, count: u64) {
        self.offset += count;
    }

    /// Adds what is there of the compressed form, if there is one, and removes that. After an error all is as it was,
    /// and can be tried again.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.offset = self.length_of_part()?;
        let path = self.compressed_path();
        let compressed = match File::open(&path) {
            Ok(compressed) => compressed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(fault(&path, error)),
        };
        let before = self.offset;
        let added = rescue(compressed, before, &mut self.file).and_then(|()| self.file.sync_all());
        if let Err(error) = added {
            // There is room again for who needs less.
            let _ = self.file.set_len(before);
            return Err(fault(&path, error));
        }
        self.offset = self.length_of_part()?;
        remove(&path)
    }

    fn length_of_part(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(|error| fault(&self.part, error))?.len())
    }

    /// Makes what was added survive the loss of power.
    pub(super) fn sync(&self) -> Result<()> {
        let synced = self.file.sync_all();
        synced.map_err(|error| fault(&self.part, error))
    }

    /// Throws away what is beyond `offset`.
    pub(super) fn cut(&mut self, offset: u64) -> Result<()> {
        remove(&self.compressed_path())?;
        let length = self.length_of_part()?.min(offset);
        let cut = self.file.set_len(length);
        cut.map_err(|error| fault(&self.part, error))?;
        self.offset = length;
        self.sync()
    }

    /// Writes down what is known.
    pub(super) fn save(&self) -> Result<()> {
        self.info.save(&self.json)
    }

    /// Reads its bytes from the first one on.
    pub(super) fn reader(&self) -> Result<File> {
        File::open(&self.part).map_err(|error| fault(&self.part, error))
    }

    /// Where its compressed form may be written while its bytes go on into the store.
    pub(super) fn compressed_path(&self) -> PathBuf {
        self.part.with_extension(COMPRESSED)
    }

    /// Where its bytes are. Once all are there nothing is written any more: the file may have become a blob.
    pub(super) fn path(&self) -> &Path {
        &self.part
    }

    /// Remembers what it has become, and removes its bytes.
    pub(super) fn finish(mut self, artifact: ArtifactId) -> Result<()> {
        self.info.artifact = Some(artifact);
        self.save()?;
        self.remove_part()
    }

    /// Removes it with all that came.
    pub(super) fn remove(self) -> Result<()> {
        // Without what is known of it, it is no upload any more.
        remove(&self.json)?;
        self.remove_part()
    }

    fn remove_part(&self) -> Result<()> {
        remove(&self.compressed_path())?;
        remove(&self.part)?;
        sync_folder_of(&self.part).map_err(|error| fault(&self.part, error))
    }
}

fn part_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    options
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
