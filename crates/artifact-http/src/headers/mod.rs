//! Headers of requests and answers, one module each. They know neither routes nor use cases.

pub(crate) mod date;
pub(crate) mod digest;
pub(crate) mod disposition;
pub(crate) mod encoding;
pub(crate) mod etag;
pub(crate) mod range;
pub(crate) mod warning;
