//! Requests on their way to the client, with what services want of them that judge a signature by what
//! they are sent, or know no checksums, and faults on their way back. Knows no service.

use std::error::Error;
use std::io;

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use opendal::raw::format_content_md5;
use opendal::{Buffer, HttpBody, HttpTransport};

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// Sends a query as it is signed: a `/` in it as `%2F`. Most services encode what they are sent anew
/// before they judge its signature, some take it as it is.
pub(super) struct Encoded<T>(pub(super) T);

impl<T: HttpTransport> HttpTransport for Encoded<T> {
    async fn fetch(&self, mut request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        if let Some(encoded) = encoded(request.uri()) {
            *request.uri_mut() = encoded;
        }
        if let Some(digest) = digest(&request).await {
            request.headers_mut().insert(CONTENT_MD5, digest);
        }
        let answer = self.0.fetch(request).await;
        answer.map_err(|cause| {
            if is_untrusted(&cause) {
                cause.set_permanent()
            } else {
                cause
            }
        })
    }
}

/// Whether the service's certificate is the fault, which no second attempt makes good.
fn is_untrusted(cause: &opendal::Error) -> bool {
    let mut source = cause.source();
    while let Some(error) = source {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        // The source of an error of input and output is that of the error within it.
        let within = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        source = match within {
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    false
}

/// By what a service finds out that bytes arrived as others, where TLS does not: some that do not know
/// the checksum of S3 look at this one. None for what has no body or has one already.
async fn digest(request: &Request<Buffer>) -> Option<HeaderValue> {
    let is_plain = request.uri().scheme_str() == Some("http");
    let is_put = request.method() == Method::PUT && !request.body().is_empty();
    if !is_plain || !is_put || request.headers().contains_key(CONTENT_MD5) {
        return None;
    }
    let body = request.body().clone();
    let hashed = tokio::task::spawn_blocking(move || format_content_md5(&body.to_bytes()));
    HeaderValue::try_from(hashed.await.ok()?).ok()
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

    #[tokio::test]
    async fn what_is_put_without_tls_says_its_digest() {
        let request = |method, address: &str, body: &'static str| {
            let request = Request::builder().method(method).uri(address);
            request.body(Buffer::from(body)).unwrap()
        };
        let put = request(Method::PUT, "http://a/b/c", "x");
        let digest_of_x = "ndTkYSaMgDT1yFZOFVxnpg==";
        assert_eq!(digest(&put).await.unwrap(), digest_of_x);
        for other in [
            request(Method::PUT, "https://a/b/c", "x"),
            request(Method::PUT, "http://a/b/c", ""),
            request(Method::POST, "http://a/b/c", "x"),
        ] {
            assert_eq!(digest(&other).await, None);
        }
    }

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
