//! Tokens as they are asked for and told, be it on the machine of the store or through its server.

use adapter_token_file::{Lifetime, NewToken, Token, TokenFile};
use artifact_api::{AccessToken, MadeToken, RevokedToken, RotatedKey, TokenGrant, TokenRequest};
use artifact_domain::access::Grant;
use artifact_domain::{Error, Result, Timestamp};

use crate::UrlSigner;

/// Where tokens are made, shown and taken back, and the keys of signed URLs.
#[derive(Debug, Clone)]
pub struct TokenDesk {
    tokens: TokenFile,
    signer: UrlSigner,
}

impl TokenDesk {
    /// The desk for these tokens and keys.
    pub fn new(tokens: TokenFile, signer: UrlSigner) -> Self {
        Self { tokens, signer }
    }

    /// Makes a token, on the machine of the store or by the token with the id `maker`.
    ///
    /// # Errors
    /// Those of [`TokenFile::create`]; `InvalidInput` for patterns that are none and days that contradict.
    pub async fn create(
        &self,
        request: TokenRequest,
        maker: Option<&str>,
        now: Timestamp,
    ) -> Result<MadeToken> {
        let grants = request.grants.into_iter().map(Grant::try_from);
        let new = NewToken {
            name: request.name,
            grants: grants.collect::<Result<_>>()?,
            lifetime: lifetime(request.expires_in_days, request.never_expires, now)?,
        };
        let (token, secret) = self.tokens.create(new, maker, now).await?;
        Ok(MadeToken {
            about: told(token, None, now),
            token: secret.expose().to_owned(),
        })
    }

    /// Every token, the oldest first.
    ///
    /// # Errors
    /// Faults of the file.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<AccessToken>> {
        let tokens = self.tokens.list().await?.into_iter();
        Ok(tokens
            .map(|(token, last_used)| told(token, last_used, now))
            .collect())
    }

    /// Takes the token with this id or name away, and those that were made by it.
    ///
    /// # Errors
    /// `NotFound`; faults of the file.
    pub async fn revoke(&self, id_or_name: &str) -> Result<Vec<RevokedToken>> {
        let revoked = self.tokens.revoke(id_or_name).await?.into_iter();
        let revoked = revoked.map(|Token { id, name, .. }| RevokedToken {
            id,
            name,
            revoked: true,
        });
        Ok(revoked.collect())
    }

    /// Takes every URL back that was signed here.
    ///
    /// # Errors
    /// Faults of the file of keys.
    pub async fn rotate_key(&self, now: Timestamp) -> Result<RotatedKey> {
        self.signer.revoke_all(now).await?;
        Ok(RotatedKey { rotated_at: now })
    }
}

fn lifetime(days: Option<u32>, never_expires: bool, now: Timestamp) -> Result<Lifetime> {
    match (days, never_expires) {
        (None, false) => Ok(Lifetime::Usual),
        (Some(days), false) => Lifetime::days(days, now),
        (None, true) => Ok(Lifetime::Endless),
        (Some(_), true) => Err(Error::invalid_input(
            "a token that never expires does not expire in days",
        )),
    }
}

fn told(token: Token, last_used_at: Option<Timestamp>, now: Timestamp) -> AccessToken {
    AccessToken {
        expired: token.is_expired(now),
        id: token.id,
        name: token.name,
        grants: token.grants.iter().map(TokenGrant::from).collect(),
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at,
        made_by: token.made_by,
    }
}
