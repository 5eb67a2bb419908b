#![doc = include_str!("../README.md")]

mod claims;
mod document;
mod fetch;
mod issuers;
mod key_cache;
mod keys;
mod provider;
mod refusal;
mod rule;
mod template;
mod token;
mod watched;

pub use issuers::Issuers;
