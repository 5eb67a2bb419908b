//! Credentials in memory, that are issued and withdrawn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use artifact_domain::access::{Grant, Principal};
use artifact_domain::port::{Authenticator, Credential, unrecognised};
use artifact_domain::{Result, Timestamp};
use async_trait::async_trait;

/// What its credentials begin with.
const PREFIX: &str = "memory:";

/// Recognises whom it has given a credential. Cloning it is cheap and gives the same.
#[derive(Debug, Clone, Default)]
pub struct MemoryAuthenticator(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    issued: usize,
    bearers: BTreeMap<String, Bearer>,
}

#[derive(Debug)]
struct Bearer {
    principal: Principal,
    begin: Timestamp,
    end: Timestamp,
}

impl MemoryAuthenticator {
    /// One that knows nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// A credential for `grants`, from `begin` until `end`.
    pub fn issue(&self, grants: Vec<Grant>, begin: Timestamp, end: Timestamp) -> Credential {
        let mut state = self.state();
        state.issued += 1;
        let text = format!("{PREFIX}{:06}", state.issued);
        let bearer = Bearer {
            principal: Principal::new(format!("bearer {}", state.issued), grants),
            begin,
            end,
        };
        state.bearers.insert(text.clone(), bearer);
        Credential::new(text).unwrap()
    }

    /// Takes a credential back.
    pub fn withdraw(&self, credential: &Credential) {
        self.state().bearers.remove(credential.expose());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Authenticator for MemoryAuthenticator {
    async fn authenticate(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Option<Principal>> {
        if !credential.expose().starts_with(PREFIX) {
            return Ok(None);
        }
        let state = self.state();
        let bearer = state.bearers.get(credential.expose());
        let valid = bearer.filter(|bearer| bearer.begin <= now && now < bearer.end);
        let valid = valid.ok_or_else(unrecognised)?;
        Ok(Some(valid.principal.clone()))
    }
}
