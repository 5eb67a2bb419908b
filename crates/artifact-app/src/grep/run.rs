//! A search over many artifacts: several at once, and what they give one after another.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use artifact_domain::Result;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::open::{Opened, searches};
use super::search::{Found, TextEnd};
use super::{GrepEnd, GrepItem, GrepOptions, GrepOutput, GrepReport, GrepScope, GrepSource};
use crate::Store;

/// A search that is on its way; dropped, it stops.
pub struct Grep {
    /// Those that are still to begin; none once there are no more.
    opening: Option<BoxStream<'static, Result<Opened>>>,
    /// Those that have begun, but for the first of them.
    ahead: VecDeque<Result<Opened>>,
    /// The one whose findings are given.
    current: Option<Current>,
    output: GrepOutput,
    readers: usize,
    /// How many matches are still wanted.
    left: Option<u64>,
    report: GrepReport,
}

struct Current {
    source: Arc<GrepSource>,
    found: BoxStream<'static, Result<Found>>,
    /// How many matches were given.
    given: u64,
}

/// What comes next: another search that has begun, or a finding of the current one.
enum Step {
    Opened(Option<Result<Opened>>),
    Found(Option<Result<Found>>),
}

impl Grep {
    pub(super) fn new(store: &Store, scope: GrepScope, options: &GrepOptions) -> Self {
        Self {
            opening: Some(searches(store, scope, options)),
            ahead: VecDeque::new(),
            current: None,
            output: options.output,
            readers: options.readers.max(1),
            left: options.max_total,
            report: GrepReport::default(),
        }
    }

    /// What has been searched so far.
    pub fn report(&self) -> GrepReport {
        self.report
    }

    /// What comes next; nothing at the end. Dropped before it is ready it has lost nothing.
    ///
    /// # Errors
    /// Those of the index, which end it.
    pub async fn next(&mut self) -> Option<Result<GrepItem>> {
        if self.left == Some(0) {
            self.stop();
            self.report.is_cut_short = true;
        }
        loop {
            if self.current.is_none()
                && let Some(opened) = self.ahead.pop_front()
            {
                match opened {
                    Ok(opened) => {
                        if let Some(item) = self.begin(opened) {
                            return Some(Ok(item));
                        }
                    }
                    Err(error) => {
                        self.stop();
                        return Some(Err(error));
                    }
                }
                continue;
            }
            match self.step().await? {
                Step::Opened(Some(opened)) => self.ahead.push_back(opened),
                Step::Opened(None) => self.opening = None,
                Step::Found(found) => {
                    if let Some(item) = self.take(found) {
                        return Some(Ok(item));
                    }
                }
            }
        }
    }

    /// Both are asked at once: what is begun must not wait while something is found, nor the other
    /// way round.
    async fn step(&mut self) -> Option<Step> {
        // The current one is searched too.
        let has_room = self.ahead.len() + 1 < self.readers;
        match (&mut self.opening, &mut self.current) {
            (None, None) => None,
            (Some(opening), None) => Some(Step::Opened(opening.next().await)),
            (Some(opening), Some(current)) if has_room => Some(tokio::select! {
                opened = opening.next() => Step::Opened(opened),
                found = current.found.next() => Step::Found(found),
            }),
            (_, Some(current)) => Some(Step::Found(current.found.next().await)),
        }
    }

    fn begin(&mut self, opened: Opened) -> Option<GrepItem> {
        match opened {
            Opened::Searching(source, found) => {
                self.current = Some(Current {
                    source,
                    found,
                    given: 0,
                });
            }
            Opened::LeftOut(size_bytes) => {
                self.report.left_out_artifacts += 1;
                self.report.left_out_bytes += size_bytes;
            }
            Opened::Gone => self.report.gone_artifacts += 1,
            Opened::Failed(error) => {
                self.report.failed_artifacts += 1;
                return Some(GrepItem::Failed(error));
            }
        }
        None
    }

    fn take(&mut self, found: Option<Result<Found>>) -> Option<GrepItem> {
        match found {
            Some(Ok(Found::Read(bytes))) => Some(GrepItem::Read(bytes)),
            Some(Ok(Found::Lines(mut lines))) => {
                let current = self.current.as_mut()?;
                let mut matches = lines.matches();
                if let Some(left) = self.left
                    && matches >= left
                {
                    lines.truncate(left);
                    matches = left;
                }
                current.given += matches;
                self.count(matches);
                self.current
                    .as_ref()
                    .map(|current| GrepItem::Lines(Arc::clone(&current.source), lines))
            }
            Some(Ok(Found::End(end))) => self.end(end),
            Some(Err(error)) => {
                self.current = None;
                self.report.failed_artifacts += 1;
                Some(GrepItem::Failed(error))
            }
            // After its end.
            None => {
                self.current = None;
                None
            }
        }
    }

    fn end(&mut self, end: TextEnd) -> Option<GrepItem> {
        let current = self.current.take()?;
        if !matches!(self.output, GrepOutput::Lines { .. }) {
            self.count(end.matches);
        }
        let report = &mut self.report;
        report.artifacts += 1;
        report.size_bytes += current
            .source
            .record
            .content
            .as_ref()
            .map_or(0, |content| content.size_bytes);
        report.matching_artifacts += u64::from(end.matches > 0);
        report.binary_artifacts += u64::from(end.binary_at.is_some());
        report.cut_lines += end.cut_lines;
        let end = GrepEnd {
            matches: end.matches,
            binary_at: end.binary_at,
            cut_lines: end.cut_lines,
        };
        Some(GrepItem::Ended(current.source, end))
    }

    fn count(&mut self, matches: u64) {
        self.report.matches += matches;
        self.left = self.left.map(|left| left.saturating_sub(matches));
    }

    /// Nothing more is begun, and what has begun is left.
    fn stop(&mut self) {
        if let Some(current) = self.current.take()
            && current.given > 0
        {
            self.report.artifacts += 1;
            self.report.matching_artifacts += 1;
        }
        self.ahead.clear();
        self.opening = None;
        self.left = None;
    }
}

impl fmt::Debug for Grep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grep")
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
