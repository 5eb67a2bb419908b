//! What must hold of the store on every index engine, from outside. Whoever includes this says by
//! `crate::INDEX` which engine it is.

mod aged;
mod archive;
mod attributes;
mod bad_arguments;
mod bad_names;
mod bad_places;
mod cold_folder;
mod compare;
mod concurrency;
mod crash;
mod delete;
mod download;
mod errors;
mod export;
mod gc;
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
mod reindex;
mod retention;
mod savings;
mod search;
mod storage;
mod tags;
mod tree;
mod trend;
mod unchanged;
mod upload;
mod verify;
mod versions;

use e2e::Sandbox;
use serde_json::Value;

/// An empty store on the engine that is tested.
fn sandbox() -> Sandbox {
    Sandbox::with_index(crate::INDEX)
}

/// The texts under one key.
fn texts<'a>(objects: &'a [Value], key: &str) -> Vec<&'a str> {
    let text = |object: &'a Value| {
        object[key]
            .as_str()
            .unwrap_or_else(|| panic!("{object} has no {key}"))
    };
    objects.iter().map(text).collect()
}
