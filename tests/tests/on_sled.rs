//! The store from outside, its index on sled, its blobs as files. The cases are the same for every
//! engine.

mod cases;
mod files;

/// The index engine of these cases.
const INDEX: &str = "sled";

/// An empty store.
fn sandbox() -> e2e::Sandbox {
    e2e::Sandbox::with_index(INDEX)
}
