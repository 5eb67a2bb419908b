//! The digest of bytes that are not stored, or not yet. Knows nothing of artifacts.

use std::io::{self, Read};

use artifact_codec::Hasher;
use artifact_domain::Digest;

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// The SHA-256 of all that `reader` gives, as an upload of it would record it. Blocking; memory for
/// one piece.
///
/// # Errors
/// Those of `reader`.
pub fn digest(reader: &mut dyn Read) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(Digest::new(*hasher.finish().as_bytes())),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_digest_of_the_whole() {
        let bytes = vec![b'a'; 1_000_000];
        // NIST's example of a million times the letter a.
        let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(digest(&mut &*bytes).unwrap().to_string(), expected);
    }
}
