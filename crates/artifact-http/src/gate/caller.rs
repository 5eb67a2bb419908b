//! Who asks, and the only way from a route to the store: by saying what is to be done to what.

use std::sync::Arc;

use artifact_api::Artifact;
use artifact_app::Store;
use artifact_domain::access::{Action, Principal, Target};
use artifact_domain::query::Filter;
use artifact_domain::{ArtifactRecord, ArtifactRef, Coordinate, Error, ErrorKind, Result};
use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;

use super::attempt::Notes;
use crate::problem::{self, Problem};
use crate::state::App;

/// Who asks, and what his route does.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    app: App,
    who: Arc<Principal>,
    action: Action,
    /// Where it is said to what something is done, if that is written down.
    said: Option<Notes>,
    /// Which of many it is done to.
    place: Option<usize>,
}

impl Caller {
    pub(super) fn new(app: App, who: Principal, action: Action, said: Option<Notes>) -> Self {
        Self {
            app,
            who: Arc::new(who),
            action,
            said,
            place: None,
        }
    }

    /// The same, for one of many artifacts: how it ends for that is written down apart.
    #[must_use]
    pub(crate) fn item(&self, artifact: &ArtifactRef) -> Self {
        let said = self.said.as_ref();
        Self {
            place: said.map(|said| said.item(artifact.to_string())),
            ..self.clone()
        }
    }

    /// How it ended for one of many.
    pub(crate) fn ended<T>(&self, outcome: &Result<T>) {
        if let (Some(said), Some(place), Err(error)) = (&self.said, self.place, outcome) {
            said.fault(place, problem::status(error.kind()));
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
        let asked = self.ask(target).await;
        if let Some(said) = &self.said {
            said.asks(self.action);
            let place = said.target(self.place, target.to_string());
            if let Err(error) = &asked
                && error.kind() == ErrorKind::PermissionDenied
            {
                said.fault(place, StatusCode::FORBIDDEN);
            }
        }
        asked
    }

    async fn ask(&self, target: Target<'_>) -> Result<&Store> {
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
        self.among_seen(&[self.action], filter).await
    }

    /// The same of that to which he may do all of `actions`. Who selects sees what is selected, so whatever
    /// is to be done to it, `Read` is among them.
    ///
    /// # Errors
    /// `PermissionDenied` where he may do one of them to nothing, or to some of it alone.
    pub(crate) async fn among_seen(
        &self,
        actions: &[Action],
        filter: Filter,
    ) -> Result<(&Store, Filter)> {
        if let Some(said) = &self.said {
            said.selection();
            for action in actions {
                said.asks(*action);
            }
        }
        let policy = self.app.doors().policy();
        let mut narrowed = Vec::with_capacity(actions.len());
        for action in actions {
            let caller = self.to(*action);
            narrowed.push(policy.narrow(&caller.who, *action, filter.clone()).await?);
        }
        let smallest = narrowed
            .iter()
            .find(|one| narrowed.iter().all(|other| has(other, one)));
        let filter = smallest.cloned().ok_or_else(|| {
            let message = "what may be read and what may be changed here are not the same";
            Error::new(ErrorKind::PermissionDenied, message)
                .with_hint("name the artifacts, or use a token that may do all of it to the same")
        })?;
        Ok((self.app.own_store(), filter))
    }

    /// Asks whether he may do it to anything at all.
    ///
    /// # Errors
    /// `PermissionDenied` where he may not.
    pub(crate) fn anywhere(&self) -> Result<()> {
        if self.who.areas(self.action).next().is_none() {
            return Err(self.who.denied(self.action, "anything"));
        }
        Ok(())
    }

    /// Says to what it was done in the end, instead of what was asked for.
    pub(crate) fn did(&self, targets: impl IntoIterator<Item = String>) {
        let Some(said) = &self.said else {
            return;
        };
        let mut place = Some(0);
        for target in targets {
            said.target(place.take(), target);
        }
    }

    /// The id of his token, for what lasts; none where nobody is asked who he is.
    ///
    /// # Errors
    /// `PermissionDenied` where he has none that can be revoked.
    pub(crate) fn token_if_asked(&self) -> Result<Option<&str>> {
        if self.app.doors().are_guarded() {
            self.token().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The id of his token.
    ///
    /// # Errors
    /// `PermissionDenied` where he has none that can be revoked.
    pub(crate) fn token(&self) -> Result<&str> {
        self.who.token().ok_or_else(|| {
            let message = format!(
                "{} has no token of the store, and what is made by one goes with it",
                self.who.name()
            );
            Error::new(ErrorKind::PermissionDenied, message)
                .with_hint("make it on the machine of the store, or by a token that was made there")
        })
    }

    /// Whether he may read an artifact.
    pub(crate) async fn sees(&self, artifact: &Coordinate) -> bool {
        let policy = self.app.doors().policy();
        let target = Target::Artifact(artifact);
        let allowed = policy.authorize(&self.who, Action::Read, target);
        allowed.await.is_ok()
    }

    /// Whether he may read everything.
    pub(crate) async fn sees_all(&self) -> bool {
        let policy = self.app.doors().policy();
        let allowed = policy.authorize(&self.who, Action::Read, Target::Store);
        allowed.await.is_ok()
    }

    /// What he is told of a version to which he has done something: all of it where he may read it.
    pub(crate) async fn told(&self, record: &ArtifactRecord) -> Artifact {
        let artifact = Artifact::from(record);
        if self.sees(&record.coordinate).await {
            artifact
        } else {
            artifact.outline()
        }
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

/// Whether one narrowed filter has all that another one has, of the same filter both.
fn has(filter: &Filter, other: &Filter) -> bool {
    match (&filter.within, &other.within) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(areas), Some(others)) => others.iter().all(|other| areas.contains(other)),
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

#[cfg(test)]
mod tests {
    use artifact_domain::query::Area;

    use super::*;

    #[test]
    fn a_part_is_had_by_the_whole_and_by_what_names_all_of_it() {
        let of = |specs: &[&str]| Filter {
            within: Some(
                specs
                    .iter()
                    .map(|spec| Area {
                        spec: spec.parse().unwrap(),
                        task: "*".parse().unwrap(),
                    })
                    .collect(),
            ),
            ..Filter::default()
        };
        let all = Filter::default();
        let (team, both) = (of(&["team"]), of(&["team", "web"]));
        assert!(has(&all, &all) && has(&all, &team) && has(&both, &team) && has(&team, &team));
        assert!(!has(&team, &all) && !has(&team, &both) && !has(&of(&["web"]), &team));
    }
}
