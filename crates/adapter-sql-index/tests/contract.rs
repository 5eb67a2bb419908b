//! Runs the contract of every index on SQLite.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use adapter_sql_index::{Durability, SqliteIndex, SqliteOptions};
use artifact_domain::port::ArtifactIndex;
use artifact_testkit::Subject;

async fn open(durability: Durability) -> Subject<dyn ArtifactIndex> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    let options = SqliteOptions {
        durability,
        ..SqliteOptions::default()
    };
    let index = SqliteIndex::open(path, options).await.unwrap();
    let index: Arc<dyn ArtifactIndex> = Arc::new(index);
    Subject::new(index).keeping(directory)
}

mod full {
    use super::*;

    async fn open() -> Subject<dyn ArtifactIndex> {
        super::open(Durability::Full).await
    }

    artifact_testkit::artifact_index_contract!(open);
}

mod relaxed {
    use super::*;

    async fn open() -> Subject<dyn ArtifactIndex> {
        super::open(Durability::Relaxed).await
    }

    artifact_testkit::artifact_index_contract!(open);
}
