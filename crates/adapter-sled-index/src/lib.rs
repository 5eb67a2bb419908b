#![doc = include_str!("../README.md")]

mod change;
mod chunk;
mod durable;
mod engine;
mod entry;
mod error;
mod generation;
mod import;
mod index;
mod key;
mod lock;
mod options;
mod plan;
mod read;
mod remark;
mod search;
mod set_aside;
mod snapshot;
mod store;
mod upgrade;
mod usage;
mod write;

pub use index::SledIndex;
pub use options::{Durability, SledOptions};
