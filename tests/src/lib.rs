//! Support for the end-to-end tests: finds the program `artifact` and runs it as a real process in
//! a sandbox of its own. Knows no crate of the store; all it sees is what a user sees.

mod binary;
mod outcome;
mod running;
mod sandbox;
pub mod tree;

pub use binary::artifact;
pub use outcome::Outcome;
pub use running::{Running, eventually};
pub use sandbox::Sandbox;
