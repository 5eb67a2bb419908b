//! A client of the artifact store's server.
#![doc = include_str!("../README.md")]

mod address;
mod ahead;
mod backoff;
mod client;
mod coming;
mod connection;
mod download;
mod faults;
mod hashing;
mod import;
mod lines;
mod parts;
mod query;
mod signed;
mod token;
mod upload;

pub use client::{Client, DeleteScope};
pub use download::{Excerpt, Fetched, Part};
pub use import::Archive;
pub use lines::{Lines, decode};
pub use parts::TwoParts;
pub use query::query_of;
pub use token::Token;
pub use upload::{Rewind, Source, Stored, Upload};
