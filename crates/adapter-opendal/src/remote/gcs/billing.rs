//! Who pays for a request: the project that it names. Knows the service's host, and nothing of what is
//! asked there.

use artifact_domain::{Error, Result};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use opendal::{Buffer, HttpBody, HttpTransport, HttpTransporter};

use super::{GcsOptions, raw};
use crate::remote::client;

const USER_PROJECT: HeaderName = HeaderName::from_static("x-goog-user-project");

/// The client for requests that name the project of the settings, and send `headers`.
pub(super) fn transport(options: &GcsOptions, headers: HeaderMap) -> Result<HttpTransporter> {
    let client = client::new(headers, None)?;
    let Some(project) = &options.project else {
        return Ok(client);
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    let name = Some(project).filter(|project| project.chars().all(is_name));
    let name = name.and_then(|project| HeaderValue::from_str(project).ok());
    let project = name.ok_or_else(|| {
        let message = format!("`gcs.project` can't be `{project}`");
        Error::invalid_input(message)
            .with_hint("it is the id or the number of a project, such as `my-project-1234`")
    })?;
    let service = raw::endpoint(options).parse::<Uri>().ok();
    Ok(HttpTransporter::new(Billed {
        client,
        host: service.and_then(|url| Some(url.authority()?.to_string())),
        project,
    }))
}

/// Names the project in what is sent to the service, and to nobody else: those who give tokens out would
/// ask for rights of their own.
struct Billed {
    client: HttpTransporter,
    host: Option<String>,
    project: HeaderValue,
}

impl HttpTransport for Billed {
    async fn fetch(&self, mut request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let host = request.uri().authority().map(http::uri::Authority::as_str);
        if host == self.host.as_deref() {
            let project = self.project.clone();
            request.headers_mut().insert(USER_PROJECT, project);
        }
        self.client.fetch(request).await
    }
}
