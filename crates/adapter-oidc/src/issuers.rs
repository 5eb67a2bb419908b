//! The issuers that a file names, and those who bear their tokens.

use std::path::{Path, PathBuf};
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
            let issuers = document::parse(path, text)?.into_iter();
            issuers
                .map(|described| {
                    let keys = match before {
                        None => Keys::open(&described, &client)?,
                        Some(before) => Keys::after(before, &described, &client),
                    };
                    Ok(Issuer { described, keys })
                })
                .collect()
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
    /// Those of an issuer. What is in a file has to be right.
    fn open(described: &Described, client: &Client) -> Result<Self> {
        Ok(match &described.place {
            Place::File(path) => {
                let watched = Watched::open(path.clone(), |path, text, _| key_set(path, text));
                Self::InFile(Arc::new(watched?))
            }
            place => Self::fetched(described, place, client),
        })
    }

    /// The same once the issuers were sound: those of `before` if they come from the same place. A file that is
    /// wrong, or comes a moment later, keeps out the bearers of its own issuer alone.
    fn after(before: &[Issuer], described: &Described, client: &Client) -> Self {
        let is_same = |it: &&Issuer| {
            it.described.issuer == described.issuer && it.described.place == described.place
        };
        if let Some(same) = before.iter().find(is_same) {
            return same.keys.clone();
        }
        match &described.place {
            Place::File(path) => {
                let watched = Watched::later(path.clone(), |path, text, _| key_set(path, text));
                Self::InFile(Arc::new(watched))
            }
            place => Self::fetched(described, place, client),
        }
    }

    fn fetched(described: &Described, place: &Place, client: &Client) -> Self {
        let source = Asked {
            client: client.clone(),
            issuer: described.issuer.clone(),
            place: place.clone(),
        };
        Self::Fetched(KeyCache::new(&described.name, source))
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

/// What a file of keys says.
fn key_set(path: &Path, text: &[u8]) -> Result<KeySet> {
    KeySet::parse(text).map_err(|error| {
        let message = format!("{} has no keys", path.display());
        Error::invalid_input(message).with_source(error)
    })
}
