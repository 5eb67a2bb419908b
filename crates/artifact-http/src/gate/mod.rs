//! The one place that every request passes before its route: who asks is found out here, and no route
//! comes to the store but by asking here whether he may.

mod attempt;
mod caller;
mod credential;
mod doors;
mod local;
mod ongoing;
mod said;
mod signed;

use artifact_domain::access::{Action, Principal};
use artifact_domain::{Error, ErrorKind};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{OriginalUri, RawPathParams, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::MethodRouter;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode, Uri};

use crate::problem::Problem;
use crate::rate::{self, TokenName};
use crate::state::App;
use attempt::Attempt;
pub(crate) use caller::Caller;
pub(crate) use doors::Doors;
use ongoing::Ongoing;
pub(crate) use ongoing::Work;

/// What a client is told that showed nothing, or nothing that is accepted.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"artifact-store\"");
const CHALLENGE_AGAIN: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"artifact-store\", error=\"invalid_token\"");

/// Puts the gate before routes that are for those who may do `action`, be it on one artifact only.
pub(crate) fn guard(app: &App, action: Action, routes: MethodRouter<App>) -> MethodRouter<App> {
    let guard = Guard {
        app: app.clone(),
        action,
    };
    routes.layer(middleware::from_fn_with_state(guard, pass))
}

/// What the gate knows of a route.
#[derive(Debug, Clone)]
struct Guard {
    app: App,
    action: Action,
}

/// Lets a request pass that may, and has it written down.
async fn pass(
    State(guard): State<Guard>,
    OriginalUri(uri): OriginalUri,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let is_guarded = guard.app.doors().are_guarded();
    let mut attempt = if is_guarded {
        Attempt::begin(&guard, uri.path(), params.ok().as_ref(), &request)
    } else {
        Attempt::default()
    };
    let answered = admit(guard, is_guarded, &uri, request, &mut attempt, next).await;
    let status = match &answered {
        Ok(response) => response.status(),
        Err(problem) => problem.status(),
    };
    if status == StatusCode::TOO_MANY_REQUESTS {
        attempt.forget();
    } else {
        attempt.end(status).await;
    }
    answered
}

/// Finds out who asks, and lets him through if he may do the action anywhere; the route asks about what it
/// is done to.
async fn admit(
    guard: Guard,
    is_guarded: bool,
    uri: &Uri,
    mut request: Request,
    attempt: &mut Attempt,
    next: Next,
) -> Result<Response, Problem> {
    let signed = signed::of(uri);
    let who = match &signed {
        Some(signed) => {
            let who = signed::bearer(&guard.app, guard.action, request.method(), signed);
            signed::strip(&mut request, signed);
            who.map_err(refused)
        }
        None if is_guarded => recognise(&guard.app, &mut request).await,
        None => anybody(&guard.app, &request),
    };
    // Whoever is not recognised is counted too, by where he comes from.
    match &who {
        Ok(_) => rate::admit(request.extensions())?,
        Err(_) => rate::count(request.extensions())?,
    }
    let who = who?;
    attempt.is_of(&who);
    let caller = Caller::new(guard.app, who, guard.action, attempt.notes());
    caller.anywhere()?;
    let ongoing = Ongoing::of(&request, attempt);
    request.extensions_mut().insert(caller);
    Ok(ongoing.answer(next.run(request)).await)
}

/// Who asks, where nobody is asked who he is.
fn anybody(app: &App, request: &Request) -> Result<Principal, Problem> {
    let origins = app.cors_origins.as_deref();
    local::check(request.method(), request.uri(), request.headers(), origins)?;
    Ok(Principal::unrestricted("anonymous"))
}

/// Who asks.
async fn recognise(app: &App, request: &mut Request) -> Result<Principal, Problem> {
    let Some(credential) = credential::shown(request.headers()).map_err(refused)? else {
        let error = Error::new(ErrorKind::Unauthenticated, "no token was sent").with_hint(
            "send the header `Authorization: Bearer TOKEN`; `artifact token create` makes one",
        );
        return Err(Problem::from(error).with_header(WWW_AUTHENTICATE, CHALLENGE));
    };
    let who = app
        .doors()
        .recognise(&credential, app.own_store().now())
        .await
        .map_err(refused)?;
    request.extensions_mut().insert(TokenName::of(&who));
    Ok(who)
}

/// What is said of a token that is not accepted; other faults stay what they are.
fn refused(error: Error) -> Problem {
    let is_refusal = error.kind() == ErrorKind::Unauthenticated;
    let problem = Problem::from(error);
    if is_refusal {
        problem.with_header(WWW_AUTHENTICATE, CHALLENGE_AGAIN)
    } else {
        problem
    }
}
