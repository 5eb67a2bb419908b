//! Support for the end-to-end tests: finds the program `artifact` and runs it as a real process in
//! a sandbox of its own, beside real object stores. Knows no crate of the store; all it sees is what
//! a user sees.

pub mod archives;
mod binary;
mod http;
pub mod http_storm;
mod ledger;
mod mirror;
mod outcome;
mod peak;
mod random;
mod running;
pub mod samples;
mod sandbox;
pub mod servers;
pub mod tree;

pub use binary::{artifact, artifact_http};
pub use http::{Answer, Server};
pub use ledger::{Expected, Index, Ledger, Life};
pub use outcome::Outcome;
pub use peak::peak_kib;
pub use random::Random;
pub use running::{Running, eventually};
pub use sandbox::Sandbox;
