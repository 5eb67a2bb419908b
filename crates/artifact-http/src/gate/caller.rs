//! Who asks, and the only way from a route to the store: by saying what is to be done to what.

use std::fmt;
use std::sync::Arc;

use artifact_app::Store;
use artifact_domain::access::{Action, Principal, Target};
use artifact_domain::query::Filter;
use artifact_domain::{ArtifactRef, Error, ErrorKind, Result};
use axum::extract::FromRequestParts;
use http::request::Parts;

use super::attempt::Said;
use crate::problem::Problem;
use crate::state::App;

/// Who asks, and what his route does.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    app: App,
    who: Arc<Principal>,
    action: Action,
    /// Where it is said to what something is done, if that is written down.
    said: Option<Said>,
}

impl Caller {
    pub(super) fn new(app: App, who: Principal, action: Action, said: Option<Said>) -> Self {
        Self {
            app,
            who: Arc::new(who),
            action,
            said,
        }
    }

    /// The same, asking to do something else.
    #[must_use]
    pub(crate) fn to(&self, action: Action) -> Self {
        Self {
            action,
            ..self.clone()
        }
    }

    /// The store, for what is to be done to `target`.
    ///
    /// # Errors
    /// `PermissionDenied` where he may not.
    pub(crate) async fn at(&self, target: Target<'_>) -> Result<&Store> {
        self.say(target);
        self.ask(target).await
    }

    async fn ask(&self, target: Target<'_>) -> Result<&Store> {
        let policy = self.app.doors().policy();
        policy.authorize(&self.who, self.action, target).await?;
        Ok(self.app.own_store())
    }

    /// Says to what something is done, the first time that it is asked.
    fn say(&self, target: impl fmt::Display) {
        if let Some(said) = &self.said {
            said.get_or_init(|| target.to_string());
        }
    }

    /// Says beforehand to what something is done that is asked about one by one, on the way.
    pub(crate) fn say_at_once(&self, what: &str) {
        self.say(what);
    }

    /// The store, for what is to be done to an artifact.
    ///
    /// # Errors
    /// `PermissionDenied` where he may not; of an id that he may not even read what an unknown one
    /// gets, `NotFound`.
    pub(crate) async fn with(&self, artifact: &ArtifactRef) -> Result<&Store> {
        let id = match artifact {
            ArtifactRef::Uri(uri) => return self.at(Target::Artifact(uri.coordinate())).await,
            ArtifactRef::Id(id) => *id,
        };
        // Who may do it everywhere need not be asked what it is, unless somebody wants to know.
        if self.said.is_none()
            && let Ok(store) = self.ask(Target::Store).await
        {
            return Ok(store);
        }
        let coordinate = self.app.own_store().coordinate_of(id).await?;
        let target = Target::Artifact(&coordinate);
        let denied = match self.at(target).await {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => error,
            outcome => return outcome,
        };
        if self.to(Action::Read).ask(target).await.is_ok() {
            return Err(denied);
        }
        Err(artifact_app::not_found(artifact))
    }

    /// The store, and what `filter` selects of that to which he may do it.
    ///
    /// # Errors
    /// `PermissionDenied` where he may do it to nothing.
    pub(crate) async fn among(&self, filter: Filter) -> Result<(&Store, Filter)> {
        self.say("a selection");
        let policy = self.app.doors().policy();
        let filter = policy.narrow(&self.who, self.action, filter).await?;
        Ok((self.app.own_store(), filter))
    }

    /// What routes work with beside the store.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The store, where nothing of what is in it comes out or changes: the time, sizes, patterns.
    pub(crate) fn aside(&self) -> &Store {
        self.app.own_store()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| {
            // A route without the gate before it; a test walks them all.
            Error::new(ErrorKind::Internal, "nobody has asked who comes here").into()
        })
    }
}
