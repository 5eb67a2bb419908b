//! Which pages of other origins a browser lets use the server. Knows no route.

use artifact_domain::{Error, Result};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, ETAG, LINK, LOCATION, RETRY_AFTER,
};
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::headers::warning::ARTIFACT_WARNING;

/// How long a browser may remember what it was told.
const MAX_AGE: std::time::Duration = std::time::Duration::from_hours(1);

/// What pages may read of an answer, beside its body.
const EXPOSED: [HeaderName; 22] = [
    ACCEPT_RANGES,
    CONTENT_DISPOSITION,
    CONTENT_RANGE,
    ETAG,
    LINK,
    LOCATION,
    RETRY_AFTER,
    ARTIFACT_WARNING,
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("tus-checksum-algorithm"),
    HeaderName::from_static("tus-extension"),
    HeaderName::from_static("tus-max-size"),
    HeaderName::from_static("tus-resumable"),
    HeaderName::from_static("tus-version"),
    HeaderName::from_static("upload-expires"),
    HeaderName::from_static("upload-length"),
    HeaderName::from_static("upload-metadata"),
    HeaderName::from_static("upload-offset"),
    HeaderName::from_static("x-artifact-id"),
    HeaderName::from_static("x-artifact-location"),
    HeaderName::from_static("x-checksum-sha256"),
    HeaderName::from_static("x-request-id"),
];

/// The rules for these origins, `*` or several with commas between.
///
/// # Errors
/// `InvalidInput` for what is no origin.
pub(crate) fn layer(origins: &str) -> Result<CorsLayer> {
    let origins: Vec<_> = origins.split(',').map(str::trim).collect();
    let allowed = if origins == ["*"] {
        AllowOrigin::any()
    } else {
        let parsed: Result<Vec<_>> = origins.into_iter().map(origin).collect();
        AllowOrigin::list(parsed?)
    };
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
    ];
    Ok(CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods(methods)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE))
}

fn origin(text: &str) -> Result<HeaderValue> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']));
    let value = HeaderValue::from_str(text).ok().filter(|_| is_origin);
    value.ok_or_else(|| {
        Error::invalid_input(format!("http.cors_origins: `{text}` is no origin"))
            .with_hint("write * or origins such as https://ci.example.org, with commas between")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_origin_is_refused() {
        for good in [
            "*",
            "https://a.example",
            "http://localhost:3000, https://b.example",
        ] {
            assert!(layer(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "https://a.example/path",
            "*, https://a",
            "https://*.a",
        ] {
            assert!(layer(bad).is_err(), "{bad}");
        }
    }
}
