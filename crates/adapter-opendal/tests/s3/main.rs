//! What only a bucket shows: what its service refuses, what the network breaks, what cut-off
//! uploads leave.

#![allow(
    clippy::unwrap_used,
    reason = "what opens a store for a test may fail as the test itself may"
)]

#[path = "../bucket/mod.rs"]
mod bucket;
mod errors;
mod faults;
mod proxy;
mod stalls;
mod sweep;
