//! The store from outside, its index on sled. The cases are the same for every engine.

mod cases;

/// The index engine of these cases.
const INDEX: &str = "sled";
