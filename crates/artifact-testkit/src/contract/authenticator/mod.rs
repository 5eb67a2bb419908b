//! The contract of `Authenticator`: who has a credential that was issued is recognised, and nobody
//! else.

pub mod grants;
pub mod refusal;
pub mod time;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use artifact_domain::access::{Grant, Principal};
use artifact_domain::port::{Authenticator, Credential};
use artifact_domain::query::Area;
use artifact_domain::{ErrorKind, Timestamp};
use async_trait::async_trait;

use crate::sample;

/// An authenticator, and who issues the credentials that it recognises.
pub struct Registry {
    /// What is tested.
    pub authenticator: Arc<dyn Authenticator>,
    /// Who issues.
    pub office: Box<dyn Office>,
    /// Whether a credential can be issued that is valid only later.
    pub has_beginnings: bool,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("authenticator", &self.authenticator)
            .finish_non_exhaustive()
    }
}

/// A credential that is to be issued.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What its bearer may do.
    pub grants: Vec<Grant>,
    /// From when on, in whole seconds.
    pub begin: Timestamp,
    /// Until when, in whole seconds.
    pub end: Timestamp,
}

/// Issues credentials and takes them back, by other means than the port.
#[async_trait]
pub trait Office: Send + Sync {
    /// Issues these, in their order. They are recognised once it has.
    async fn issue(&self, wanted: Vec<Wanted>) -> Vec<Credential>;

    /// Takes one back. It is recognised no more once it has.
    async fn withdraw(&self, credential: &Credential);
}

impl Registry {
    async fn issue<const N: usize>(&self, grants: [Vec<Grant>; N]) -> [Credential; N] {
        let wanted = grants.into_iter().map(wanted).collect();
        let issued = self.office.issue(wanted).await;
        issued.try_into().expect("as many as were wanted")
    }

    /// Who bears it; what is wrong otherwise is no fault of the store.
    async fn bearer(&self, credential: &Credential) -> Option<Principal> {
        self.bearer_at(credential, sample::now()).await
    }

    async fn bearer_at(&self, credential: &Credential, now: Timestamp) -> Option<Principal> {
        match self.authenticator.authenticate(credential, now).await {
            Ok(found) => found,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
                None
            }
        }
    }
}

/// A credential for these grants, from an hour ago for two hours.
fn wanted(grants: Vec<Grant>) -> Wanted {
    let hour = Duration::from_hours(1);
    Wanted {
        grants,
        begin: sample::now().saturating_sub(hour),
        end: sample::now().saturating_add(hour),
    }
}

fn grant(actions: &str, spec: &str, task: &str) -> Grant {
    Grant {
        actions: actions.parse().unwrap(),
        area: Area {
            spec: spec.parse().unwrap(),
            task: task.parse().unwrap(),
        },
    }
}

fn reader() -> Vec<Grant> {
    vec![grant("read", "web", "*")]
}

fn credential(text: impl Into<String>) -> Credential {
    Credential::new(text).expect("it has a length and characters that credentials may have")
}
