//! The name of a key's lock file. Must not know what a key stands for.

use std::fmt::Write as _;

use artifact_domain::port::LockKey;
use sha2::{Digest as _, Sha256};

use crate::lock_dir::SUFFIX;

/// The longest readable part, in bytes. With the digest and the ending a name stays under 200
/// bytes, where file systems allow 255.
const READABLE_BYTES: usize = 100;

/// Gives the name of the key's lock file: `READABLE-SHA256.lock`.
///
/// The readable part is the key's text, lowercase, `_` for every run of what is not a letter, a
/// digit, `.` or `-`, cut to 100 bytes: it is there for people. The digest of the whole text tells
/// keys apart, also where the file system takes upper and lower case, or two Unicode forms, for
/// the same.
pub(crate) fn file_name(key: &LockKey) -> String {
    let text = key.as_str();
    let mut name = String::with_capacity(READABLE_BYTES + 70);
    for byte in text.bytes() {
        if name.len() == READABLE_BYTES {
            break;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') {
            name.push(char::from(byte.to_ascii_lowercase()));
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    name.push('-');
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a `String` gives no error.
        let _ = write!(name, "{byte:02x}");
    }
    name.push_str(SUFFIX);
    name
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use artifact_domain::{ArtifactUri, SpecName, TaskId};

    use super::*;

    fn artifact(uri: &str) -> LockKey {
        let uri: ArtifactUri = uri.parse().unwrap();
        LockKey::artifact(uri.coordinate())
    }

    #[test]
    fn a_name_can_be_read_by_a_person() {
        let name = file_name(&artifact("artifact://demo/run-7/log/out/Build%20Log.txt"));
        let readable = "artifact_demo_run-7_log_out_build_20log.txt-";
        assert!(name.starts_with(readable), "{name}");
    }

    #[test]
    fn a_name_never_changes() {
        // Processes of different versions lock each other out. The digest is that of `sha256sum`.
        assert_eq!(
            file_name(&LockKey::job("gc")),
            "job_gc-c9c070116fd3629092ef137ff65575301657940258a9ea315d469693892ed767.lock"
        );
    }

    #[test]
    fn names_are_safe_and_differ_even_where_case_does_not_count() {
        let long = "x/".repeat(400);
        let keys = [
            artifact("artifact://a/b/log/c"),
            artifact("artifact://A/b/log/c"),
            artifact("artifact://a/b/log/C"),
            artifact("artifact://a/b/log/c."),
            artifact("artifact://a/b/log/c/d"),
            artifact("artifact://a/b/log/c_d"),
            artifact("artifact://a/b/log/c%5Cd"),
            artifact("artifact://a/b/log/%C3%A9"),
            artifact("artifact://a/b/log/e%CC%81"),
            artifact(&format!("artifact://a/b/log/{long}1")),
            artifact(&format!("artifact://a/b/log/{long}2")),
            LockKey::task_metadata(&SpecName::new("a").unwrap(), &TaskId::new("b").unwrap()),
            LockKey::task_metadata(&SpecName::new("a/b").unwrap(), &TaskId::new("...").unwrap()),
            LockKey::job("gc"),
        ];
        let names: HashSet<String> = keys
            .iter()
            .map(|key| file_name(key).to_lowercase())
            .collect();
        assert_eq!(names.len(), keys.len());
        for name in names {
            assert!(name.len() <= 200, "{name} is too long");
            assert!(!name.starts_with('.'), "{name} is hidden");
            let safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            assert!(name.chars().all(safe), "{name} is not safe");
        }
    }
}
