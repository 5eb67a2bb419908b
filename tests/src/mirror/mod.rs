//! A folder that shows what is in a bucket, and through which a test changes it: what the test looks
//! at is fetched, and what it wrote, damaged or removed there is in the bucket before the program
//! runs again. Knows no service but as a [`Remote`].

mod google;
mod s3;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

pub(crate) use google::Google;
pub(crate) use s3::S3;

use crate::servers::Headers;

/// What is larger than that goes with the sandbox: the services of the tests keep all in memory.
const LARGE: u64 = 256 << 10;
/// When files of a mirror were written, by their own word: what says otherwise was changed.
const WRITTEN_S: u64 = 1_000_000_000;

/// One bucket.
pub(crate) trait Remote: Debug + Send + Sync {
    /// Everything in it.
    fn list(&self) -> Vec<Listed>;

    /// Fetches objects into files; none for one that has gone.
    fn fetch(&self, wanted: &[(String, PathBuf)]) -> Vec<Option<Headers>>;

    fn put(&self, objects: &[(String, PathBuf, Headers)]);

    fn delete(&self, keys: &[String]);

    /// The parts of uploads that are not published, as far as the service tells of them: names that
    /// stay the same, and lengths.
    fn parts(&self) -> Vec<(String, u64)>;

    /// How many bytes have come for uploads, if the service does not tell of their parts.
    fn hidden_bytes(&self) -> Option<u64>;

    /// Gives up the uploads that are not published.
    fn abort_uploads(&self);
}

/// One object in a listing.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size_bytes: u64,
    /// Another one for other bytes.
    pub(crate) tag: String,
}

/// A file as it was fetched.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    written: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self {
            inode: found.ino(),
            length: found.len(),
            written: (found.mtime(), found.mtime_nsec()),
        })
    }
}

#[derive(Debug)]
struct Known {
    tag: String,
    stamp: Stamp,
    headers: Headers,
}

/// What the folder had when it was last the same as the bucket.
#[derive(Debug, Default)]
struct State {
    known: BTreeMap<String, Known>,
    fetched: u32,
}

impl State {
    fn know(&mut self, key: String, tag: String, stamp: Stamp, headers: Headers) {
        let known = Known {
            tag,
            stamp,
            headers,
        };
        self.known.insert(key, known);
    }
}

/// A bucket and its folder. Dropped, large objects of the bucket are gone.
#[derive(Debug)]
pub(crate) struct Mirror {
    remote: Box<dyn Remote>,
    root: PathBuf,
    /// Whether anybody has looked: before, there is nothing that could have been changed.
    is_looked_at: AtomicBool,
    state: Mutex<State>,
}

