//! Encoding a stream: plain bytes in, stored bytes, digest and seek table out. It must not know what
//! the bytes are nor where they go.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use crate::budget::Permit;
use crate::buffers::{Block, Output};
use crate::crc::{Crc, crc32};
use crate::deflate::{BlockEnd, END_OF_STREAM};
use crate::digest_thread::DigestThread;
use crate::encoded::{Counted, Encoded};
use crate::member_format::{HEADER_LEN, header, trailer};
use crate::seek_table::{BlockEntry, SeekTable};
use crate::source::{read_full, read_until_fault};
use crate::window::{Plain, SharedPlain, Window};
use crate::{BlockSizes, CodecError, EncodeOptions, Encoding, Hasher, Incompressible, Level};

/// How much is looked at to decide whether a stream is worth compressing, in bytes.
const TRIAL_BYTES: u64 = 1024 * 1024;
/// A saving below one part in this many is not worth it.
const LEAST_SAVING: usize = 32;
/// What is allocated for an input of unknown length before it has shown to be longer.
const FIRST_READ: usize = 16 * 1024;

/// A stream whose beginning was read and whose [`Encoding`] is decided, before anything is written:
/// so the place where its output goes can be named for it.
///
/// It holds up to 1 MiB of the input, and what was made of it.
pub struct Prepared<R> {
    input: R,
    form: Form,
}

enum Form {
    /// The whole input, one block at most; with the gzip member made of it, if that is smaller.
    Short {
        plain: Vec<u8>,
        member: Option<Vec<u8>>,
    },
    Gzip(Box<Long<Compressed>>),
    Identity(Box<Long<SharedPlain>>),
}

/// A stream of more than one block.
struct Long<T> {
    window: Window<T>,
    digest: DigestThread<SharedPlain>,
    sizes: BlockSizes,
    level: Level,
    /// The number of the next block to read.
    next: u64,
    size_bytes: u64,
    /// Blocks that wait to be written.
    ready: Vec<T>,
}

/// What has become of a block.
struct Compressed {
    output: Output,
    /// How many bytes of the output are the block's own.
    stored_len: usize,
    crc: u32,
    plain_len: usize,
    _permit: Option<Arc<Permit>>,
}

/// Reads the beginning of `input` and decides how it will be stored.
///
/// An input of one block (256 KiB unless [chosen](EncodeOptions::with_block_sizes)) is compressed
/// here, on the calling thread. Of a longer one the first mebibyte is, by the workers.
///
/// # Errors
/// [`CodecError::Io`] if `input` fails or a thread cannot be started.
pub fn prepare<R: Read>(mut input: R, options: &EncodeOptions) -> Result<Prepared<R>, CodecError> {
    let sizes = options.block_sizes();
    let first = read_first(&mut input, sizes.small(), options.size_hint_bytes())?;
    let workers = options.workers();
    let mut second = None;
    if first.len() == sizes.small() {
        let mut block = Block::new(&workers.state().buffers, sizes.size_of(1));
        let len = read_full(&mut input, &mut block)?;
        block.truncate(len);
        second = (len > 0).then_some(block);
    }
    let Some(second) = second else {
        let form = short(first, options)?;
        return Ok(Prepared { input, form });
    };
    let form = begin_long(&mut input, first, second, options)?;
    Ok(Prepared { input, form })
}

