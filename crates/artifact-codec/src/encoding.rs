//! Names the forms in which bytes can be stored. It must not know how either is produced.

use std::fmt;

/// The form in which a stream is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The bytes as they came.
    Identity,
    /// Gzip, [RFC 1952](https://www.rfc-editor.org/rfc/rfc1952).
    Gzip,
}

impl Encoding {
    /// The name of the encoding in HTTP's `Content-Encoding` (RFC 9110, section 8.4.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