impl Mirror {
    /// A mirror of a bucket, with its folders in `root`.
    pub(crate) fn new(remote: impl Remote + 'static, root: PathBuf) -> Self {
        for folder in ["bucket", "parts", "fetched"] {
            fs::create_dir_all(root.join(folder)).expect("folders can be made");
        }
        Self {
            remote: Box::new(remote),
            root,
            is_looked_at: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// The folder: each object is a file, at its key.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join("bucket")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked has said why.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings what was changed in the folder into the bucket, and what is in the bucket into the
    /// folder.
    pub(crate) fn look(&self) {
        let mut state = self.state();
        if self.is_looked_at.swap(true, Ordering::SeqCst) {
            self.push(&mut state);
        }
        self.pull(&mut state);
    }

    /// The same, if anybody has ever looked: paths may be in hand.
    pub(crate) fn look_again(&self) {
        if self.is_looked_at.load(Ordering::SeqCst) {
            self.look();
        }
    }

    /// Where each object would be in the folder, and how long it is.
    pub(crate) fn lengths(&self) -> Vec<(PathBuf, u64)> {
        self.settle();
        let listed = self.remote.list().into_iter();
        let folder = self.folder();
        listed
            .map(|object| (folder.join(object.key), object.size_bytes))
            .collect()
    }

    /// Brings what was changed in the folder into the bucket.
    pub(crate) fn settle(&self) {
        if self.is_looked_at.load(Ordering::SeqCst) {
            self.push(&mut self.state());
        }
    }

    fn push(&self, state: &mut State) {
        let folder = self.folder();
        let mut files = Vec::new();
        crate::tree::files_below(&folder, &mut files);
        let mut there = BTreeSet::new();
        let mut changed = Vec::new();
        for path in files {
            let key = path.strip_prefix(&folder).expect("it lies there");
            let key = key.to_str().expect("keys are text").to_owned();
            let known = state.known.get(&key);
            if known.is_none_or(|known| Some(&known.stamp) != Stamp::of(&path).as_ref()) {
                let headers = known.map_or_else(|| guessed(&key), |known| known.headers.clone());
                changed.push((key.clone(), path, headers));
            }
            there.insert(key);
        }
        let known = state.known.keys();
        let gone: Vec<_> = known.filter(|key| !there.contains(*key)).cloned().collect();
        if !changed.is_empty() {
            self.remote.put(&changed);
        }
        if !gone.is_empty() {
            self.remote.delete(&gone);
        }
        state.known.retain(|key, _| there.contains(key));
        for (key, path, headers) in changed {
            // It is fetched again when somebody looks, so no tag is known.
            if let Some(stamp) = Stamp::of(&path) {
                state.know(key, String::new(), stamp, headers);
            }
        }
    }

    fn pull(&self, state: &mut State) {
        let listed = self.remote.list();
        let mut gone: BTreeSet<_> = state.known.keys().cloned().collect();
        let mut wanted = Vec::new();
        let mut tags = Vec::new();
        for Listed { key, tag, .. } in listed {
            let known = state.known.get(&key);
            if known.is_some_and(|known| known.tag == tag) {
                gone.remove(&key);
                continue;
            }
            state.fetched += 1;
            let path = self.root.join("fetched").join(state.fetched.to_string());
            wanted.push((key, path));
            tags.push((state.fetched, tag));
        }
        let fetched = match wanted.len() {
            0 => Vec::new(),
            _ => self.remote.fetch(&wanted),
        };
        for (((key, fetched), (number, tag)), headers) in wanted.into_iter().zip(tags).zip(fetched)
        {
            let Some(headers) = headers else { continue };
            gone.remove(&key);
            mark(&fetched, number);
            let stamp = self.take_in(&fetched, &key);
            state.know(key, tag, stamp, headers);
        }
        for key in gone {
            state.known.remove(&key);
            self.take_away(&self.folder().join(key));
        }
    }

    /// Moves what was fetched to where it belongs: whoever looks meanwhile sees all of it.
    fn take_in(&self, fetched: &Path, key: &str) -> Stamp {
        let path = self.folder().join(key);
        let parent = path.parent().expect("it lies in a folder");
        fs::create_dir_all(parent).expect("folders can be made");
        fs::rename(fetched, &path).expect("files can be moved");
        Stamp::of(&path).expect("it is there")
    }

    /// Removes a file, and the folders above it that are empty then.
    fn take_away(&self, path: &Path) {
        let _ = fs::remove_file(path);
        let folder = self.folder();
        let above = path.ancestors().skip(1);
        let mut own = above.take_while(|above| above.starts_with(&folder) && **above != *folder);
        // The first that is not empty ends it.
        while own
            .next()
            .is_some_and(|folder| fs::remove_dir(folder).is_ok())
        {}
    }

    /// The parts of uploads that are not published: files of their lengths, without their bytes.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let _one_at_a_time = self.state();
        let folder = self.root.join("parts");
        let mut old = Vec::new();
        crate::tree::files_below(&folder, &mut old);
        let parts = self.remote.parts().into_iter();
        let parts: Vec<_> = parts
            .map(|(name, length)| {
                let path = folder.join(name);
                let file = fs::File::create(&path).expect("files can be made");
                file.set_len(length).expect("lengths can be set");
                path
            })
            .collect();
        for path in old.iter().filter(|path| !parts.contains(path)) {
            let _ = fs::remove_file(path);
        }
        parts
    }

    /// How many bytes have come for uploads of whose parts the service does not tell.
    pub(crate) fn hidden_bytes(&self) -> u64 {
        self.remote.hidden_bytes().unwrap_or_default()
    }

    /// Whether the service tells of the parts of uploads.
    pub(crate) fn tells_parts(&self) -> bool {
        self.remote.hidden_bytes().is_none()
    }
}

/// Lets a file say that it was written long ago, no two of them at the same time.
fn mark(path: &Path, number: u32) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(WRITTEN_S, number);
    let file = fs::File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(time))
        .expect("times can be changed");
}

/// What comes with an object that the test has made up.
fn guessed(key: &str) -> Headers {
    let is_packed = Path::new(key).extension() == Some("gz".as_ref());
    Headers {
        content_type: "application/octet-stream".to_owned(),
        content_encoding: if is_packed { "gzip" } else { "" }.to_owned(),
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os("E2E_KEEP").is_some() {
            return;
        }
        self.remote.abort_uploads();
        let mut listed = self.remote.list();
        listed.retain(|object| object.size_bytes > LARGE);
        let large: Vec<_> = listed.into_iter().map(|object| object.key).collect();
        if !large.is_empty() {
            self.remote.delete(&large);
        }
    }
}
