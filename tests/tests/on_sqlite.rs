//! The store from outside, its index on SQLite. The cases are the same for every engine.

mod cases;

/// The index engine of these cases.
const INDEX: &str = "sqlite";
