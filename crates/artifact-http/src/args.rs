//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// Serves an artifact store over HTTP, with the same settings as the command line.
#[derive(Debug, Parser)]
#[command(name = "artifact-http", version)]
pub(crate) struct Args {
    /// Where to listen: an address of the loopback interface and a port; 0 takes any that is free
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Print the description of its interface, OpenAPI 3.1, and serve nothing
    #[arg(long)]
    pub(crate) openapi: bool,
    /// Read the settings from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keep blobs, index and locks below this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) base_path: Option<PathBuf>,
    /// Where blobs are kept: fs, s3, gcs, memory
    #[arg(long)]
    pub(crate) backend: Option<String>,
    /// Which index engine is used: sqlite, sled
    #[arg(long, value_name = "ENGINE")]
    pub(crate) index: Option<String>,
}
