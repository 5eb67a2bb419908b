#![doc = include_str!("../README.md")]

mod document;
mod file;
mod secret;
mod tokens;
mod uses;

pub use tokens::{NewToken, Token, TokenFile};
