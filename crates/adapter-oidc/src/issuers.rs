//! The issuers that a file names, and those who bear their tokens.

use std::path::PathBuf;
use std::sync::Arc;

use artifact_domain::access::{Grant, Principal};
use artifact_domain::port::{Authenticator, Credential, unrecognised};
use artifact_domain::{Error, Result, Timestamp};
use async_trait::async_trait;
use jsonwebtoken::Header;
use reqwest::Client;

use crate::claims::Claims;
use crate::document::{self, Described, Place};
use crate::fetch::{self, Asked};
use crate::key_cache::KeyCache;
use crate::keys::{Found, KeySet};
use crate::provider;
use crate::refusal::{Reason, Refusal};
use crate::token::{self, Token};
use crate::watched::Watched;

/// How much of a subject is in the name of its bearer, in characters.
const MOST_SUBJECT: usize = 120;

/// Recognises those who bear tokens of the issuers that a file names. Cloning it is cheap and gives the
/// same.
#[derive(Debug, Clone)]
pub struct Issuers(Arc<Watched<Vec<Issuer>>>);

#[derive(Debug)]
struct Issuer {
    described: Described,
    keys: Keys,
}

/// Where the keys of an issuer come from.
#[derive(Debug, Clone)]
enum Keys {
    Fetched(KeyCache),
    InFile(Arc<Watched<KeySet>>),
}

impl Issuers {
    /// Those that the file at `path` names. Nobody is asked for keys before they are needed.
    ///
    /// # Errors
    /// `InvalidInput` with the line of the file where something is wrong.
    pub fn open(path: PathBuf) -> Result<Self> {
        provider::install();
        let client = fetch::client()?;
        let watched = Watched::open(path, move |path, text, before: Option<&Vec<Issuer>>| {
            let described = document::parse(path, text)?;
            let before = before.map_or(&[][..], Vec::as_slice);
            let issuers = described.into_iter();
            issuers.map(|it| Issuer::new(it, before, &client)).collect()
        })?;
        Ok(Self(Arc::new(watched)))
    }
}

#[async_trait]
impl Authenticator for Issuers {
    async fn authenticate(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Option<Principal>> {
        let Some(token) = Token::of(credential) else {
            return Ok(None);
        };
        let issuers = self.0.get()?;
        let mut issuers = issuers.iter();
        let Some(issuer) = issuers.find(|issuer| issuer.described.issuer == token.issuer) else {
            return Ok(None);
        };
        match issuer.recognise(&token, now).await {
            Ok(principal) => Ok(Some(principal)),
            Err(Refusal::Fault(error)) => Err(error),
            Err(Refusal::Because(reason)) => {
                let issuer = &issuer.described.name;
                tracing::info!(%issuer, %reason, "a token is not accepted");
                Err(unrecognised())
            }
        }
    }
}

impl Issuer {
    /// The issuer with its keys, or with those of `before` if they come from the same place.
    fn new(described: Described, before: &[Self], client: &Client) -> Result<Self> {
        let is_same = |it: &&Self| {
            it.described.issuer == described.issuer && it.described.place == described.place
        };
        let keys = match before.iter().find(is_same) {
            Some(same) => same.keys.clone(),
            None => Keys::new(&described, client)?,
        };
        Ok(Self { described, keys })
    }

    async fn recognise(&self, token: &Token<'_>, now: Timestamp) -> Result<Principal, Refusal> {
        let header = token.header(&self.described.algorithms)?;
        let claims = self.verified(token, &header).await?;
        token::check(&claims, &self.described, now)?;
        let grants: Vec<Grant> = {
            let rules = self.described.rules.iter();
            rules.filter_map(|rule| rule.grant(&claims)).collect()
        };
        if grants.is_empty() {
            return Err(Reason::NoRule.into());
        }
        Ok(Principal::new(self.name_of(&claims), grants))
    }

    /// What a token says, if a key of the issuer has signed it.
    async fn verified(&self, token: &Token<'_>, header: &Header) -> Result<Claims, Refusal> {
        let keys = self.keys.get().await.map_err(Refusal::Fault)?;
        let kid = header.kid.as_deref();
        let newer = match keys.find(kid, header.alg) {
            Found::Unknown => self.keys.newer_than(&keys).await,
            _ => None,
        };
        let keys = newer.unwrap_or(keys);
        match keys.find(kid, header.alg) {
            Found::Keys(keys) => Ok(token.verified(&keys, header.alg)?),
            Found::OfOtherAlgorithm => Err(Reason::KeyForOtherAlgorithm.into()),
            Found::Unknown => Err(Reason::UnknownKey.into()),
            Found::Unnamed => Err(Reason::NoKid.into()),
        }
    }

    /// What a bearer is called in logs.
    fn name_of(&self, claims: &Claims) -> String {
        let subject = claims.text("sub").unwrap_or("-");
        let shown = subject.chars().take(MOST_SUBJECT);
        let mut name = format!("{} ", self.described.name);
        name.extend(shown.flat_map(char::escape_debug));
        if subject.chars().nth(MOST_SUBJECT).is_some() {
            name.push('…');
        }
        name
    }
}

impl Keys {
    fn new(described: &Described, client: &Client) -> Result<Self> {
        Ok(match &described.place {
            Place::File(path) => {
                let watched = Watched::open(path.clone(), |path, text, _| {
                    KeySet::parse(text).map_err(|error| {
                        let message = format!("{} has no keys", path.display());
                        Error::invalid_input(message).with_source(error)
                    })
                });
                Self::InFile(Arc::new(watched?))
            }
            place @ (Place::At(_) | Place::Discovered(_)) => {
                let source = Asked {
                    client: client.clone(),
                    issuer: described.issuer.clone(),
                    place: place.clone(),
                };
                Self::Fetched(KeyCache::new(&described.name, source))
            }
        })
    }

    async fn get(&self) -> Result<Arc<KeySet>> {
        match self {
            Self::Fetched(cache) => cache.get().await,
            Self::InFile(watched) => watched.get(),
        }
    }

    async fn newer_than(&self, old: &Arc<KeySet>) -> Option<Arc<KeySet>> {
        match self {
            Self::Fetched(cache) => cache.newer_than(old).await,
            Self::InFile(_) => None,
        }
    }
}
