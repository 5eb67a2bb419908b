//! What a contract case tests, together with what must live as long. Knows no port.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A port under test, and the temporary folders or servers that it needs to live.
///
/// The port is dropped before what is kept for it.
pub struct Subject<P: ?Sized> {
    port: Arc<P>,
    kept: Vec<Box<dyn Any + Send>>,
    longest_key_bytes: usize,
    breaks_replaced_reads: bool,
}

impl<P: ?Sized> Subject<P> {
    /// A subject that needs nothing else.
    pub fn new(port: Arc<P>) -> Self {
        Self {
            port,
            kept: Vec::new(),
            longest_key_bytes: usize::MAX,
            breaks_replaced_reads: false,
        }
    }

    /// One whose service may forget bytes that are replaced while they are read: the reader then gets a
    /// conflict, and never a mixture.
    #[must_use]
    pub fn breaking_replaced_reads(mut self) -> Self {
        self.breaks_replaced_reads = true;
        self
    }

    /// Whether reading what is replaced may end in a conflict.
    pub fn breaks_replaced_reads(&self) -> bool {
        self.breaks_replaced_reads
    }

    /// One that takes no longer keys than that, and refuses them as invalid.
    #[must_use]
    pub fn with_keys_up_to(mut self, bytes: usize) -> Self {
        self.longest_key_bytes = bytes;
        self
    }

    /// The length of the longest key that it takes.
    pub fn longest_key_bytes(&self) -> usize {
        self.longest_key_bytes
    }

    /// Keeps `thing` for as long as the subject lives.
    #[must_use]
    pub fn keeping(mut self, thing: impl Send + 'static) -> Self {
        self.kept.push(Box::new(thing));
        self
    }

    /// The port, to be handed to a task.
    pub fn port(&self) -> Arc<P> {
        Arc::clone(&self.port)
    }
}

impl<P: ?Sized> Deref for Subject<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.port
    }
}

impl<P: ?Sized> fmt::Debug for Subject<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("kept", &self.kept.len())
            .finish_non_exhaustive()
    }
}
