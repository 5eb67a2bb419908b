#![doc = include_str!("../README.md")]

mod file;
mod watched;

pub use file::{is_there, read, read_secret};
pub use watched::Watched;
