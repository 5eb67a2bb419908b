#![doc = include_str!("../README.md")]

mod body;
mod decode;
mod delete;
mod download;
mod encode;
mod find;
mod manifest;
mod measure;
mod pipe;
mod purge;
mod reap;
mod reindex;
mod retry;
mod search;
mod store;
mod upload;

pub use artifact_codec::Level;
pub use body::Body;
pub use delete::{DeleteFailure, DeleteReport, DeleteScope};
pub use download::{Download, DownloadOptions, Verification};
pub use reap::ReapReport;
pub use reindex::{ReindexFinding, ReindexOptions, ReindexReport};
pub use store::{Ports, Store, StoreOptions};
pub use upload::{Compression, UploadRequest};
