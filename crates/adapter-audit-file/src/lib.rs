#![doc = include_str!("../README.md")]

mod log;
mod read;
mod write;

pub use log::{AuditFile, Rotation};
