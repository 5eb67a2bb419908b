//! What must hold of the store on every index engine, and wherever its blobs are, from outside.
//! Whoever includes this says by `crate::INDEX` which engine it is, and makes stores by
//! `crate::sandbox`. What holds for blobs in files alone is in `files`.

pub(crate) mod aged;
mod attributes;
mod bad_arguments;
mod bad_names;
mod bad_places;
mod compare;
mod concurrency;
mod crash;
mod delete;
mod download;
pub(crate) mod errors;
mod export;
pub(crate) mod gc;
mod grep;
mod holds;
mod import;
mod integrity;
mod interrupt;
mod json;
mod limits;
mod metadata;
mod parts;
mod past;
mod pipes;
mod presign;
mod quota;
mod record;
mod recover;
pub(crate) mod reindex;
mod retention;
mod savings;
mod search;
pub(crate) mod storage;
mod tags;
mod tree;
mod trend;
mod unchanged;
mod upload;
pub(crate) mod verify;
mod versions;

use aged::settings;
use serde_json::Value;

use crate::sandbox;

/// The texts under one key.
pub(crate) fn texts<'a>(objects: &'a [Value], key: &str) -> Vec<&'a str> {
    let text = |object: &'a Value| {
        object[key]
            .as_str()
            .unwrap_or_else(|| panic!("{object} has no {key}"))
    };
    objects.iter().map(text).collect()
}