/// Reads up to `limit` bytes into a vector that grows with them.
fn read_first(
    input: &mut impl Read,
    limit: usize,
    size_hint_bytes: Option<u64>,
) -> Result<Vec<u8>, CodecError> {
    let hint = size_hint_bytes.map_or(FIRST_READ, |hint| {
        // One more, to meet the end without growing.
        usize::try_from(hint).unwrap_or(limit).saturating_add(1)
    });
    let mut bytes = Vec::with_capacity(hint.min(limit));
    input.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn short(plain: Vec<u8>, options: &EncodeOptions) -> Result<Form, CodecError> {
    let Some(level) = options.compression() else {
        return Ok(Form::Short {
            plain,
            member: None,
        });
    };
    let mut member = Vec::new();
    member.reserve_exact(crate::seek_table::most_stored(plain.len()) + HEADER_LEN);
    member.extend_from_slice(&header(level));
    let engines = &options.workers().state().engines;
    engines.deflate(level, &plain, BlockEnd::Finish, &mut member)?;
    member.extend_from_slice(&trailer(crc32(&plain), plain.len() as u64));
    let member = (options.incompressible() == Incompressible::Gzip
        || is_worth_it(plain.len(), member.len()))
    .then_some(member);
    Ok(Form::Short { plain, member })
}

const fn is_worth_it(plain_len: usize, stored_len: usize) -> bool {
    stored_len + plain_len / LEAST_SAVING < plain_len
}

fn begin_long(
    input: &mut impl Read,
    first: Vec<u8>,
    second: Block,
    options: &EncodeOptions,
) -> Result<Form, CodecError> {
    let sizes = options.block_sizes();
    let workers = options.workers();
    let digest = DigestThread::start()?;
    let Some(level) = options.compression() else {
        let mut long = Long::new(Window::new(workers), digest, sizes, Level::default());
        let first = Block::filled(long.window.buffers(), first);
        for block in [first, second] {
            let plain = long.accept(block, None);
            long.ready.push(plain);
        }
        return Ok(Form::Identity(Box::new(long)));
    };
    let mut long = Long::<Compressed>::new(Window::new(workers), digest, sizes, level);
    let mut plain = Vec::new();
    let first = Block::filled(long.window.buffers(), first);
    for block in [first, second] {
        plain.push(long.compress(block, None));
    }
    if options.incompressible() == Incompressible::Gzip {
        return Ok(Form::Gzip(Box::new(long)));
    }
    // The trial takes the place of one large block, and its permit.
    while long.size_bytes < TRIAL_BYTES {
        let Some(block) = long.read(input)? else {
            break;
        };
        plain.push(long.compress(block, None));
    }
    let mut done = Vec::with_capacity(plain.len());
    long.window.take_all(|block| {
        done.push(block);
        Ok(())
    })?;
    let plain_len = done.iter().map(|block| block.plain_len).sum();
    let stored_len = done.iter().map(|block| block.stored_len).sum();
    if is_worth_it(plain_len, stored_len) {
        long.ready = done;
        return Ok(Form::Gzip(Box::new(long)));
    }
    let mut identity = Long::new(Window::new(workers), long.digest, sizes, level);
    identity.next = long.next;
    identity.size_bytes = long.size_bytes;
    identity.ready = plain;
    Ok(Form::Identity(Box::new(identity)))
}

impl<R: Read> Prepared<R> {
    /// How the stream will be stored.
    pub const fn encoding(&self) -> Encoding {
        match &self.form {
            Form::Short { member: None, .. } | Form::Identity(_) => Encoding::Identity,
            Form::Short { .. } | Form::Gzip(_) => Encoding::Gzip,
        }
    }

    /// Encodes all of the input to `output`, which is flushed. Writes have the length of a
    /// compressed block, 1 MiB and a little at most; a short stream comes in one write.
    ///
    /// # Errors
    /// [`CodecError::Io`] from either side; by then `output` may have got bytes. Where it is the input that fails
    /// and what is written is compressed, they hold all that came before.
    pub fn write_to(self, output: impl Write) -> Result<Encoded, CodecError> {
        let mut output = Counted::new(output);
        let encoding = self.encoding();
        let (digest, size_bytes, seek_table) = match self.form {
            Form::Short { plain, member } => {
                output.write_all(member.as_deref().unwrap_or(&plain))?;
                let mut hasher = Hasher::new();
                hasher.update(&plain);
                (hasher.finish(), plain.len() as u64, None)
            }
            Form::Gzip(long) => long.write_gzip(self.input, &mut output)?,
            Form::Identity(long) => long.write_identity(self.input, &mut output)?,
        };
        output.flush()?;
        Ok(Encoded {
            encoding,
            digest,
            size_bytes,
            stored_size_bytes: output.size_bytes(),
            seek_table,
        })
    }
}

type Totals = (crate::Digest, u64, Option<SeekTable>);

impl<T: Send + 'static> Long<T> {
    fn new(
        window: Window<T>,
        digest: DigestThread<SharedPlain>,
        sizes: BlockSizes,
        level: Level,
    ) -> Self {
        Self {
            window,
            digest,
            sizes,
            level,
            next: 0,
            size_bytes: 0,
            ready: Vec::new(),
        }
    }

    /// Reads a block; `None` at the end of the input.
    fn read(&self, input: &mut impl Read) -> Result<Option<Block>, CodecError> {
        match self.read_until_fault(input) {
            (block, None) => Ok(block),
            (_, Some(fault)) => Err(fault.into()),
        }
    }

    /// Reads a block as far as the input goes before it fails, if it does.
    fn read_until_fault(&self, input: &mut impl Read) -> (Option<Block>, Option<io::Error>) {
        let mut block = Block::new(self.window.buffers(), self.sizes.size_of(self.next));
        let (len, fault) = read_until_fault(input, &mut block);
        block.truncate(len);
        ((len > 0).then_some(block), fault)
    }

    /// Counts a block and hands it to the digest.
    fn accept(&mut self, block: Block, permit: Option<Arc<Permit>>) -> SharedPlain {
        self.next += 1;
        self.size_bytes += block.len() as u64;
        let plain = SharedPlain(Arc::new(Plain { block, permit }));
        self.digest.update(plain.clone());
        plain
    }

    fn totals(self, encoding: Encoding, blocks: Vec<BlockEntry>) -> Result<Totals, CodecError> {
        let table = SeekTable::assemble(encoding, self.sizes, self.size_bytes, blocks)
            .expect("the blocks were cut by these sizes and no longer than deflate makes them");
        Ok((self.digest.finish()?, self.size_bytes, Some(table)))
    }
}

