//! What is said of a file in any archive. It must not know how a format writes it.

/// A file of an archive, but for its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryInfo<'a> {
    /// Its path, with `/` between folders; relative, and without `.` and `..`.
    pub path: &'a str,
    /// When it was last written, in seconds since 1970, UTC.
    pub modified: i64,
    /// Whether it may be executed.
    pub executable: bool,
}

impl EntryInfo<'_> {
    /// The permissions that go with it.
    pub(crate) fn mode(&self) -> u32 {
        if self.executable { 0o755 } else { 0o644 }
    }
}
