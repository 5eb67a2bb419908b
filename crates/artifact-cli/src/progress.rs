//! Progress on stderr: a bar on a terminal, a line every few seconds elsewhere.

use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::AbortHandle;

/// How often a line is written where no terminal shows a bar.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a bar is redrawn while nothing moves.
const TICK: Duration = Duration::from_millis(100);

/// Counts bytes and files, and shows them. Cloning gives a handle to the same count.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Option<Arc<Shown>>);

#[derive(Debug)]
struct Shown {
    verb: &'static str,
    bytes: AtomicU64,
    files: AtomicU64,
    /// Known from the beginning, later, or never.
    total_files: OnceLock<u64>,
    bar: ProgressBar,
    /// What writes lines, where no bar is drawn.
    lines: OnceLock<AbortHandle>,
}

impl Progress {
    /// Shows nothing.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Begins to show.
    pub(crate) fn new(
        verb: &'static str,
        total_bytes: Option<u64>,
        total_files: Option<u64>,
    ) -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = bar(verb, total_bytes, terminal);
        let shown = Arc::new(Shown {
            verb,
            bytes: AtomicU64::new(0),
            files: AtomicU64::new(0),
            total_files: total_files.map_or_else(OnceLock::new, OnceLock::from),
            bar,
            lines: OnceLock::new(),
        });
        if terminal {
            shown.show_files();
        } else {
            let weak = Arc::downgrade(&shown);
            let task = tokio::spawn(async move {
                loop {
                    tokio::time::sleep(LINE_INTERVAL).await;
                    let Some(shown) = weak.upgrade() else { return };
                    shown.write_line();
                }
            });
            // Set once, right here.
            let _ = shown.lines.set(task.abort_handle());
        }
        Self(Some(shown))
    }

    /// Learns how much it will be in all, once that is known.
    pub(crate) fn set_totals(&self, total_bytes: Option<u64>, total_files: u64) {
        if let Some(shown) = &self.0 {
            let _ = shown.total_files.set(total_files);
            if let Some(total_bytes) = total_bytes {
                shown.bar.set_length(total_bytes);
                set_style(&shown.bar, true);
            }
            shown.show_files();
        }
    }

    /// Counts bytes.
    pub(crate) fn add_bytes(&self, count: u64) {
        if let Some(shown) = &self.0 {
            shown.bytes.fetch_add(count, Ordering::Relaxed);
            shown.bar.inc(count);
        }
    }

    /// Counts a file.
    pub(crate) fn add_file(&self) {
        if let Some(shown) = &self.0 {
            shown.files.fetch_add(1, Ordering::Relaxed);
            shown.show_files();
        }
    }

    /// A reader whose bytes are counted.
    pub(crate) fn reader<R>(&self, inner: R) -> CountingReader<R> {
        CountingReader {
            inner,
            progress: self.clone(),
            at: 0,
            counted: 0,
        }
    }

    /// Runs `write` while no bar is drawn, so that its output does not mix with it.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(shown) => shown.bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(shown) = &self.0 {
            shown.bar.finish_and_clear();
            if let Some(lines) = shown.lines.get() {
                lines.abort();
            }
        }
    }
}

fn bar(verb: &'static str, total_bytes: Option<u64>, terminal: bool) -> ProgressBar {
    let target = if terminal {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(total_bytes, target);
    set_style(&bar, total_bytes.is_some());
    bar.set_prefix(verb);
    if terminal {
        bar.enable_steady_tick(TICK);
    }
    bar
}

fn set_style(bar: &ProgressBar, has_total: bool) {
    let template = if has_total {
        "{prefix} [{bar:30}] {bytes}/{total_bytes} {msg} {bytes_per_sec} eta {eta}"
    } else {
        "{prefix} {spinner} {bytes} {msg} {bytes_per_sec} {elapsed}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
}

impl Shown {
    fn files(&self) -> String {
        let files = self.files.load(Ordering::Relaxed);
        match self.total_files.get() {
            Some(1) => String::new(),
            Some(total) => format!("{files}/{total} files"),
            None => format!("{files} files"),
        }
    }

    fn show_files(&self) {
        self.bar.set_message(self.files());
    }

    fn write_line(&self) {
        let bytes = HumanBytes(self.bytes.load(Ordering::Relaxed));
        let total = self
            .bar
            .length()
            .map(|total| format!("/{}", HumanBytes(total)));
        let line = format!(
            "{} {bytes}{} {}",
            self.verb,
            total.unwrap_or_default(),
            self.files()
        );
        // Nobody listens: nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{}", line.trim_end());
    }
}

/// See [`Progress::reader`].
#[derive(Debug)]
pub(crate) struct CountingReader<R> {
    inner: R,
    progress: Progress,
    at: u64,
    /// How far it was read. What is read once more counts once.
    counted: u64,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.at += count as u64;
        if let Some(new) = self.at.checked_sub(self.counted) {
            self.progress.add_bytes(new);
            self.counted = self.at;
        }
        Ok(count)
    }
}

impl<R: Seek> Seek for CountingReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.inner.seek(to)?;
        Ok(self.at)
    }
}
