//! Versions that have expired and versions on hold, in a store that is treated badly: gone is
//! gone, and what is held stays. There are no days to wait, and the command line sets no hold: so
//! the metadata beside the blobs is written anew, and the index rebuilt from it.

use std::fs;

use e2e::Sandbox;
use serde_json::{Value, json};

use crate::bucket::Bucket;

const TASK: &str = "kept";
const LONG_PAST: &str = "2001-01-01T00:00:00Z";

/// What to make of each: has it expired, is it held?
const KINDS: [(&str, bool, bool); 3] = [
    ("expired", true, false),
    ("held", false, true),
    ("both", true, true),
];

/// What must be found of them after every round.
#[derive(Debug)]
pub(crate) struct Kept {
    visible: Vec<Value>,
}

impl Kept {
    /// Stores them in an empty store.
    pub(crate) fn make(store: &Sandbox, bucket: Option<&Bucket>) -> Self {
        for (name, _, _) in KINDS {
            store.write(name, format!("this is {name}\n"));
            let args = ["upload", name, "--task", TASK, "--type", "data"];
            store.ok(&args);
        }
        // Folds the metadata into one document.
        store.ok(&["gc"]);
        let place = format!("artifacts/default/{TASK}/metadata.json");
        let anew = |text: String| {
            let lines: Vec<_> = text.lines().map(changed).collect();
            lines.join("\n") + "\n"
        };
        if let Some(bucket) = bucket {
            bucket.write(&place, &anew(bucket.read(&place)));
        } else {
            let path = store.store(place);
            let text = fs::read_to_string(&path).expect("metadata can be read");
            fs::write(&path, anew(text)).expect("metadata can be written");
        }
        for path in store.index_files() {
            e2e::tree::remove(&path);
        }
        let report = store.json(&["reindex"]);
        assert_eq!(report[0]["restored"], KINDS.len(), "{report:?}");
        let visible = store.json(&["search", "--task", TASK]);
        let kept = Self { visible };
        kept.assert_kept(store);
        kept
    }

    /// How many blobs they have.
    pub(crate) const BLOBS: usize = KINDS.len();

    /// Whether a version is one of them.
    pub(crate) fn has(record: &Value) -> bool {
        record["task"] == TASK
    }

    /// What has expired is gone from every read, what is held is there and cannot be deleted.
    #[track_caller]
    pub(crate) fn assert_kept(&self, store: &Sandbox) {
        assert_eq!(store.json(&["search", "--task", TASK]), self.visible);
        for (name, is_expired, is_held) in KINDS {
            let uri = format!("artifact://default/{TASK}/data/{name}");
            let read = store.run(&["download", &uri, "-o", "-"]);
            if is_held {
                let bytes = read.expect_code(0).stdout;
                assert_eq!(bytes, format!("this is {name}\n").as_bytes());
                store.fails(&["delete", &uri], 6);
            } else if is_expired {
                let _ = read.expect_code(3);
            }
            let shown = store.run(&["show", &uri]).code;
            assert_eq!(shown, Some(if is_held { 0 } else { 3 }), "{uri}");
        }
    }
}

/// A line of the metadata with what its version is to become.
fn changed(line: &str) -> String {
    let (line, comma) = line
        .strip_suffix(',')
        .map_or((line, ""), |line| (line, ","));
    let kind = KINDS
        .iter()
        .find(|(name, _, _)| line.contains(&format!(r#""name":"{name}""#)));
    let Some((_, is_expired, is_held)) = kind else {
        return format!("{line}{comma}");
    };
    let mut object: Value = serde_json::from_str(line).expect("a line is JSON");
    let fields = object.as_object_mut().expect("a line is an object");
    fields.remove("crc32");
    let record = &mut object["record"];
    if *is_expired {
        record["expires_at"] = json!(LONG_PAST);
    }
    if *is_held {
        record["hold"] = json!({ "reason": "audit", "by": null, "since": LONG_PAST });
    }
    // What follows the comma after the checksum is what it is of.
    let rest = object.to_string().split_off(1);
    format!(
        r#"{{"crc32":"{:08x}",{rest}{comma}"#,
        crc32(rest.as_bytes())
    )
}

/// CRC-32 as in RFC 1952, section 8.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let low = crc & 1;
            (crc >> 1) ^ (low * 0xEDB8_8320)
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}
