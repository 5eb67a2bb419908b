//! Embeds the store in a program: the use cases of `artifact-app` over adapters of one's own
//! choice. Stores a log, finds it by its tag, and reads its last line back.
//!
//! ```sh
//! cargo run -p e2e --example embed
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use adapter_filelock::FileLocks;
use adapter_opendal::{Durability, FsOptions, OpendalStore};
use adapter_sql_index::{SqliteIndex, SqliteOptions};
use artifact_app::{Body, DownloadOptions, Ports, Store, StoreOptions, UploadRequest};
use artifact_domain::port::Clock;
use artifact_domain::query::{Filter, Order, PageSize, TagFilter};
use artifact_domain::{ArtifactUri, Tags, Timestamp};

/// The program's own clock: the store asks for the time, it never takes it.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::UNIX_EPOCH.saturating_add(since)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let base = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let files = FsOptions {
        root: base.path().to_owned(),
        durability: Durability::Full,
    };
    let index = base.path().join("index.sqlite");
    let store = Store::new(
        Ports {
            tiers: artifact_app::Tiers::default(),
            blobs: Arc::new(OpendalStore::fs(files)?),
            index: Arc::new(SqliteIndex::open(index, SqliteOptions::default()).await?),
            locks: Some(Arc::new(FileLocks::new(
                base.path().join("locks"),
                Arc::clone(&clock),
            ))),
            clock,
        },
        StoreOptions::default(),
    );

    let uri: ArtifactUri = "artifact://my-program/run-1/log/app.log".parse()?;
    let mut request = UploadRequest::new(uri.coordinate().clone());
    request.tags = Tags::from_tags(["branch=main".parse()?])?;
    let log = "starting\nworking\ndone\n".repeat(1_000);
    let record = store
        .upload(request, Body::reader(std::io::Cursor::new(log)))
        .await?;
    let content = record.stored_content()?;
    println!(
        "{uri}: {} bytes, {} stored",
        content.size_bytes, content.stored_size_bytes
    );

    let tagged = Filter {
        tags: vec![TagFilter::parse("branch=main")?],
        ..Filter::default()
    };
    let page = store
        .search(tagged, Order::Created, None, PageSize::MAX)
        .await?;
    println!("{} artifact with that tag", page.items.len());

    let last = DownloadOptions {
        range: Some("-5".parse()?),
        ..DownloadOptions::default()
    };
    let bytes = store.download(&uri.into(), last).await?.bytes().await?;
    println!("it ends with {:?}", String::from_utf8_lossy(&bytes));
    Ok(())
}
