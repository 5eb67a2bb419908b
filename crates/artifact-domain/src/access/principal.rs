//! Who asks, and what he may do where.

use std::fmt;

use super::{Action, Actions, Target};
use crate::query::{Area, Filter};
use crate::{Error, ErrorKind, Result};

/// What may be done in one part of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub actions: Actions,
    /// Where.
    pub area: Area,
}

/// Somebody who was recognised: a name for logs, and what he may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    name: String,
    grants: Vec<Grant>,
    token: Option<String>,
}

impl Principal {
    /// Somebody called `name`, who may do what one of `grants` allows.
    pub fn new(name: impl Into<String>, grants: Vec<Grant>) -> Self {
        Self {
            name: name.into(),
            grants,
            token: None,
        }
    }

    /// The same, recognised by the token with this id: one that is kept, and can be revoked.
    #[must_use]
    pub fn by_token(self, id: impl Into<String>) -> Self {
        Self {
            token: Some(id.into()),
            ..self
        }
    }

    /// Somebody who may do everything everywhere.
    pub fn unrestricted(name: impl Into<String>) -> Self {
        let all = Grant {
            actions: Action::ALL.into_iter().collect(),
            area: Area::everywhere(),
        };
        Self::new(name, vec![all])
    }

    /// What he is called in logs; no secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the token that he was recognised by, if it was one that can be revoked.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// What he may do.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Whether he may do `action` to `target`.
    pub fn may(&self, action: Action, target: Target<'_>) -> bool {
        self.areas(action).any(|area| target.lies_in(area))
    }

    /// The parts of the store where he may do `action`.
    pub fn areas(&self, action: Action) -> impl Iterator<Item = &Area> {
        let allowing = self.grants.iter();
        let allowing = allowing.filter(move |grant| grant.actions.allow(action));
        allowing.map(|grant| &grant.area)
    }

    /// What `filter` selects of that on which he may do `action`.
    ///
    /// # Errors
    /// `PermissionDenied` where he may do it nowhere.
    pub fn narrow(&self, action: Action, mut filter: Filter) -> Result<Filter> {
        let areas: Vec<_> = self.areas(action).cloned().collect();
        if areas.is_empty() {
            return Err(self.denied(action, "anything"));
        }
        if areas.iter().any(Area::has_all) {
            return Ok(filter);
        }
        if let [only] = &areas[..] {
            // What an index can look up.
            let (spec, task) = (only.spec.clone(), only.task.clone());
            filter.spec = filter.spec.or(Some(spec).filter(|spec| !spec.is_all()));
            filter.task = filter.task.or(Some(task).filter(|task| !task.is_all()));
        }
        filter.within = Some(areas);
        Ok(filter)
    }

    /// That he may not do `action` to `what`.
    pub fn denied(&self, action: Action, what: impl fmt::Display) -> Error {
        let message = format!("{} may not {} {what}", self.name, verb(action));
        Error::new(ErrorKind::PermissionDenied, message)
            .with_hint("use a token that has this right, or ask an admin of the store for one")
    }
}

/// How an action is done to something.
const fn verb(action: Action) -> &'static str {
    match action {
        Action::Read => "read",
        Action::Write => "write",
        Action::Delete => "delete",
        Action::Admin => "administer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SpecName, TaskId};

    fn grant(actions: &str, spec: &str, task: &str) -> Grant {
        Grant {
            actions: actions.parse().unwrap(),
            area: Area {
                spec: spec.parse().unwrap(),
                task: task.parse().unwrap(),
            },
        }
    }

    #[test]
    fn rights_of_two_grants_do_not_mix() {
        let ci = Principal::new(
            "ci",
            vec![grant("read", "*", "*"), grant("write", "web", "ci-*")],
        );
        let may_do = |action, spec: &str, task: &str| {
            let (spec, task) = (SpecName::new(spec).unwrap(), TaskId::new(task).unwrap());
            ci.may(action, Target::Task(&spec, &task))
        };
        assert!(may_do(Action::Read, "any", "1") && may_do(Action::Write, "web", "ci-1"));
        assert!(!may_do(Action::Write, "any", "ci-1") && !may_do(Action::Write, "web", "1"));
        assert!(!may_do(Action::Delete, "web", "ci-1"));
        let web = SpecName::new("web").unwrap();
        assert!(ci.may(Action::Read, Target::Spec(&web)) && ci.may(Action::Read, Target::Store));
        assert!(
            !ci.may(Action::Write, Target::Spec(&web)) && !ci.may(Action::Write, Target::Store)
        );
    }

    #[test]
    fn a_filter_is_narrowed_to_where_somebody_may() {
        let reader = Principal::new("some", vec![grant("read", "web", "*")]);
        let narrowed = reader.narrow(Action::Read, Filter::default()).unwrap();
        let area = &reader.grants()[0].area;
        assert_eq!(narrowed.within.as_deref(), Some(&[area.clone()][..]));
        assert_eq!(
            (narrowed.spec, narrowed.task),
            (Some(area.spec.clone()), None)
        );
        let asked = Filter {
            spec: Some("*".parse().unwrap()),
            ..Filter::default()
        };
        let narrowed = reader.narrow(Action::Read, asked.clone()).unwrap();
        assert_eq!(
            (narrowed.spec, narrowed.within.is_some()),
            (asked.spec, true)
        );
        let error = reader
            .narrow(Action::Delete, Filter::default())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let all = Principal::unrestricted("all");
        let same = all.narrow(Action::Delete, Filter::default()).unwrap();
        assert_eq!(same, Filter::default());
    }
}
