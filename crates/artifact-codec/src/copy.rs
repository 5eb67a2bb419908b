//! Whole streams from a reader to a writer, for callers that do not drive the codec themselves.
//! It must not know more of the codec than its public types.

use std::io::{Read, Write};

use crate::source::read_uninterrupted;
use crate::{
    CodecError, DecodeOptions, Decoded, Decoder, EncodeOptions, Encoded, Encoder, Encoding,
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
    let mut encoder = Encoder::new(output, options);
    copy(input, &mut encoder)?;
    let (_, totals) = encoder.finish()?;
    Ok(totals)
}

/// Decodes all that `input` gives to `output`, which is flushed.
///
/// # Errors
/// [`CodecError::Truncated`] and [`CodecError::Corrupt`] for the data, [`CodecError::Io`] from
/// either side. By then `output` may have got bytes.
pub fn decode(
    input: impl Read,
    mut output: impl Write,
    encoding: Encoding,
    options: &DecodeOptions,
) -> Result<Decoded, CodecError> {
    let mut decoder = Decoder::with_options(input, encoding, options);
    copy(&mut decoder, &mut output)?;
    output.flush()?;
    decoder.finish()
}

/// Copies with full buffers, whatever the sizes in which `input` gives its bytes.
fn copy(mut input: impl Read, mut output: impl Write) -> Result<(), CodecError> {
    let mut buffer = vec![0; COPY_BUFFER];
    loop {
        let mut filled = 0;
        let mut ended = false;
        while filled < buffer.len() && !ended {
            let len = read_uninterrupted(&mut input, &mut buffer[filled..])?;
            filled += len;
            ended = len == 0;
        }
        output.write_all(&buffer[..filled])?;
        if ended {
            return Ok(());
        }
    }
}
