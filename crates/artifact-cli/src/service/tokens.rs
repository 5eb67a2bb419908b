//! Tokens and keys of signed URLs, from either place. Prints nothing.

use artifact_api::{AccessToken, MadeToken, RevokedToken, RotatedKey, TokenItems, TokenRequest};
use artifact_bootstrap::settings::Settings;
use artifact_bootstrap::{SystemClock, TokenDesk, UrlSigner};
use artifact_domain::Result;
use artifact_domain::port::Clock;

use super::Remote;

/// Where tokens are.
pub(crate) enum Tokens {
    /// On this machine.
    Local(TokenDesk),
    /// At a server.
    Remote(Remote),
}

impl Tokens {
    /// Those of the store that the settings describe.
    pub(crate) fn here(settings: &Settings) -> Self {
        let tokens = artifact_bootstrap::tokens(settings);
        Self::Local(TokenDesk::new(tokens, UrlSigner::new(settings)))
    }

    pub(crate) async fn create(&self, request: TokenRequest) -> Result<MadeToken> {
        match self {
            Self::Local(desk) => desk.create(request, None, SystemClock.now()).await,
            Self::Remote(remote) => remote.client.post("/tokens", &[], Some(&request)).await,
        }
    }

    /// The oldest first.
    pub(crate) async fn list(&self) -> Result<Vec<AccessToken>> {
        match self {
            Self::Local(desk) => desk.list(SystemClock.now()).await,
            Self::Remote(remote) => {
                let tokens: TokenItems<_> = remote.client.get("/tokens", &[]).await?;
                Ok(tokens.items)
            }
        }
    }

    /// Takes one away, and gives all that went with it.
    pub(crate) async fn revoke(&self, id_or_name: &str) -> Result<Vec<RevokedToken>> {
        match self {
            Self::Local(desk) => desk.revoke(id_or_name, None, SystemClock.now()).await,
            Self::Remote(remote) => {
                let pair = ("token".to_owned(), id_or_name.to_owned());
                let tokens: TokenItems<_> = remote.client.take("/tokens", &[pair]).await?;
                Ok(tokens.items)
            }
        }
    }

    /// Takes back what was signed.
    pub(crate) async fn rotate_key(&self) -> Result<RotatedKey> {
        match self {
            Self::Local(desk) => desk.rotate_key(None, SystemClock.now()).await,
            Self::Remote(remote) => remote.client.take("/signing-keys", &[]).await,
        }
    }
}
