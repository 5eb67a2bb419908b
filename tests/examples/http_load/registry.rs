//! Blobs of a registry of container images, which go by their digest: `POST` asks where to upload, `PUT` brings
//! the bytes there. Knows no clock.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::content;

/// The name of each body, made before anything is measured.
pub(crate) fn names(text: &[u8], count: usize, size: usize) -> Vec<String> {
    let name = |number| {
        let mut digest = Sha256::new();
        content::of(text, number, size).for_each(|piece| digest.update(piece));
        let start = "sha256:".to_owned();
        digest.finalize().iter().fold(start, |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
    };
    (0..count).map(name).collect()
}

/// Uploads one blob, all its bytes at once.
pub(crate) fn push<'b>(
    client: &mut Client<'_>,
    name: &str,
    headers: &str,
    body: impl Iterator<Item = &'b [u8]> + Clone,
) -> Result<(), String> {
    let begun = client.post("uploads/", headers)?;
    let location = begun.location.ok_or("an upload without a location")?;
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => &location,
    };
    let mark = if path.contains('?') { '&' } else { '?' };
    let digest = name.replace(':', "%3A");
    client.put_at(&format!("{path}{mark}digest={digest}"), headers, body)
}
