//! What a user of the crate may rely on, through its public types and through other gzip programs.
//! It must not reach into the crate.
#![expect(clippy::unwrap_used, reason = "a failure here is the finding")]

mod containers;
mod damage;
mod foreign;
mod members;
mod output;
mod round_trip;
mod sameness;
mod seeking;
mod streams;
