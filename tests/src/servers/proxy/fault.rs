//! What can go wrong on the way to a server, and with which requests. Knows no connection.

use std::time::Duration;

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The server is not asked; the answer has this status and this body.
    Answer(u16, String),
    /// The server is asked, and its answer replaced by an empty one of this status.
    LoseAnswer(u16),
    /// The connection is cut once so many bytes of the request's body have passed.
    CutRequest(u64),
    /// The connection is cut once so many bytes of the response's body have passed.
    CutResponse(u64),
    /// The request waits that long before it is handed on.
    Delay(Duration),
    /// The response waits that long once so many bytes of its body have passed.
    StallResponse(u64, Duration),
    /// The byte at this place of the request's body arrives as another.
    FlipRequest(u64),
    /// The byte at this place of the response's body arrives as another.
    FlipResponse(u64),
}

impl Fault {
    /// S3's request to come less often.
    pub fn slow_down() -> Self {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                    <Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message>\
                    <RequestId>e2e</RequestId></Error>";
        Self::Answer(503, body.to_owned())
    }

    /// A server that is not there for the moment.
    pub fn unavailable() -> Self {
        Self::Answer(503, String::new())
    }

    /// The same request as `slow_down`, as HTTP says it.
    pub fn too_many_requests() -> Self {
        Self::Answer(429, String::new())
    }
}

/// A request as the proxy has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `PUT` …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header, whichever case its name is written in.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Which requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Which<'a> {
    /// Of this method; empty for all.
    pub method: &'a str,
    /// With this in path and query, such as `partNumber=2`; empty for all.
    pub target: &'a str,
}

impl Which<'_> {
    /// Every request.
    pub const ALL: Self = Self {
        method: "",
        target: "",
    };

    pub(crate) fn is(&self, request: &Request) -> bool {
        (self.method.is_empty() || self.method == request.method)
            && request.target.contains(self.target)
    }
}
