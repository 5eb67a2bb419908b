//! Requests on their way to the client, with their queries spelled as services want them that judge a
//! signature by what they are sent. Knows no service.

use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use opendal::{Buffer, HttpBody, HttpTransport};

/// Sends a query as it is signed: a `/` in it as `%2F`. Most services encode what they are sent anew
/// before they judge its signature, some take it as it is.
pub(super) struct Encoded<T>(pub(super) T);

impl<T: HttpTransport> HttpTransport for Encoded<T> {
    async fn fetch(&self, mut request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        if let Some(encoded) = encoded(request.uri()) {
            *request.uri_mut() = encoded;
        }
        self.0.fetch(request).await
    }
}

/// The same address with another spelling of its query; none where it has no other.
fn encoded(uri: &Uri) -> Option<Uri> {
    let query = uri.query().filter(|query| query.contains('/'))?;
    let query = query.replace('/', "%2F");
    let mut parts = uri.clone().into_parts();
    let path_and_query = format!("{}?{query}", uri.path());
    parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_sent_as_it_is_signed() {
        for (address, expected) in [
            (
                "http://a:1/b/c?list-type=2&prefix=artifacts/s/",
                Some("http://a:1/b/c?list-type=2&prefix=artifacts%2Fs%2F"),
            ),
            ("http://a/b/c?partNumber=1", None),
            ("http://a/b/c", None),
        ] {
            let found = encoded(&address.parse().unwrap());
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), expected);
        }
    }
}
