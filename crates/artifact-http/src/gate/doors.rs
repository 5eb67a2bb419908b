//! The ways in: who recognises those who come, and whether anybody has to be recognised at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use artifact_bootstrap::{Access, Audit};
use artifact_domain::access::Principal;
use artifact_domain::port::{AccessPolicy, AuditLog, Credential, unrecognised};
use artifact_domain::{Result, Timestamp};

/// How often it is written down which tokens were used.
const NOTING: Duration = Duration::from_mins(1);

/// The ways in.
#[derive(Debug)]
pub(crate) struct Doors {
    access: Access,
    /// Whether they were guarded once: then they stay so, whatever becomes of the files.
    guarded: AtomicBool,
}

impl Doors {
    pub(crate) fn new(access: Access) -> Self {
        let guarded = AtomicBool::new(access.is_required());
        Self { access, guarded }
    }

    /// Whether only those come in who are recognised. Looks whether there are tokens by now, so a request asks
    /// once.
    pub(crate) fn are_guarded(&self) -> bool {
        if self.guarded.load(Ordering::Relaxed) {
            return true;
        }
        let is_required = self.access.is_required();
        if is_required {
            tracing::info!("from now on the server asks for tokens");
            self.guarded.store(true, Ordering::Relaxed);
        }
        is_required
    }

    /// Says in the log who is let in, where that is not what somebody may expect.
    pub(crate) fn announce(&self) {
        if !self.are_guarded() {
            tracing::warn!(
                "nobody is asked for a token: whoever reaches the server from this machine may do everything"
            );
        } else if !self.access.is_configured() {
            tracing::warn!(
                "nobody is let in, since there is no token: `artifact token create` makes one"
            );
        }
    }

    /// Writes down now and then which tokens are used. Ends with whoever waits for it.
    pub(crate) async fn keep_noted(&self) {
        loop {
            tokio::time::sleep(NOTING).await;
            self.note_uses().await;
        }
    }

    /// Writes that down. No request hangs on it, so a failure is only logged.
    pub(crate) async fn note_uses(&self) {
        if let Err(error) = self.access.tokens.note_uses().await {
            tracing::warn!(error = %error, "when tokens were used last could not be written");
        }
    }

    /// What is written down of those who come, where they are asked who they are.
    pub(super) fn audit(&self) -> Option<&Audit> {
        self.access.audit.as_ref()
    }

    /// What was written down of those who came, be it written on or not.
    pub(crate) fn history(&self) -> Arc<dyn AuditLog> {
        Arc::clone(&self.access.history)
    }

    /// Who decides what those may do who are recognised.
    pub(super) fn policy(&self) -> &Arc<dyn AccessPolicy> {
        &self.access.policy
    }

    /// Who bears a credential.
    ///
    /// # Errors
    /// `Unauthenticated` where nobody knows him.
    pub(super) async fn recognise(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Principal> {
        for authenticator in &self.access.authenticators {
            if let Some(principal) = authenticator.authenticate(credential, now).await? {
                return Ok(principal);
            }
        }
        Err(unrecognised())
    }
}
