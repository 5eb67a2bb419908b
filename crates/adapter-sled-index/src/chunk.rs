//! Keeps a value of any length as chunks of a few KiB.
//!
//! sled moves a page over 128 KiB to a file of its own, and a page holds up to some twenty values:
//! with small values no such file is ever made. A value begins with its length, four bytes
//! big-endian.

use artifact_domain::{ArtifactId, Error, ErrorKind, Result};

use crate::engine::Engine;
use crate::error::damaged;
use crate::key::{Key, trailing_id};

const CHUNK_BYTES: usize = 4 * 1024;
const LENGTH_BYTES: usize = 4;

/// The chunks to store for `value`, with their keys.
pub(crate) fn split(table: u8, id: ArtifactId, value: &[u8]) -> Result<Vec<(Key, Vec<u8>)>> {
    let length = u32::try_from(value.len()).map_err(|_| {
        let message = format!("a value of {} bytes does not fit the index", value.len());
        Error::new(ErrorKind::TooLarge, message)
    })?;
    let whole = [&length.to_be_bytes(), value].concat();
    let chunks = whole.chunks(CHUNK_BYTES).map(<[u8]>::to_vec);
    Ok((0..)
        .map(|number| chunk_key(table, id, number))
        .zip(chunks)
        .collect())
}

/// Reads a value back; none if there is none.
pub(crate) fn join(engine: &Engine, table: u8, id: ArtifactId) -> Result<Option<Vec<u8>>> {
    let Some(first) = engine.get(chunk_key(table, id, 0).as_bytes())? else {
        return Ok(None);
    };
    let torn = || damaged(format!("the stored value of {id} is incomplete"));
    let (header, value) = first.split_first_chunk::<LENGTH_BYTES>().ok_or_else(torn)?;
    let length = u32::from_be_bytes(*header) as usize;
    let mut value = value.to_vec();
    for number in 1.. {
        if value.len() >= length {
            break;
        }
        let key = chunk_key(table, id, number);
        value.extend_from_slice(&engine.get(key.as_bytes())?.ok_or_else(torn)?);
    }
    if value.len() == length {
        Ok(Some(value))
    } else {
        Err(torn())
    }
}

/// The keys of the chunks that are stored now.
pub(crate) fn stored_keys(engine: &Engine, table: u8, id: ArtifactId) -> Result<Vec<Key>> {
    let Some(first) = engine.get(chunk_key(table, id, 0).as_bytes())? else {
        return Ok(Vec::new());
    };
    let length = first
        .first_chunk::<LENGTH_BYTES>()
        .map(|header| u32::from_be_bytes(*header) as usize)
        .ok_or_else(|| damaged(format!("the stored value of {id} is incomplete")))?;
    let count = (LENGTH_BYTES + length).div_ceil(CHUNK_BYTES);
    Ok((0..)
        .map(|number| chunk_key(table, id, number))
        .take(count)
        .collect())
}

/// Whose first chunk a key is, if it is one.
pub(crate) fn first_of(key: &[u8]) -> Option<ArtifactId> {
    let (rest, number) = key.split_last_chunk::<4>()?;
    (*number == [0; 4]).then(|| trailing_id(rest))?
}

fn chunk_key(table: u8, id: ArtifactId, number: u32) -> Key {
    Key::new(table).id(id).chunk(number)
}

#[cfg(test)]
mod tests {
    use artifact_domain::Timestamp;

    use super::*;

    #[test]
    fn values_of_any_length_come_back_and_a_missing_chunk_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path(), 1 << 20).unwrap().unwrap();
        let around = CHUNK_BYTES - LENGTH_BYTES;
        let lengths = [
            0,
            1,
            around - 1,
            around,
            around + 1,
            3 * CHUNK_BYTES,
            70_000,
        ];
        for (number, length) in (0_u8..).zip(lengths) {
            let value: Vec<u8> = (0..length).map(|i: usize| i.to_le_bytes()[0]).collect();
            let id = ArtifactId::new(Timestamp::UNIX_EPOCH, [number; 10]);
            let mut batch = sled::Batch::default();
            let chunks = split(b'x', id, &value).unwrap();
            let keys: Vec<_> = chunks.iter().map(|(key, _)| key.clone()).collect();
            for (key, chunk) in chunks {
                batch.insert(key.into_bytes(), chunk);
            }
            engine.apply(batch).unwrap();
            assert_eq!(join(&engine, b'x', id).unwrap(), Some(value));
            assert_eq!(stored_keys(&engine, b'x', id).unwrap(), keys);
            if let [_, .., last] = &keys[..] {
                let mut batch = sled::Batch::default();
                batch.remove(last.as_bytes());
                engine.apply(batch).unwrap();
                let error = join(&engine, b'x', id).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Integrity);
            }
        }
        let unknown = ArtifactId::new(Timestamp::MAX, [0; 10]);
        assert_eq!(join(&engine, b'x', unknown).unwrap(), None);
    }
}
