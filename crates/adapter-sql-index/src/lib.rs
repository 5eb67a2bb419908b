#![doc = include_str!("../README.md")]

mod selection;
mod sqlite;

pub use sqlite::{Durability, SqliteIndex, SqliteOptions};
