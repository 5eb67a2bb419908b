//! Who asks, and the only way from a route to the store: by saying what is to be done to what.

use std::ops::Deref;
use std::sync::Arc;

use artifact_app::Store;
use artifact_domain::access::{Action, Principal, Target};
use artifact_domain::query::Filter;
use artifact_domain::{ArtifactRef, Error, ErrorKind, Result};
use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::problem::Problem;
use crate::state::App;

/// Somebody who was recognised.
#[derive(Debug, Clone)]
pub(crate) struct Who(Arc<Principal>);

impl From<Principal> for Who {
    fn from(principal: Principal) -> Self {
        Self(Arc::new(principal))
    }
}

impl Deref for Who {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

/// Who asks, and what his route does.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    app: App,
    who: Who,
    action: Action,
}

impl Caller {
    pub(super) fn new(app: App, who: Who, action: Action) -> Self {
        Self { app, who, action }
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
        let policy = self.app.doors().policy();
        policy.authorize(&self.who, self.action, target).await?;
        Ok(self.app.own_store())
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
        if let Ok(store) = self.at(Target::Store).await {
            return Ok(store);
        }
        let coordinate = self.app.own_store().coordinate_of(id).await?;
        let target = Target::Artifact(&coordinate);
        let denied = match self.at(target).await {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => error,
            outcome => return outcome,
        };
        if self.to(Action::Read).at(target).await.is_ok() {
            return Err(denied);
        }
        Err(artifact_app::not_found(artifact))
    }

    /// The store, and what `filter` selects of that to which he may do it.
    ///
    /// # Errors
    /// `PermissionDenied` where he may do it to nothing.
    pub(crate) async fn among(&self, filter: Filter) -> Result<(&Store, Filter)> {
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
