//! The stores of the colder tiers: folders, shared where two tiers have the same one, refused where
//! one lies in another, and told from a disk that is merely not mounted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use artifact_app::Tiers;
use artifact_domain::port::{
    ArtifactIndex, BlobFailure, BlobListing, BlobStat, BlobStore, ByteStream, Capabilities,
    PresignRequest, PresignedUrl, PutOptions, Swept,
};
use artifact_domain::{BlobKey, BlobPrefix, ByteRange, Error, ErrorKind, Result, Tier, Timestamp};

use crate::settings::rules::refuse_nested;
use crate::settings::{Backend, Settings};
use crate::wiring::files;

/// What a folder has in it that has blobs.
const BLOB_FOLDER: &str = "artifacts";

/// Opens the stores of the colder tiers. `index` says whether a tier has versions; where nobody can
/// tell, a folder that is not there counts as one that is away.
pub(crate) async fn open(settings: &Settings, index: Option<&dyn ArtifactIndex>) -> Result<Tiers> {
    if settings.backend != Backend::Fs {
        return Ok(Tiers::default());
    }
    let hot = Place::of("base_path", &settings.base_path);
    let warm = settings.tiers.warm.base_path.as_deref();
    let warm = warm.map(|path| Place::of("tiers.warm.base_path", path));
    let cold = settings.tiers.cold.base_path.as_deref();
    let cold = cold.map(|path| Place::of("tiers.cold.base_path", path));
    for (one, other) in [
        (warm.as_ref(), Some(&hot)),
        (cold.as_ref(), Some(&hot)),
        (cold.as_ref(), warm.as_ref()),
    ] {
        if let (Some(one), Some(other)) = (one, other) {
            refuse_nested((one.key, &one.real), (other.key, &other.real))?;
        }
    }
    let warm = warm.filter(|place| place.real != hot.real);
    let cold = cold.filter(|place| place.real != hot.real);
    let is_shared = match (&warm, &cold) {
        (Some(warm), Some(cold)) => warm.real == cold.real,
        _ => false,
    };
    let warm = match warm {
        Some(place) => Some(place.open(Tier::Warm, settings, index).await?),
        None => None,
    };
    let cold = match cold {
        Some(_) if is_shared => warm.clone(),
        Some(place) => Some(place.open(Tier::Cold, settings, index).await?),
        None => None,
    };
    Ok(Tiers { warm, cold })
}

/// A folder of the settings.
struct Place<'a> {
    key: &'static str,
    path: &'a Path,
    /// The same without links, as far as it is there.
    real: PathBuf,
}

impl<'a> Place<'a> {
    fn of(key: &'static str, path: &'a Path) -> Self {
        let real = real(path);
        Self { key, path, real }
    }

    async fn open(
        &self,
        tier: Tier,
        settings: &Settings,
        index: Option<&dyn ArtifactIndex>,
    ) -> Result<Arc<dyn BlobStore>> {
        let has_blobs = self.path.join(BLOB_FOLDER).is_dir();
        if !has_blobs && self.should_have_blobs(tier, index).await? {
            let away = Away {
                key: self.key,
                path: self.path.to_owned(),
            };
            return Ok(Arc::new(away));
        }
        let opened = files(settings, self.path.to_owned());
        opened.map_err(|error| error.context(format!("`{}`", self.key)))
    }

    /// A folder without blobs is one to begin with, unless versions were moved there.
    async fn should_have_blobs(
        &self,
        tier: Tier,
        index: Option<&dyn ArtifactIndex>,
    ) -> Result<bool> {
        let Some(index) = index else {
            return Ok(!self.path.is_dir());
        };
        let usage = index.usage().await?;
        Ok(usage.iter().any(|row| row.tier == tier && row.count > 0))
    }
}

/// A path without links and dots: that of the part that is there, and the rest as it stands.
fn real(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// A folder that is not there though it should have blobs: its disk may not be mounted. To make it
/// anew would write to another disk, and let everything in it seem lost.
#[derive(Debug)]
struct Away {
    key: &'static str,
    path: PathBuf,
}

impl Away {
    fn error(&self) -> Error {
        let path = self.path.display();
        let message = format!("the blobs below `{}` ({path}) are away", self.key);
        let folder = self.path.join(BLOB_FOLDER);
        let folder = folder.display();
        let there = self.path.ancestors().find(|path| path.exists());
        let hint = match there {
            Some(file) if !file.is_dir() => {
                let (file, key) = (file.display(), self.key);
                format!("{file} is no folder: set `{key}` to the folder that has them")
            }
            _ => format!(
                "mount its disk; if the folder is a new one, make it with `mkdir -p {folder}`"
            ),
        };
        // A store is looked for when it is opened, so a try that follows finds it as this one did.
        Error::new(ErrorKind::Unavailable, message)
            .lasting()
            .with_hint(hint)
    }
}

#[async_trait::async_trait]
impl BlobStore for Away {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn put(&self, _: BlobKey, _: ByteStream, _: PutOptions) -> Result<BlobStat> {
        Err(self.error())
    }

    async fn get(&self, _: BlobKey, _: Option<ByteRange>) -> Result<ByteStream> {
        Err(self.error())
    }

    async fn stat(&self, _: BlobKey) -> Result<BlobStat> {
        Err(self.error())
    }

    async fn list(&self, _: BlobPrefix) -> Result<BlobListing> {
        Err(self.error())
    }

    async fn delete(&self, _: Vec<BlobKey>) -> Result<Vec<BlobFailure>> {
        Err(self.error())
    }

    async fn presign(&self, _: BlobKey, _: PresignRequest) -> Result<PresignedUrl> {
        Err(self.error())
    }

    async fn copy_to_tier(&self, _: BlobKey, _: BlobKey, _: Tier) -> Result<BlobStat> {
        Err(self.error())
    }

    async fn restore(&self, _: BlobKey, _: u32) -> Result<bool> {
        Err(self.error())
    }

    async fn leftovers(&self, _: Timestamp) -> Result<Swept> {
        Err(self.error())
    }

    async fn sweep(&self, _: Timestamp) -> Result<Swept> {
        Err(self.error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_yet_is_below_what_is() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&base, base.join("link")).unwrap();
        let through = real(&base.join("link/new/cold"));
        assert_eq!(through, base.join("new/cold"));
        assert_eq!(real(&base), base);
    }
}
