//! Uploads that stood still for too long go away: when the server starts, and every few minutes.

use std::fs;
use std::io;
use std::time::Duration;

use artifact_domain::{Result, Timestamp};

use super::files::{changed_at, remove};
use super::id::UploadId;
use super::spool::{COMPRESSED, Found, Spool};
use super::{blocking, fault};
use crate::state::App;

/// How often it is looked.
const INTERVAL: Duration = Duration::from_mins(5);

/// Removes what has expired, now and from time to time; never ends.
pub(crate) async fn keep_swept(app: &App) {
    loop {
        let (spool, now) = (app.uploads.spool.clone(), app.own_store().now());
        match blocking(move || spool.sweep(now)).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "resumable uploads have expired and are removed"),
            Err(error) => tracing::warn!(error = %error, "expired uploads could not be removed"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

impl Spool {
    /// Removes what has expired at `now`, and says how many uploads that were. What somebody works on
    /// stays, and so do files that are none of an upload.
    pub(super) fn sweep(&self, now: Timestamp) -> Result<usize> {
        let entries = match fs::read_dir(self.folder()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(fault(self.folder(), error)),
        };
        let mut swept = 0;
        for entry in entries {
            let entry = entry.map_err(|error| fault(self.folder(), error))?;
            let name = entry.file_name();
            let named = name.to_str().and_then(|name| name.split_once('.'));
            let Some((id, extension)) = named else {
                continue;
            };
            let Some(id) = UploadId::parse(id) else {
                continue;
            };
            let path = entry.path();
            if self.is_young(changed_at(&path)?, now) {
                continue;
            }
            match extension {
                "part" => swept += usize::from(self.expire(id, now)?),
                // That of an upload with bytes goes with them.
                "json" | COMPRESSED if path.with_extension("part").exists() => {}
                "json" | "json.tmp" | COMPRESSED => remove(&path)?,
                _ => {}
            }
        }
        Ok(swept)
    }

    /// Removes an upload if it has expired and nobody works on it.
    fn expire(&self, id: UploadId, now: Timestamp) -> Result<bool> {
        match self.open(id, now)? {
            Found::Expired(Some(held)) => {
                held.remove()?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
