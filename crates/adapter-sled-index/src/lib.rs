#![doc = include_str!("../README.md")]

mod change;
mod chunk;
mod durable;
mod engine;
mod entry;
mod error;
mod generation;
mod index;
mod key;
mod lock;
mod options;
mod plan;
mod read;
mod search;
mod store;
mod usage;
mod write;

pub use index::SledIndex;
pub use options::{Durability, SledOptions};
