//! The compressed form of an upload, kept beside it while it goes on into the store: a file of fewer bytes, which
//! may become the blob. Knows neither requests nor what is made of it after a break.

use std::fs;
use std::path::PathBuf;

use artifact_app::LocalCopy;
use artifact_domain::port::ByteStream;
use artifact_domain::{Encoding, Result};
use async_trait::async_trait;
use futures::{TryStreamExt, stream};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::spool::Held;
use super::{blocking, fault};

/// How many bytes have to be on their way for their compressed form to be kept: for fewer, a file more costs what
/// it saves.
const WORTH_BYTES: u64 = 8 << 20;

/// How many times as many may have come before: the compressed form has those too.
const MOST_BEFORE: u64 = 4;

/// How many bytes are written at a time.
const WRITE_BYTES: usize = 128 << 10;

/// Keeps what the store is given of one upload.
#[derive(Debug)]
pub(super) struct Keeper {
    plain: PathBuf,
    /// Where the compressed form is kept, if at all.
    compressed: Option<PathBuf>,
    /// Cancelled once the compressed form is kept, from the first byte of the upload on: nobody needs to write
    /// down what else comes.
    pub(super) compresses: CancellationToken,
}

impl Keeper {
    /// Of an upload of which so many bytes are to come and go on as they do.
    pub(super) fn new(held: &Held, coming_bytes: u64) -> Self {
        let is_worth_it = coming_bytes >= WORTH_BYTES.max(held.offset() / MOST_BEFORE);
        Self {
            plain: held.path().to_owned(),
            compressed: is_worth_it.then(|| held.compressed_path()),
            compresses: CancellationToken::new(),
        }
    }
}

#[async_trait]
impl LocalCopy for Keeper {
    async fn keep(&self, form: Encoding, stored: ByteStream) -> (ByteStream, Option<PathBuf>) {
        let path = match (form, &self.compressed) {
            (Encoding::Identity, _) => return (stored, Some(self.plain.clone())),
            (Encoding::Gzip, None) => return (stored, None),
            (Encoding::Gzip, Some(path)) => path.clone(),
        };
        match create(path.clone()).await {
            Ok(file) => {
                self.compresses.cancel();
                (written_down(stored, file, path.clone()), Some(path))
            }
            Err(error) => {
                tracing::warn!(error = %error, "the bytes of an upload are kept as they come");
                (stored, None)
            }
        }
    }
}

async fn create(path: PathBuf) -> Result<File> {
    // Never one that is there: it might have become a blob.
    let create = move || fs::File::create_new(&path).map_err(|error| fault(&path, error));
    let mut file = File::from_std(blocking(create).await?);
    file.set_max_buf_size(WRITE_BYTES);
    Ok(file)
}

/// The same bytes, written to `file` as well: all of them once the stream has ended.
fn written_down(stored: ByteStream, file: File, path: PathBuf) -> ByteStream {
    let written = stream::try_unfold(
        (stored, file, path),
        async |(mut stored, mut file, path)| {
            let next = stored.try_next().await;
            let written = match &next {
                // It returns while the last of them are still being written.
                Ok(Some(chunk)) => file.write_all(chunk).await,
                // Whoever hears of an end or a fault finds all that came before.
                Ok(None) | Err(_) => file.flush().await,
            };
            let chunk = next?;
            written.map_err(|error| fault(&path, error))?;
            Ok(chunk.map(|chunk| (chunk, (stored, file, path))))
        },
    );
    Box::pin(written)
}
