//! What a sandbox has stored, as a test finds it: blobs, metadata, the index. Knows no program.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::Sandbox;
use super::service::Service;
use crate::mirror::Mirror;

impl Sandbox {
    /// The folder of the store, or what is in it; what is below `artifacts` may be in a bucket. It is
    /// up to date then, and again whenever [`Sandbox::run`] has run the program.
    pub fn store(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.end_server();
        if relative.as_ref().starts_with("artifacts") {
            if let Some(mirror) = self.mirror() {
                mirror.look();
            }
            return self.blobs_folder().join(relative);
        }
        self.root().join("store").join(relative)
    }

    /// Whether nothing is left at a place below `artifacts`, and no folder either. A bucket has none:
    /// there those do not count that its service leaves.
    pub fn is_gone(&self, relative: &str) -> bool {
        let path = self.store(relative);
        let mut files = Vec::new();
        crate::tree::files_below(&path, &mut files);
        files.is_empty() && (self.has_bucket() || !path.exists())
    }

    /// How many bytes an upload may hold in memory: what is sent beyond them is on its way into the
    /// store. A bucket takes them in parts, of which some are filled before any is sent.
    pub fn held_in_memory(&self) -> usize {
        if self.has_bucket() { 24 << 20 } else { 1 << 20 }
    }

    /// Every file that the store keeps bytes of artifacts in, whole or on their way, sorted.
    pub fn blobs(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in ["artifacts", ".tmp"] {
            crate::tree::files_below(&self.store(folder), &mut found);
        }
        found.retain(|path| !self.is_metadata(path));
        found.extend(self.parts());
        found.sort();
        found
    }

    /// How many bytes those are. A bucket is asked for that alone, which is quicker.
    pub fn stored_bytes(&self) -> u64 {
        // One that goes meanwhile has no bytes any more.
        let length = |path: PathBuf| Some(fs::metadata(path).ok()?.len());
        let Some(mirror) = self.mirror() else {
            return self.blobs().into_iter().filter_map(length).sum();
        };
        let listed = mirror.lengths().into_iter();
        let blobs = listed.filter(|(path, _)| !self.is_metadata(path));
        let parts = mirror.parts().into_iter().filter_map(length);
        blobs.map(|(_, length)| length).chain(parts).sum()
    }

    /// Grows with each byte that comes into the store, whether or not anything shows it.
    pub fn arrived_bytes(&self) -> u64 {
        self.stored_bytes() + self.mirror().map_or(0, Mirror::hidden_bytes)
    }

    /// The parts of uploads to the bucket that are not published.
    fn parts(&self) -> Vec<PathBuf> {
        let folder = match &self.service {
            Some(Service::Folder { .. }) => self.root().join("s3"),
            Some(Service::Mirrored(mirror)) => return mirror.parts(),
            None => return Vec::new(),
        };
        let entries = fs::read_dir(folder).expect("the folder of the service can be listed");
        let paths = entries.flatten().map(|entry| entry.path());
        let is_part = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(".upload_id-") && name.contains(".part-")
        };
        paths.filter(is_part).collect()
    }

    /// Every file of the metadata beside the bytes, sorted.
    pub fn metadata(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        crate::tree::files_below(&self.store("artifacts"), &mut found);
        found.retain(|path| self.is_metadata(path));
        found.sort();
        found
    }

    /// The index, whichever engine it is on: the files and folders to take away to lose it.
    pub fn index_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.store("")).expect("the store can be listed");
        let mut found: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        found.retain(|path| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().starts_with("index.")
        });
        found.sort();
        found
    }

    /// `artifacts/SPEC/TASK/metadata.json` or what is below `artifacts/SPEC/TASK/metadata`.
    fn is_metadata(&self, path: &Path) -> bool {
        const SPEC_AND_TASK: usize = 2;
        let below = path.strip_prefix(self.blobs_folder().join("artifacts"));
        below.is_ok_and(|below| {
            let third = below.components().nth(SPEC_AND_TASK);
            third.is_some_and(|third| {
                [OsStr::new("metadata"), OsStr::new("metadata.json")].contains(&third.as_os_str())
            })
        })
    }

    /// Asserts that nothing is in the store: nothing to be found in any state, and no bytes.
    #[track_caller]
    pub fn assert_empty(&self) {
        let states = ["uploading", "active", "archived", "deleted"];
        let mut args = vec!["search", "--all-versions"];
        args.extend(states.iter().flat_map(|state| ["--state", state]));
        assert_eq!(self.ok(&args), "", "something is in the index");
        assert_eq!(self.blobs(), Vec::<PathBuf>::new(), "bytes are left");
    }
}
