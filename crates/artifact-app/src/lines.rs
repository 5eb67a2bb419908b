//! Where lines begin in an artifact that may be far larger than memory: its last ones, and those of a
//! page. Knows nothing of how bytes are stored.

use std::num::NonZeroU64;

use artifact_domain::{ByteRange, Error, Result};
use futures::TryStreamExt;

use crate::Verification;
use crate::source::{Source, collect};

/// A page of an artifact: the lines that begin in one stretch of it. The pages of one size have every
/// line once, whole and in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Which one, from 1.
    pub number: NonZeroU64,
    /// The length of a stretch, in bytes.
    pub size_bytes: NonZeroU64,
}

impl Page {
    /// How many pages of this size that many bytes have; an artifact without bytes has one.
    pub fn count(self, size_bytes: u64) -> u64 {
        size_bytes.div_ceil(self.size_bytes.get()).max(1)
    }
}

/// The range of the last `lines` lines. A newline at the very end ends the last line, and begins none.
pub(crate) async fn last_lines(source: &Source<'_>, lines: u64) -> Result<ByteRange> {
    let size = source.size_bytes();
    if lines == 0 {
        return ByteRange::new(size, 0);
    }
    let start = if source.is_seekable() {
        backwards(source, lines).await?
    } else {
        forwards(source, lines).await?
    };
    ByteRange::new(start, size - start)
}

/// Looks from the end, window by window.
async fn backwards(source: &Source<'_>, lines: u64) -> Result<u64> {
    let size = source.size_bytes();
    let mut missing = lines;
    let mut end = size;
    while end > 0 {
        let window = source.window_before(end)?;
        let bytes = collect(source.range(window, Verification::Skip).await?).await?;
        for (at, byte) in bytes.iter().enumerate().rev() {
            let next = window.offset() + at as u64 + 1;
            if *byte == b'\n' && next < size {
                missing -= 1;
                if missing == 0 {
                    return Ok(next);
                }
            }
        }
        end = window.offset();
    }
    Ok(0)
}

/// Reads everything, once to count the lines and once to find the place, since nothing can be
/// remembered of an unknown number of lines.
async fn forwards(source: &Source<'_>, lines: u64) -> Result<u64> {
    // The first line begins at 0, after no newline.
    let newlines = nth_line(source, 0, u64::MAX).await?.passed;
    match (newlines + 1).saturating_sub(lines) {
        0 => Ok(0),
        newline => Ok(nth_line(source, 0, newline).await?.start.unwrap_or(0)),
    }
}

/// The range of a page.
///
/// Errors: `InvalidInput` for a page behind the last.
pub(crate) async fn page(source: &Source<'_>, page: Page) -> Result<ByteRange> {
    let size = source.size_bytes();
    let count = page.count(size);
    if page.number.get() > count {
        return Err(Error::invalid_input(format!(
            "there is no page {} of {}: it has {count}",
            page.number,
            source.name()
        )));
    }
    let from = (page.number.get() - 1) * page.size_bytes.get();
    let start = line_at_or_after(source, from).await?;
    let end = match from.checked_add(page.size_bytes.get()) {
        Some(end) if end < size => line_at_or_after(source, end).await?,
        _ => size,
    };
    ByteRange::new(start, end - start)
}

/// Where the first line begins that does not begin before `offset`; the end where there is none.
async fn line_at_or_after(source: &Source<'_>, offset: u64) -> Result<u64> {
    match offset.checked_sub(1) {
        None => Ok(0),
        Some(before) => {
            let found = nth_line(source, before, 1).await?;
            Ok(found.start.unwrap_or(source.size_bytes()))
        }
    }
}

struct Lines {
    /// Where the line begins that was looked for.
    start: Option<u64>,
    /// How many lines were seen to begin, up to there.
    passed: u64,
}

/// Looks from `offset` on for the newlines that another line follows, up to the `wanted`-th.
async fn nth_line(source: &Source<'_>, offset: u64, wanted: u64) -> Result<Lines> {
    let size = source.size_bytes();
    let (mut at, mut passed) = (offset, 0);
    while at < size {
        let window = source.window_after(at)?;
        let mut body = source.range(window, Verification::Skip).await?;
        while let Some(chunk) = body.try_next().await? {
            for byte in &chunk[..] {
                at += 1;
                if *byte == b'\n' && at < size {
                    passed += 1;
                    if passed == wanted {
                        let start = Some(at);
                        return Ok(Lines { start, passed });
                    }
                }
            }
        }
        // A stream that ends too early gives an error; this is for whoever breaks that promise.
        at = at.max(window.end());
    }
    let start = None;
    Ok(Lines { start, passed })
}
