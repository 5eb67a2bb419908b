//! The ports of access: who bears a credential, and whether he may.

use std::fmt;

use async_trait::async_trait;

use crate::access::{Action, Principal, Target};
use crate::query::Filter;
use crate::{Error, ErrorKind, Result, Timestamp};

/// What somebody shows to be recognised by. Its text never prints.
#[derive(Clone)]
pub struct Credential(String);

impl Credential {
    /// The longest credential that is looked at, in bytes.
    pub const MAX_BYTES: usize = 16 << 10;

    /// A credential of this text.
    ///
    /// # Errors
    /// `Unauthenticated` where it is empty, over [`Self::MAX_BYTES`] or not of printable ASCII.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let is_fit = !text.is_empty()
            && text.len() <= Self::MAX_BYTES
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_fit {
            Ok(Self(text))
        } else {
            Err(unrecognised())
        }
    }

    /// The text, for whoever compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(***)")
    }
}

/// That nobody is known by a credential. Does not say why, since that would help whoever guesses.
pub fn unrecognised() -> Error {
    Error::new(ErrorKind::Unauthenticated, "the token is not accepted")
        .with_hint("it may have expired or been revoked: ask an admin of the store for another")
}

/// Tells who bears a credential.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Authenticator: Send + Sync + fmt::Debug + 'static {
    /// Who bears `credential` at `now`; nobody where it is not of the kind that is known here, so
    /// that another may be asked.
    ///
    /// The time it takes must not tell how much of a wrong credential is right.
    ///
    /// # Errors
    /// `Unauthenticated` for one of the kind that is known here that is not accepted: altered,
    /// revoked, expired, not yet valid. `Unavailable` where that cannot be told at present. No error
    /// has any part of the credential in it.
    async fn authenticate(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Option<Principal>>;
}

/// Decides whether somebody may do something.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait AccessPolicy: Send + Sync + fmt::Debug + 'static {
    /// Lets `who` do `action` to `target`.
    ///
    /// # Errors
    /// `PermissionDenied` where he may not.
    async fn authorize<'a>(
        &self,
        who: &Principal,
        action: Action,
        target: Target<'a>,
    ) -> Result<()>;

    /// What `filter` selects of that to which `who` may do `action`.
    ///
    /// # Errors
    /// `PermissionDenied` where he may do it to nothing.
    async fn narrow(&self, who: &Principal, action: Action, filter: Filter) -> Result<Filter>;
}

/// The policy that goes by what a principal was granted, and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByGrants;

#[async_trait]
impl AccessPolicy for ByGrants {
    async fn authorize<'a>(
        &self,
        who: &Principal,
        action: Action,
        target: Target<'a>,
    ) -> Result<()> {
        if who.may(action, target) {
            Ok(())
        } else {
            Err(who.denied(action, target))
        }
    }

    async fn narrow(&self, who: &Principal, action: Action, filter: Filter) -> Result<Filter> {
        who.narrow(action, filter)
    }
}
