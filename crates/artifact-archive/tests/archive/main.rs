//! What a user of the crate may rely on, through other readers of the formats.

mod zip_writing;
