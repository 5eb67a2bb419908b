//! Tokens as they are asked for and told, be it on the machine of the store or through its server.

use adapter_token_file::{Lifetime, Listed, NewToken, Token, TokenFile};
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
            about: told(
                Listed {
                    token,
                    last_used: None,
                    is_accepted: true,
                },
                now,
            ),
            token: secret.expose().to_owned(),
        })
    }

    /// Every token, the oldest first.
    ///
    /// # Errors
    /// Faults of the file.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<AccessToken>> {
        let tokens = self.tokens.list(now).await?.into_iter();
        Ok(tokens.map(|listed| told(listed, now)).collect())
    }

    /// What names a token in messages and logs, of what somebody names it by.
    pub fn name_of(text: &str) -> &str {
        TokenFile::name_of(text)
    }

    /// Takes the token with this id or name away, and those that were made by it: on the machine of the store
    /// or for the token with the id `by`.
    ///
    /// # Errors
    /// Those of [`TokenFile::revoke`].
    pub async fn revoke(
        &self,
        id_or_name: &str,
        by: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<RevokedToken>> {
        let revoked = self.tokens.revoke(id_or_name, by, now).await?.into_iter();
        let revoked = revoked.map(|Token { id, name, .. }| RevokedToken {
            id,
            name,
            revoked: true,
        });
        Ok(revoked.collect())
    }

    /// Whether the token with the id `by`, if it is one, may still do what lasts: the file is looked at, and not
    /// what it said a moment ago.
    ///
    /// # Errors
    /// `Unauthenticated` and `PermissionDenied` where it may not; faults of the file.
    pub async fn check(&self, by: Option<&str>, now: Timestamp) -> Result<()> {
        match by {
            Some(by) => self.tokens.check_admin(by, now).await,
            None => Ok(()),
        }
    }

    /// Takes every URL back that was signed here.
    ///
    /// # Errors
    /// Those of [`TokenDesk::check`]; faults of the file of keys.
    pub async fn rotate_key(&self, by: Option<&str>, now: Timestamp) -> Result<RotatedKey> {
        self.check(by, now).await?;
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

fn told(listed: Listed, now: Timestamp) -> AccessToken {
    let token = listed.token;
    AccessToken {
        expired: token.is_expired(now),
        accepted: listed.is_accepted,
        id: token.id,
        name: token.name,
        grants: token.grants.iter().map(TokenGrant::from).collect(),
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: listed.last_used,
        made_by: token.made_by,
    }
}
