//! Files of this machine that have the bytes of an upload too: how a store of files learns of one, and what
//! comes back of one that was cut off. Knows neither where such files lie nor when they go.

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use artifact_codec::{CodecError, DecodeOptions, Decoder};
use artifact_domain::Encoding;
use artifact_domain::port::ByteStream;
use async_trait::async_trait;

/// How many bytes are rescued at a time.
const CHUNK_BYTES: usize = 128 << 10;

/// Keeps the bytes of an upload in files of this machine until they are stored.
#[async_trait]
pub trait LocalCopy: Debug + Send + Sync {
    /// Takes the bytes of a blob on their way into the store, once their form is known, and gives them on. With
    /// them, if there is one, comes the file that has exactly these bytes once their stream has ended well, and
    /// that nobody writes to from then on, whatever becomes of the upload: a store of files need not write them
    /// again. It may be removed once the upload is done.
    async fn keep(&self, form: Encoding, stored: ByteStream) -> (ByteStream, Option<PathBuf>);
}

/// Writes the original bytes from `skipped_bytes` on of a compressed stream that may have been cut off anywhere:
/// all that can still be read.
///
/// # Errors
/// Those of reading `stored` and of writing; that it is cut off or damaged is none.
pub fn rescue(stored: impl Read, skipped_bytes: u64, plain: &mut impl Write) -> io::Result<()> {
    let options = DecodeOptions::new().without_digest();
    let encoding = artifact_codec::Encoding::Gzip;
    let mut decoder = Decoder::with_options(stored, encoding, &options);
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut to_skip = skipped_bytes;
    loop {
        let read = match decoder.read(&mut buffer) {
            Ok(read) => read,
            Err(error) => return end_of(error),
        };
        if read == 0 {
            return Ok(());
        }
        let skipped = usize::try_from(to_skip).unwrap_or(usize::MAX).min(read);
        to_skip -= skipped as u64;
        plain.write_all(&buffer[skipped..read])?;
    }
}

fn end_of(error: io::Error) -> io::Result<()> {
    match CodecError::from_io(error) {
        CodecError::Io(error) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use artifact_codec::EncodeOptions;

    use super::*;

    fn numbers() -> Vec<u8> {
        let lines = (0..60_000).map(|number| format!("line {number} of many\n"));
        lines.collect::<String>().into_bytes()
    }

    fn stored(plain: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        artifact_codec::encode(plain, &mut stored, &EncodeOptions::new()).unwrap();
        stored
    }

    #[test]
    fn what_is_whole_comes_back_from_where_it_is_asked_for() {
        let plain = numbers();
        let stored = stored(&plain);
        for skipped in [0, 1, CHUNK_BYTES, plain.len() - 1, plain.len()] {
            let mut rescued = Vec::new();
            rescue(&stored[..], skipped as u64, &mut rescued).unwrap();
            assert!(rescued == plain[skipped..], "{skipped}");
        }
        let mut rescued = Vec::new();
        rescue(&stored[..], u64::MAX, &mut rescued).unwrap();
        assert!(rescued.is_empty());
    }

    #[test]
    fn what_is_cut_off_gives_a_beginning_that_grows() {
        let plain = numbers();
        let stored = stored(&plain);
        let mut before = 0;
        for cut in (0..stored.len()).step_by(1_000) {
            let mut rescued = Vec::new();
            rescue(&stored[..cut], 0, &mut rescued).unwrap();
            assert!(plain.starts_with(&rescued), "{cut}");
            assert!(rescued.len() >= before, "{cut}");
            before = rescued.len();
        }
        assert!(before > plain.len() / 2);
    }

    #[test]
    fn who_can_not_be_written_to_or_read_is_told() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("torn"))
            }
        }
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let stored = stored(&numbers());
        let full = rescue(&stored[..], 0, &mut Broken).unwrap_err();
        assert_eq!(full.to_string(), "full");
        let torn = rescue(Broken, 0, &mut Vec::new()).unwrap_err();
        assert_eq!(torn.to_string(), "torn");
    }
}
