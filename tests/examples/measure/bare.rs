//! The least that a file costs, on bare `std::fs`: temporary file, sync, rename, sync of the
//! folder; or the same without syncs. As it is, or hashed and compressed before. Must not know the
//! store.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use artifact_codec::EncodeOptions;
use bytes::Bytes;

use crate::Outcome;

/// What is written of a body.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Its bytes.
    Plain,
    /// What the store would write, which needs its SHA-256 too.
    Encoded,
}

/// Writes each body to a file of its own in `folder`, from so many threads.
pub(crate) fn puts(
    folder: &Path,
    bodies: &[Bytes],
    threads: usize,
    form: Form,
    syncs: bool,
) -> Outcome<Duration> {
    fs::create_dir_all(folder)?;
    let begun = Instant::now();
    let outcomes: Vec<io::Result<()>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let own = bodies.iter().enumerate().skip(worker).step_by(threads);
                    own.into_iter().try_for_each(|(number, body)| match form {
                        Form::Plain => put(folder, number, body, syncs),
                        Form::Encoded => put(folder, number, &encoded(body)?, syncs),
                    })
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker does not panic"))
            .collect()
    });
    outcomes.into_iter().collect::<Result<(), _>>()?;
    Ok(begun.elapsed())
}

fn encoded(body: &[u8]) -> io::Result<Vec<u8>> {
    let options = EncodeOptions::new().with_size_hint(Some(body.len() as u64));
    let mut output = Vec::new();
    artifact_codec::prepare(body, &options)
        .and_then(|prepared| prepared.write_to(&mut output))
        .map_err(io::Error::other)?;
    Ok(output)
}

fn put(folder: &Path, number: usize, body: &[u8], syncs: bool) -> io::Result<()> {
    let (temporary, path) = (
        folder.join(format!("{number}.tmp")),
        folder.join(number.to_string()),
    );
    let mut file = File::create(&temporary)?;
    file.write_all(body)?;
    if syncs {
        file.sync_data()?;
    }
    fs::rename(&temporary, &path)?;
    if syncs {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}
