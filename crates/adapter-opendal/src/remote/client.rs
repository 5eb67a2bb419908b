//! The HTTP client that every request to an object store goes through. Knows nothing of what is
//! asked.

use std::fs;
use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use http::HeaderMap;
use opendal::HttpTransporter;
use opendal_http_transport_reqwest::ReqwestTransport;
use reqwest::Certificate;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the peer may leave bytes unacknowledged before the connection counts as dead.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// What asks for bytes as they are stored: Google's service unpacks what is stored as gzip for
/// whoever does not say that he takes it packed.
#[cfg(feature = "gcs")]
pub(super) fn as_stored() -> HeaderMap {
    let gzip = http::HeaderValue::from_static("gzip");
    HeaderMap::from_iter([(http::header::ACCEPT_ENCODING, gzip)])
}

/// A client that sends `headers` with every request. It unpacks nothing: reqwest is built without
/// its decoders.
///
/// It trusts the certificates of the system, and those in the file `ca_bundle`.
pub(super) fn new(headers: HeaderMap, ca_bundle: Option<&str>) -> Result<HttpTransporter> {
    // One of the process, whoever is first; that there is one already is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .default_headers(headers)
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        // A redirect of a bucket says that it is asked for in the wrong place, and its signature
        // holds for one place only.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("artifact-store/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(ca_bundle.map(certificates).transpose()?.unwrap_or_default());
    #[cfg(target_os = "linux")]
    let builder = builder.tcp_user_timeout(UNACKNOWLEDGED);
    let client = builder.build().map_err(|cause| {
        Error::new(ErrorKind::Internal, "the HTTP client can't be made")
            .with_hint("look at the system's certificates (`ca-certificates`)")
            .with_source(cause)
    })?;
    Ok(HttpTransporter::new(super::encoded::Encoded(
        ReqwestTransport::new(client),
    )))
}

fn certificates(path: &str) -> Result<Vec<Certificate>> {
    let unreadable = || {
        let message = format!("the certificates in `{path}` can't be read");
        Error::invalid_input(message).with_hint("AWS_CA_BUNDLE names a file in PEM format")
    };
    let bytes = fs::read(path).map_err(|cause| unreadable().with_source(cause))?;
    let found = Certificate::from_pem_bundle(&bytes);
    let found = found.map_err(|cause| unreadable().with_source(cause))?;
    if found.is_empty() {
        return Err(unreadable());
    }
    Ok(found)
}
