//! Requests to URLs that were signed here: the signature says that somebody who may has asked for it.

use artifact_bootstrap::SignedTarget;
use artifact_domain::access::{Action, Grant, Principal};
use artifact_domain::query::Area;
use artifact_domain::{Error, ErrorKind, Result};
use axum::extract::Request;
use http::uri::PathAndQuery;
use http::{Method, Uri};

use crate::state::App;

/// What a URL says that is signed; none where it is not.
pub(super) fn of(uri: &Uri) -> Option<SignedTarget> {
    SignedTarget::parse(uri.path_and_query()?.as_str())
}

/// Who comes by such a URL. He may do what the route does, which is bound to what the path names, and
/// nothing that is never signed.
pub(super) fn bearer(
    app: &App,
    action: Action,
    method: &Method,
    signed: &SignedTarget,
) -> Result<Principal> {
    let now = app.own_store().now();
    app.signer.check(method.as_str(), signed, now)?;
    if !matches!(
        (method, action),
        (&Method::GET, Action::Read) | (&Method::PUT, Action::Write)
    ) {
        let message = "no URL is signed for such a request";
        return Err(Error::new(ErrorKind::Unauthenticated, message));
    }
    let grant = Grant {
        actions: [action].into_iter().collect(),
        area: Area::everywhere(),
    };
    Ok(Principal::new("the bearer of a signed URL", vec![grant]))
}

/// Takes what the signature has added away, which no route knows.
pub(super) fn strip(request: &mut Request, signed: &SignedTarget) {
    let query = signed.target.split_once('?').map(|(_, query)| query);
    let path = request.uri().path();
    let text = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    // It is a part of one that was a path and query.
    if let Ok(target) = PathAndQuery::try_from(text) {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(target);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
}