impl Long<Compressed> {
    /// Hands a block to digest and compression.
    fn compress(&mut self, block: Block, permit: Option<Arc<Permit>>) -> SharedPlain {
        let level = self.level;
        let head = (self.next == 0).then(|| header(level));
        let plain = self.accept(block, permit);
        let work = plain.clone();
        self.window.push(move |shared| {
            let plain = work.as_ref();
            let mut output = Output::new(&shared.buffers);
            output.extend(head.iter().flatten());
            let before = output.len();
            shared
                .engines
                .deflate(level, plain, BlockEnd::Flush, &mut output)?;
            Ok(Compressed {
                stored_len: output.len() - before,
                output,
                crc: crc32(plain),
                plain_len: plain.len(),
                _permit: work.0.permit.clone(),
            })
        });
        plain
    }

    fn write_gzip(
        mut self,
        mut input: impl Read,
        output: &mut impl Write,
    ) -> Result<Totals, CodecError> {
        let mut blocks = Vec::new();
        let mut crc = Crc::new();
        let mut write = |block: Compressed| {
            output.write_all(&block.output)?;
            crc.append(block.crc, block.plain_len as u64);
            blocks.push(BlockEntry {
                stored_len: u32::try_from(block.stored_len)
                    .expect("a compressed block is little more than a mebibyte"),
                crc: block.crc,
            });
            Ok(())
        };
        for block in std::mem::take(&mut self.ready) {
            write(block)?;
        }
        loop {
            let permit = self.window.permit(&mut write)?;
            let (block, fault) = self.read_until_fault(&mut input);
            let is_last = block.is_none() || fault.is_some();
            if let Some(block) = block {
                self.compress(block, Some(permit));
            }
            if is_last {
                self.window.take_all(&mut write)?;
            }
            match fault {
                Some(fault) => return Err(fault.into()),
                None if is_last => break,
                None => self.window.take_finished(&mut write)?,
            }
        }
        let mut tail = END_OF_STREAM.to_vec();
        tail.extend_from_slice(&trailer(crc.sum(), self.size_bytes));
        output.write_all(&tail)?;
        self.totals(Encoding::Gzip, blocks)
    }
}

impl Long<SharedPlain> {
    fn write_identity(
        mut self,
        mut input: impl Read,
        output: &mut impl Write,
    ) -> Result<Totals, CodecError> {
        let mut blocks = Vec::new();
        let mut write = |plain: SharedPlain| {
            let bytes = plain.as_ref();
            blocks.push(BlockEntry {
                stored_len: u32::try_from(bytes.len()).expect("a block is a mebibyte at most"),
                crc: crc32(bytes),
            });
            output.write_all(bytes).map_err(CodecError::from)
        };
        for plain in std::mem::take(&mut self.ready) {
            write(plain)?;
        }
        loop {
            let permit = self.window.permit(&mut write)?;
            let Some(block) = self.read(&mut input)? else {
                break;
            };
            write(self.accept(block, Some(permit)))?;
        }
        self.totals(Encoding::Identity, blocks)
    }
}

impl<R> fmt::Debug for Prepared<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match &self.form {
            Form::Short { plain, .. } => format!("short, {} bytes", plain.len()),
            Form::Gzip(long) => format!("gzip, {} blocks read", long.next),
            Form::Identity(long) => format!("identity, {} blocks read", long.next),
        };
        formatter
            .debug_struct("Prepared")
            .field("form", &form)
            .finish_non_exhaustive()
    }
}
