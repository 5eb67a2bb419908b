//! The store from outside, its index on SQLite, its blobs in a bucket of Garage. The cases are those of
//! every engine, but for what is about files.

mod cases;

/// The index engine of these cases.
const INDEX: &str = "sqlite";

/// An empty store.
fn sandbox() -> e2e::Sandbox {
    e2e::Sandbox::on_garage(INDEX)
}
