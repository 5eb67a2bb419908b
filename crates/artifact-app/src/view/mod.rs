//! The JSON of the surfaces, beside that of an artifact: what a program and a server tell alike of a
//! use case, one module each. The keys are frozen. Prints and sends nothing.

pub mod cleanup;
pub mod compare;
pub mod gc;
pub mod grep;
pub mod import;
pub mod presign;
pub mod tiers;
pub mod trend;
pub mod upkeep;
pub mod usage;
pub mod verify;
pub mod why;
