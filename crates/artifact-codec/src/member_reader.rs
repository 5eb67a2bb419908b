//! Reads gzip members (RFC 1952), those of any encoder, one or many in a row. It must not know of
//! digests: it checks only what gzip itself carries.

use std::io::Read;

use crate::CodecError;
use crate::crc::Crc;
use crate::deflate::Inflater;
use crate::member_format::{DEFLATE, FCOMMENT, FEXTRA, FHCRC, FNAME, MAGIC, RESERVED, trailer};
use crate::source::Source;

const TRAILING_DATA: CodecError = CodecError::Corrupt("other data follows the last member");

/// Where in the file the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    FirstHeader,
    Body,
    Trailer,
    AfterMember,
    End,
}

/// Decodes the members of one input one after another.
#[derive(Debug)]
pub(crate) struct MemberReader {
    stage: Stage,
    inflate: Inflater,
    crc: Crc,
    size_bytes: u64,
}

impl MemberReader {
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::FirstHeader,
            inflate: Inflater::new(),
            crc: Crc::new(),
            size_bytes: 0,
        }
    }

    /// Gives plain bytes, at least one unless all members have ended and were found sound.
    /// `plain` must not be empty.
    pub(crate) fn read<R: Read>(
        &mut self,
        source: &mut Source<R>,
        plain: &mut [u8],
    ) -> Result<usize, CodecError> {
        loop {
            match self.stage {
                Stage::FirstHeader => self.begin_member(source)?,
                Stage::Body => {
                    let produced = self.inflate(source, plain)?;
                    if produced > 0 {
                        return Ok(produced);
                    }
                }
                Stage::Trailer => self.check_trailer(source)?,
                Stage::AfterMember => self.look_further(source)?,
                Stage::End => return Ok(0),
            }
        }
    }

    fn begin_member<R: Read>(&mut self, source: &mut Source<R>) -> Result<(), CodecError> {
        skip_header(source)?;
        self.inflate.reset();
        self.crc = Crc::new();
        self.size_bytes = 0;
        self.stage = Stage::Body;
        Ok(())
    }

    /// Decodes what is at hand. Reads more only if that gives nothing, so that bytes already
    /// decoded never wait for a slow reader.
    fn inflate<R: Read>(
        &mut self,
        source: &mut Source<R>,
        plain: &mut [u8],
    ) -> Result<usize, CodecError> {
        let step = self.inflate.step(source.buffered(), plain)?;
        source.consume(step.consumed);
        self.crc.update(&plain[..step.produced]);
        self.size_bytes += step.produced as u64;

        if step.ended {
            self.stage = Stage::Trailer;
        } else if step.is_idle() {
            if !source.buffered().is_empty() {
                return Err(CodecError::Corrupt("the deflate stream makes no progress"));
            }
            if !source.fill()? {
                return Err(CodecError::Truncated);
            }
        }
        Ok(step.produced)
    }

    fn check_trailer<R: Read>(&mut self, source: &mut Source<R>) -> Result<(), CodecError> {
        let expected = trailer(self.crc.sum(), self.size_bytes);
        let mut found = [0; 8];
        for byte in &mut found {
            *byte = must_have(source)?;
        }
        if found[..4] != expected[..4] {
            return Err(CodecError::Corrupt("the CRC-32 does not match"));
        }
        if found[4..] != expected[4..] {
            return Err(CodecError::Corrupt("the length does not match"));
        }
        self.stage = Stage::AfterMember;
        Ok(())
    }

    /// After a member comes the end, another member, or zero padding up to the end.
    fn look_further<R: Read>(&mut self, source: &mut Source<R>) -> Result<(), CodecError> {
        match source.peek()? {
            None => self.stage = Stage::End,
            Some(0) => {
                while let Some(byte) = source.next_byte()? {
                    if byte != 0 {
                        return Err(TRAILING_DATA);
                    }
                }
                self.stage = Stage::End;
            }
            Some(byte) if byte == MAGIC[0] => self.begin_member(source)?,
            Some(_) => return Err(TRAILING_DATA),
        }
        Ok(())
    }
}

/// Reads over one member header of any length in constant memory, and checks it.
fn skip_header<R: Read>(source: &mut Source<R>) -> Result<(), CodecError> {
    let mut header = HeaderBytes {
        source,
        crc: Crc::new(),
    };
    if [header.next()?, header.next()?] != MAGIC {
        return Err(CodecError::Corrupt(
            "a member does not begin with gzip's magic number",
        ));
    }
    if header.next()? != DEFLATE {
        return Err(CodecError::Corrupt("the compression method is not deflate"));
    }
    let flags = header.next()?;
    if flags & RESERVED != 0 {
        return Err(CodecError::Corrupt("the header has reserved flags set"));
    }
    header.skip(6)?; // time, extra flags, operating system
    if flags & FEXTRA != 0 {
        let len = u16::from_le_bytes([header.next()?, header.next()?]);
        header.skip(len)?;
    }
    for flag in [FNAME, FCOMMENT] {
        if flags & flag != 0 {
            while header.next()? != 0 {}
        }
    }
    if flags & FHCRC != 0 {
        let [low, high, ..] = header.crc.sum().to_le_bytes();
        if [header.next()?, header.next()?] != [low, high] {
            return Err(CodecError::Corrupt("the header's CRC-16 does not match"));
        }
    }
    Ok(())
}

struct HeaderBytes<'a, R> {
    source: &'a mut Source<R>,
    crc: Crc,
}

impl<R: Read> HeaderBytes<'_, R> {
    fn next(&mut self) -> Result<u8, CodecError> {
        let byte = must_have(self.source)?;
        self.crc.update(&[byte]);
        Ok(byte)
    }

    fn skip(&mut self, len: u16) -> Result<(), CodecError> {
        for _ in 0..len {
            self.next()?;
        }
        Ok(())
    }
}

fn must_have<R: Read>(source: &mut Source<R>) -> Result<u8, CodecError> {
    source.next_byte()?.ok_or(CodecError::Truncated)
}
