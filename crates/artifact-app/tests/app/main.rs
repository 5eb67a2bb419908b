//! The use cases over the strict fakes of the testkit.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod bucket_rules;
mod change;
mod compare;
mod delete;
mod download;
mod export;
mod faults;
mod gc;
mod grep;
mod guard;
mod handover;
mod import;
mod outcome;
mod parts;
mod presign;
mod quota;
mod reindex;
mod retention;
mod tier_classes;
mod tier_copies;
mod tier_faults;
mod tier_stalls;
mod tiers;
mod trend;
mod upload;
mod verify;
mod versions;
mod world;
