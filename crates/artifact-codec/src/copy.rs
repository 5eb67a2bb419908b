//! Whole streams from a reader to a writer, for callers that do not drive the codec themselves.
//! It must not know more of the codec than its public types.

use std::io::{Read, Write};

use crate::source::read_full;
use crate::whole::decode_whole;
use crate::{
    CodecError, DecodeOptions, Decoded, Decoder, EncodeOptions, Encoded, Encoding, prepare,
};

const COPY_BUFFER: usize = 64 * 1024;

/// Encodes all that `input` gives to `output`, which is flushed.
///
/// # Errors
/// [`CodecError::Io`] from either side; if `input` is itself a [`Decoder`], its own error.
pub fn encode(
    input: impl Read,
    output: impl Write,
    options: &EncodeOptions,
) -> Result<Encoded, CodecError> {
    prepare(input, options)?.write_to(output)
}

/// Decodes all that `input` gives to `output`, which is flushed: in parallel with a
/// [seek table](DecodeOptions::with_seek_table), otherwise on the calling thread as [`Decoder`]
/// does.
///
/// # Errors
/// [`CodecError::Truncated`] and [`CodecError::Corrupt`] for the data, [`CodecError::SeekTable`] if
/// the table is of another encoding, [`CodecError::Io`] from either side. By then `output` may have
/// got bytes.
pub fn decode(
    input: impl Read,
    mut output: impl Write,
    encoding: Encoding,
    options: &DecodeOptions,
) -> Result<Decoded, CodecError> {
    if let Some(table) = options.seek_table() {
        if table.encoding() != encoding {
            return Err(CodecError::SeekTable("it is of another encoding"));
        }
        return decode_whole(input, output, table, options);
    }
    let mut decoder = Decoder::with_options(input, encoding, options);
    copy(&mut decoder, &mut output)?;
    output.flush()?;
    decoder.finish()
}

/// Copies with full buffers, whatever the sizes in which `input` gives its bytes.
fn copy(mut input: impl Read, mut output: impl Write) -> Result<(), CodecError> {
    let mut buffer = vec![0; COPY_BUFFER];
    loop {
        let len = read_full(&mut input, &mut buffer)?;
        output.write_all(&buffer[..len])?;
        if len < buffer.len() {
            return Ok(());
        }
    }
}
