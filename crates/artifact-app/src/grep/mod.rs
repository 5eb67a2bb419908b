//! Looking for a pattern in the contents of artifacts: what is asked for, and what is found.

mod lines;
mod open;
mod pattern;
mod run;
mod search;
mod text;

use std::sync::Arc;

use artifact_domain::query::{Filter, Order};
use artifact_domain::{ArtifactRecord, ArtifactRef, ArtifactUri, Error, Result};

pub use self::lines::{GrepKind, GrepLine, GrepLines};
pub use self::pattern::{Pattern, PatternOptions};
pub use self::run::Grep;
use self::search::SearchOptions;
use crate::Store;

/// How many lines of context there are at most, before or after.
const MAX_CONTEXT: u16 = 500;

/// Where to look.
#[derive(Debug, Clone)]
pub enum GrepScope {
    /// In what a filter selects.
    Selected {
        /// The filter; what is not live has no bytes, and is left out.
        filter: Box<Filter>,
        /// In which order.
        order: Order,
        /// Only so many of the first; all where that is not said.
        limit: Option<u64>,
    },
    /// In these, in this order.
    These(Vec<ArtifactRef>),
}

/// What is wanted of the lines that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrepOutput {
    /// The lines.
    Lines {
        /// How many lines before each, at most 500.
        before: u16,
        /// How many lines after each, at most 500.
        after: u16,
        /// Whether to say where in a line the pattern stands.
        submatches: bool,
    },
    /// How many there are in each artifact.
    Counts,
    /// Which artifacts have one. No artifact is read further than to the first.
    Artifacts,
}

/// What to look for, and how far to go.
#[derive(Debug, Clone)]
pub struct GrepOptions {
    /// What to look for.
    pub pattern: Pattern,
    /// What is wanted of the lines that match.
    pub output: GrepOutput,
    /// Whether the lines are looked for that the pattern does not match.
    pub invert: bool,
    /// Whether artifacts that are no text are searched too, as if they were.
    pub binary_as_text: bool,
    /// How many matching lines of each artifact, at most.
    pub max_count: Option<u64>,
    /// How many matching lines in all, at most; with [`GrepOutput::Artifacts`] how many artifacts.
    pub max_total: Option<u64>,
    /// How many original bytes are read in all, at most. An artifact that does not fit into what is
    /// left of them is left out, and the next one is tried. One that does counts with its size,
    /// however far it is read.
    pub max_bytes: Option<u64>,
    /// How many artifacts are searched at once; two more may have been opened.
    pub readers: usize,
}

impl GrepOptions {
    /// Every matching line of every artifact, without context, one artifact at a time.
    pub fn new(pattern: Pattern) -> Self {
        Self {
            pattern,
            output: GrepOutput::Lines {
                before: 0,
                after: 0,
                submatches: false,
            },
            invert: false,
            binary_as_text: false,
            max_count: None,
            max_total: None,
            max_bytes: None,
            readers: 1,
        }
    }

    /// How many bytes of a line are looked at and given. It is 128 KiB, and with more than 15 lines
    /// of context before a match less: as much as fits, with them, into 2 MiB.
    pub fn max_line_bytes(&self) -> usize {
        self.search_options().max_line_bytes()
    }

    fn search_options(&self) -> SearchOptions {
        SearchOptions {
            pattern: self.pattern.clone(),
            output: self.output,
            invert: self.invert,
            binary_as_text: self.binary_as_text,
            max_count: self.max_count,
        }
    }
}

/// What was searched.
#[derive(Debug, Clone, PartialEq)]
pub struct GrepSource {
    /// The version.
    pub record: ArtifactRecord,
    /// How it was asked for: an address without a version where its newest version was.
    pub uri: ArtifactUri,
}

/// How the search of an artifact ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrepEnd {
    /// How many lines match, as far as they were looked for.
    pub matches: u64,
    /// Where the first byte stands that no text has: from there on it was not searched. It is an
    /// offset in the text as it was read, in UTF-8 and with long lines cut.
    pub binary_at: Option<u64>,
    /// How many lines were cut.
    pub cut_lines: u64,
}

/// Something that was found, or happened on the way.
#[derive(Debug)]
pub enum GrepItem {
    /// Lines of an artifact.
    Lines(Arc<GrepSource>, GrepLines),
    /// An artifact was searched. All of its lines have come before.
    Ended(Arc<GrepSource>, GrepEnd),
    /// An artifact could not be searched, or not to its end. The others are.
    Failed(Error),
    /// So many bytes more were read.
    Read(u64),
}

/// What has been searched so far, and what was left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GrepReport {
    /// How many artifacts were searched, to where they match or to their end.
    pub artifacts: u64,
    /// Their original bytes.
    pub size_bytes: u64,
    /// How many lines match; with [`GrepOutput::Artifacts`] how many artifacts.
    pub matches: u64,
    /// How many artifacts have such a line.
    pub matching_artifacts: u64,
    /// How many were not searched, or not to their end, since they are no text.
    pub binary_artifacts: u64,
    /// How many lines were cut.
    pub cut_lines: u64,
    /// How many artifacts were left out, since [`GrepOptions::max_bytes`] was reached.
    pub left_out_artifacts: u64,
    /// Their original bytes.
    pub left_out_bytes: u64,
    /// How many were deleted before they could be read.
    pub gone_artifacts: u64,
    /// How many could not be searched, or not to their end.
    pub failed_artifacts: u64,
    /// Whether [`GrepOptions::max_total`] was reached: there may be more.
    pub is_cut_short: bool,
}

impl Store {
    /// Looks for lines in the contents of artifacts.
    ///
    /// What is found comes artifact by artifact in the order of the scope, each in the order of its
    /// lines, however many are searched at once, and the same in every run. Nothing of an artifact is
    /// written anywhere. Stored bytes are checked by the CRC-32 of their blocks, what is stored
    /// uncompressed by its digest; damage is a [`GrepItem::Failed`], perhaps after lines of the same
    /// artifact.
    ///
    /// As text counts what has no byte 0 in it, and what begins with a byte order mark of UTF-16,
    /// which is searched as UTF-8. An artifact that turns out to be binary is searched up to there;
    /// if that is within its first 8 KiB not at all.
    ///
    /// Memory: for each of the readers some megabytes, whatever the artifacts and their lines are.
    /// A [`Grep`] that is dropped stops.
    ///
    /// # Errors
    /// `InvalidInput` for more than 500 lines of context.
    pub fn grep(&self, scope: GrepScope, options: &GrepOptions) -> Result<Grep> {
        if let GrepOutput::Lines { before, after, .. } = options.output
            && before.max(after) > MAX_CONTEXT
        {
            return Err(Error::invalid_input(format!(
                "there are at most {MAX_CONTEXT} lines of context, not {}",
                before.max(after)
            )));
        }
        Ok(Grep::new(self, scope, options))
    }
}
