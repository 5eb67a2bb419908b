//! What must hold of a store whose blobs are files, on every index engine.

mod archive;
mod cold_folder;
mod permissions;
mod places;
mod presign;

use crate::sandbox;
