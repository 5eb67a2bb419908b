//! Decoding a whole stream by its seek table: all blocks in parallel, and what stands around them.
//! It must not know what the digest ought to be: the caller compares.

use std::io::{Read, Write};

use crate::crc::Crc;
use crate::deflate::END_OF_STREAM;
use crate::digest_thread::DigestThread;
use crate::member_format::{DEFLATE, HEADER_LEN, LONG_TAIL_LEN, MAGIC, trailer};
use crate::source::read_full;
use crate::{CodecError, DecodeOptions, Decoded, Encoding, SeekTable};

/// Decodes all of `input` to `output`, which is flushed.
pub(crate) fn decode_whole(
    mut input: impl Read,
    mut output: impl Write,
    table: &SeekTable,
    options: &DecodeOptions,
) -> Result<Decoded, CodecError> {
    let is_gzip = table.encoding() == Encoding::Gzip;
    if is_gzip {
        check_header(&mut input)?;
    }
    let digest = options.has_digest().then(DigestThread::start).transpose()?;
    let mut crc = Crc::new();
    let whole = table.part(0..table.size_bytes())?;
    whole.for_each_block(&mut input, options.workers(), |plain, block_crc| {
        let bytes = plain.as_ref();
        crc.append(block_crc, bytes.len() as u64);
        if let Some(digest) = &digest {
            digest.update(plain.clone());
        }
        output.write_all(bytes).map_err(CodecError::from)
    })?;
    if is_gzip {
        check_tail(&mut input, &crc, table.size_bytes())?;
    }
    if read_full(&mut input, &mut [0])? != 0 {
        return Err(CodecError::Corrupt("other data follows the last block"));
    }
    output.flush()?;
    Ok(Decoded {
        digest: digest.map(DigestThread::finish).transpose()?,
        size_bytes: table.size_bytes(),
        stored_size_bytes: table.stored_size_bytes(),
    })
}

/// A member with a seek table has a header without optional fields.
fn check_header(input: &mut impl Read) -> Result<(), CodecError> {
    let found: [u8; HEADER_LEN] = read_array(input)?;
    if found[..4] == [MAGIC[0], MAGIC[1], DEFLATE, 0] {
        Ok(())
    } else {
        Err(CodecError::Corrupt(
            "the header is not the one that was written",
        ))
    }
}

fn check_tail(input: &mut impl Read, crc: &Crc, size_bytes: u64) -> Result<(), CodecError> {
    let found: [u8; LONG_TAIL_LEN] = read_array(input)?;
    let trailer = trailer(crc.sum(), size_bytes);
    let expected = [&END_OF_STREAM[..], &trailer].concat();
    if found[..] == expected[..] {
        Ok(())
    } else {
        Err(CodecError::Corrupt("the trailer does not match"))
    }
}

fn read_array<const N: usize>(input: &mut impl Read) -> Result<[u8; N], CodecError> {
    let mut bytes = [0; N];
    if read_full(input, &mut bytes)? < N {
        return Err(CodecError::Truncated);
    }
    Ok(bytes)
}
