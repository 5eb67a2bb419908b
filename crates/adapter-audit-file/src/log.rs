//! The log as its port has it: what blocks is done on threads that may.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use artifact_domain::access::{AuditEntry, AuditFilter};
use artifact_domain::port::AuditLog;
use artifact_domain::{Error, ErrorKind, Result};
use async_trait::async_trait;

use crate::read;
use crate::write::Writer;

/// When a file is put aside, and for how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// From how many bytes on a file is put aside.
    pub max_bytes: u64,
    /// How many of those that were put aside are kept.
    pub keep: u32,
}

impl Default for Rotation {
    /// Ten files of 64 MiB beside the one that is written.
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            keep: 10,
        }
    }
}

/// An audit log in files. Cloning it is cheap and gives the same.
#[derive(Debug, Clone)]
pub struct AuditFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    rotation: Rotation,
    writer: Mutex<Writer>,
}

impl AuditFile {
    /// The log whose newest entries are in the file at `path`, which need not be there.
    pub fn new(path: PathBuf, rotation: Rotation) -> Self {
        Self(Arc::new(Inner {
            writer: Mutex::new(Writer::new(path.clone(), rotation)),
            path,
            rotation,
        }))
    }
}

#[async_trait]
impl AuditLog for AuditFile {
    async fn append(&self, entry: AuditEntry) -> Result<()> {
        let this = Arc::clone(&self.0);
        blocking(move || {
            // It has no key that is no text.
            let mut line = serde_json::to_vec(&entry).unwrap_or_default();
            line.push(b'\n');
            let mut writer = this.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer
                .append(&line)
                .map_err(|error| fault(&this.path, error))
        })
        .await
    }

    async fn query(&self, filter: AuditFilter) -> Result<Vec<AuditEntry>> {
        let this = Arc::clone(&self.0);
        blocking(move || {
            read::last(&this.path, this.rotation.keep, &filter)
                .map_err(|error| fault(&this.path, error))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|fault| {
        Error::new(ErrorKind::Internal, "work on the audit log stopped").with_source(fault)
    })?
}

fn fault(path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        _ => ErrorKind::Internal,
    };
    let message = format!("the audit log {} can't be worked with", path.display());
    Error::new(kind, message).with_source(error)
}
