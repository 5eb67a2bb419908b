//! Tokens that are made, listed, revoked and recognised.

use std::path::PathBuf;
use std::sync::Arc;

use artifact_domain::access::{Grant, Principal};
use artifact_domain::port::{Authenticator, Credential, unrecognised};
use artifact_domain::{Error, ErrorKind, Result, Timestamp};
use async_trait::async_trait;

use crate::blocking;
use crate::document::{self, Entry, Tokens};
use crate::file::{self, Turn};
use crate::kept::Kept;
use crate::secret::{self, Parts};
use crate::uses::{self, LastUses, Uses};

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What names it in logs.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What may be done with it.
    pub grants: Vec<Grant>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is not accepted any more; never when absent.
    pub expires_at: Option<Timestamp>,
}

impl Token {
    /// Whether it is accepted no more at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// What its bearer is called in logs.
    fn bearer(&self) -> String {
        format!("token {} ({})", self.name, self.id)
    }
}

/// A token that is to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What its owner calls it; no other is called so.
    pub name: String,
    /// What may be done with it.
    pub grants: Vec<Grant>,
    /// Its end.
    pub expires_at: Option<Timestamp>,
}

/// The tokens in a file. Cloning it is cheap and gives the same.
#[derive(Debug, Clone)]
pub struct TokenFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Kept<Tokens>,
    uses: Uses,
}

impl TokenFile {
    /// The tokens in the file at `path`, which need not be there.
    pub fn new(path: PathBuf) -> Self {
        Self(Arc::new(Inner {
            file: Kept::new(path, Tokens::parse),
            uses: Uses::default(),
        }))
    }

    /// Whether the file is there: from then on who comes has to be recognised. Where that cannot be
    /// told it counts as there.
    pub fn is_there(&self) -> bool {
        artifact_watch::is_there(self.0.file.path())
    }

    /// Whether tokens were made once, be their file gone since, or were about to be when something broke. Where
    /// that cannot be told it counts as so.
    pub fn were_there(&self) -> bool {
        file::was_replaced(self.0.file.path())
    }

    /// Makes a token. What is given along is its bearer's alone and is kept nowhere.
    ///
    /// # Errors
    /// `InvalidInput` for names and grants that make no token; `AlreadyExists` where another has the
    /// name; faults of the file.
    pub async fn create(&self, new: NewToken, now: Timestamp) -> Result<(Token, Credential)> {
        let (parts, kept) = Parts::make()?;
        let token = Token {
            id: parts.id.clone(),
            name: new.name,
            grants: new.grants,
            created_at: now,
            expires_at: new.expires_at,
        };
        let credential = parts.credential()?;
        // Who takes a turn says by it that there are tokens from now on.
        document::check(&token)?;
        self.changing(move |tokens| {
            tokens.add(Entry {
                token: token.clone(),
                kept,
            })?;
            Ok((token, credential))
        })
        .await
    }

    /// Every token, the oldest first, and when it was last used.
    ///
    /// # Errors
    /// Faults of the file.
    pub async fn list(&self) -> Result<Vec<(Token, Option<Timestamp>)>> {
        let this = self.clone();
        blocking(move || {
            let tokens = this.0.file.load()?;
            let uses = uses::written(this.0.file.path());
            let listed = tokens.iter().map(|entry| {
                let last = uses.get(&entry.token.id).copied();
                (entry.token.clone(), last)
            });
            Ok(listed.collect())
        })
        .await
    }

    /// Takes the token with this id or name away.
    ///
    /// # Errors
    /// `NotFound`; faults of the file.
    pub async fn revoke(&self, id_or_name: &str) -> Result<Token> {
        let meant = id_or_name.to_owned();
        let unknown = |meant: &str| {
            let message = format!("there is no token `{meant}`");
            Error::new(ErrorKind::NotFound, message)
                .with_hint("`artifact token list` shows those that there are")
        };
        // A lock beside no file says that there were tokens once.
        if !self.is_there() {
            return Err(unknown(&meant));
        }
        self.changing(move |tokens| tokens.remove(&meant).ok_or_else(|| unknown(&meant)))
            .await
    }

    /// Writes down which tokens were used since the last time.
    ///
    /// # Errors
    /// Faults of the file.
    pub async fn note_uses(&self) -> Result<()> {
        let this = self.clone();
        blocking(move || {
            let new: LastUses = this.0.uses.take();
            if new.is_empty() {
                return Ok(());
            }
            let tokens = this.0.file.load()?;
            uses::write(this.0.file.path(), new, |id| tokens.get(id).is_some())
        })
        .await
    }

    async fn changing<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tokens) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = self.clone();
        blocking(move || {
            let turn = Turn::wait(this.0.file.path())?;
            let mut tokens = this.0.file.load()?;
            let changed = change(&mut tokens)?;
            turn.replace(&tokens.write())?;
            this.0.file.look_again();
            Ok(changed)
        })
        .await
    }
}

#[async_trait]
impl Authenticator for TokenFile {
    async fn authenticate(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Option<Principal>> {
        if !secret::is_meant(credential) {
            return Ok(None);
        }
        let parts = Parts::of(credential).ok_or_else(unrecognised)?;
        let tokens = self.0.file.seen()?;
        let entry = tokens.get(&parts.id).ok_or_else(unrecognised)?;
        if !entry.kept.is_of(&parts.secret) || entry.token.is_expired(now) {
            return Err(unrecognised());
        }
        self.0.uses.note(&parts.id, now);
        let grants = entry.token.grants.clone();
        Ok(Some(Principal::new(entry.token.bearer(), grants)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_that_is_refused_leaves_everything_as_if_there_were_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::new(folder.path().join("access/tokens.json"));
        let grant = Grant {
            actions: "read".parse().unwrap(),
            area: artifact_domain::query::Area::everywhere(),
        };
        let now = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let new = |name: &str, grants: Vec<Grant>| NewToken {
            name: name.to_owned(),
            grants,
            expires_at: None,
        };
        for refused in [new("ci web", vec![grant.clone()]), new("ci", Vec::new())] {
            let error = file.create(refused, now).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(!file.is_there() && !file.were_there());
        }
        file.create(new("ci", vec![grant]), now).await.unwrap();
        assert!(file.is_there() && file.were_there());
    }
}
