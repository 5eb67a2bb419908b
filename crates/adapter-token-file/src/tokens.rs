//! Tokens that are made, listed, revoked and recognised.

use std::path::PathBuf;
use std::sync::Arc;

use artifact_domain::access::{Action, Grant, Principal};
use artifact_domain::port::{Authenticator, Credential, unrecognised};
use artifact_domain::{Error, ErrorKind, Result, Timestamp};
use async_trait::async_trait;

use crate::blocking;
use crate::document::{self, Entry, Tokens};
use crate::file::{self, Turn};
use crate::kept::Kept;
use crate::lifetime::Lifetime;
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
    /// The id of the token by which it was made through a server: it is accepted as long as that one is.
    pub made_by: Option<String>,
}

impl Token {
    /// Whether it is accepted no more at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it is for all upkeep of the whole store.
    pub(crate) fn is_admin(&self) -> bool {
        let mut grants = self.grants.iter();
        grants.any(|grant| grant.actions.allow(Action::Admin) && grant.area.has_all())
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
    pub lifetime: Lifetime,
}

/// How many tokens may be made: each is looked at whenever one of them changes.
const MOST_TOKENS: usize = 10_000;

/// How long the file may become, far below what is read of it.
const MOST_WRITTEN_BYTES: usize = 16 << 20;

fn too_many(what: &str, hint: &str) -> Error {
    Error::new(ErrorKind::TooLarge, format!("there are too many {what}")).with_hint(hint)
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What is known of it.
    pub token: Token,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// Whether it lets anybody in.
    pub is_accepted: bool,
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

    /// Whether the file is there, or tokens were made once, be it gone since, or were about to be when something
    /// broke. Where that cannot be told it counts as so. Cheap enough to be asked for every request.
    pub fn were_there(&self) -> bool {
        file::was_there(self.0.file.path())
    }

    /// Makes a token, on the machine of the store or by the token with the id `maker`: then it ends with that
    /// one at the latest. What is given along is its bearer's alone and is kept nowhere.
    ///
    /// # Errors
    /// `InvalidInput` for names, grants and lifetimes that make no token; `AlreadyExists` where another
    /// has the name; `Unauthenticated` where `maker` is accepted no more, `PermissionDenied` where it is
    /// no admin of everything, or would be outlived; `TooLarge` for too many; faults of the file.
    pub async fn create(
        &self,
        new: NewToken,
        maker: Option<&str>,
        now: Timestamp,
    ) -> Result<(Token, Credential)> {
        let (parts, kept) = Parts::make()?;
        let mut token = Token {
            id: parts.id.clone(),
            name: new.name,
            grants: new.grants,
            created_at: now,
            expires_at: new.lifetime.end(now, None)?,
            made_by: maker.map(str::to_owned),
        };
        let credential = parts.credential()?;
        // Who takes a turn says by it that there are tokens from now on.
        document::check(&token)?;
        self.changing(move |tokens| {
            if let Some(maker) = &token.made_by {
                let maker = tokens.admin(maker, now)?;
                token.expires_at = new.lifetime.end(now, maker.token.expires_at)?;
            }
            let entry = Entry {
                token: token.clone(),
                kept,
            };
            if token.made_by.is_some() && !tokens.accept(&entry, now) {
                return Err(too_many(
                    "tokens that are made by one another",
                    "make it by another one, or on the machine of the store",
                ));
            }
            tokens.add(entry)?;
            Ok((token, credential))
        })
        .await
    }

    /// Every token, the oldest first, as it is at `now`.
    ///
    /// # Errors
    /// Faults of the file.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<Listed>> {
        let this = self.clone();
        blocking(move || {
            let tokens = this.0.file.load()?;
            let uses = uses::written(this.0.file.path());
            let listed = tokens.iter().map(|entry| Listed {
                token: entry.token.clone(),
                last_used: uses.get(&entry.token.id).copied(),
                is_accepted: tokens.accept(entry, now),
            });
            Ok(listed.collect())
        })
        .await
    }

    /// What names a token in messages and logs, of what somebody names it by, who may give the token itself.
    pub fn name_of(text: &str) -> &str {
        secret::name_of(text)
    }

    /// Whether the token with the id `by` may make and take others at `now`, by the file as it is.
    ///
    /// # Errors
    /// `Unauthenticated` and `PermissionDenied` where it may not; faults of the file.
    pub async fn check_admin(&self, by: &str, now: Timestamp) -> Result<()> {
        let (this, by) = (self.clone(), by.to_owned());
        blocking(move || this.0.file.load()?.admin(&by, now).map(|_| ())).await
    }

    /// Takes the token with this id or name away, and with it those that were made by it: all of them, that
    /// one first. It is asked for on the machine of the store or by the token with the id `by`.
    ///
    /// # Errors
    /// `NotFound`; `Unauthenticated` and `PermissionDenied` where `by` may not; faults of the file.
    pub async fn revoke(
        &self,
        id_or_name: &str,
        by: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Token>> {
        let meant = secret::name_of(id_or_name).to_owned();
        let unknown = |meant: &str| {
            let short: String = meant.chars().take(document::MOST_NAME_BYTES).collect();
            let message = format!("there is no token `{}`", short.escape_debug());
            Error::new(ErrorKind::NotFound, message)
                .with_hint("`artifact token list` shows those that there are")
        };
        // A lock beside no file says that there were tokens once.
        if !self.is_there() {
            return Err(unknown(&meant));
        }
        let by = by.map(str::to_owned);
        self.changing(move |tokens| {
            if let Some(by) = by {
                tokens.admin(&by, now)?;
            }
            tokens.remove(&meant).ok_or_else(|| unknown(&meant))
        })
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
            let before = tokens.count();
            let changed = change(&mut tokens)?;
            let (count, text) = (tokens.count(), tokens.write());
            let is_full = count > MOST_TOKENS || text.len() > MOST_WRITTEN_BYTES;
            if count > before && is_full {
                return Err(too_many(
                    "tokens",
                    "revoke those that have expired or are not used",
                ));
            }
            turn.replace(&text)?;
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
        if !entry.kept.is_of(&parts.secret) || !tokens.accept(entry, now) {
            return Err(unrecognised());
        }
        self.0.uses.note(&parts.id, now);
        let grants = entry.token.grants.clone();
        let bearer = Principal::new(entry.token.bearer(), grants);
        Ok(Some(bearer.by_token(parts.id)))
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
            lifetime: Lifetime::Endless,
        };
        for refused in [new("ci web", vec![grant.clone()]), new("ci", Vec::new())] {
            let error = file.create(refused, None, now).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(!file.is_there() && !file.were_there());
        }
        file.create(new("ci", vec![grant]), None, now)
            .await
            .unwrap();
        assert!(file.is_there() && file.were_there());
    }

    fn at(day: i64) -> Timestamp {
        Timestamp::from_micros((20_000 + day) * 86_400_000_000).unwrap()
    }

    fn admin(name: &str, lifetime: Lifetime) -> NewToken {
        NewToken {
            name: name.to_owned(),
            grants: vec![Grant {
                actions: "admin".parse().unwrap(),
                area: artifact_domain::query::Area::everywhere(),
            }],
            lifetime,
        }
    }

    #[tokio::test]
    async fn a_token_ends_with_the_one_it_is_made_by() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::new(folder.path().join("tokens.json"));
        let make = async |name: &str, lifetime, maker: Option<&str>| {
            file.create(admin(name, lifetime), maker, at(0)).await
        };
        let day = |day| Lifetime::Until(at(day));
        let (maker, _) = make("maker", day(30), None).await.unwrap();
        let by = Some(&*maker.id);
        for (number, (lifetime, end)) in [(Lifetime::Usual, 30), (day(7), 7), (day(30), 30)]
            .into_iter()
            .enumerate()
        {
            let (token, _) = make(&format!("t{number}"), lifetime, by).await.unwrap();
            assert_eq!(token.expires_at, Some(at(end)));
            assert_eq!(token.made_by.as_deref(), by);
        }
        for lifetime in [day(31), Lifetime::Endless] {
            let error = make("longer", lifetime, by).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        }
        // One that does not end sets no limit.
        let (endless, _) = make("endless", Lifetime::Endless, None).await.unwrap();
        let by = Some(&*endless.id);
        let (usual, _) = make("usual", Lifetime::Usual, by).await.unwrap();
        assert_eq!(usual.expires_at, Some(at(90)));
        let (other, _) = make("other", Lifetime::Endless, by).await.unwrap();
        assert_eq!(other.expires_at, None);
        // Nobody makes one any more by what is accepted no more.
        for gone in ["0123456789abcdef", "maker"] {
            let error = make("late", Lifetime::Usual, Some(gone)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        }
        let late = file
            .create(admin("late", Lifetime::Usual), Some(&maker.id), at(30))
            .await;
        assert_eq!(late.unwrap_err().kind(), ErrorKind::Unauthenticated);
    }

    #[tokio::test]
    async fn what_was_made_by_a_token_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        let file = TokenFile::new(path.clone());
        let make = async |name: &str, maker: Option<&str>| {
            let new = admin(name, Lifetime::Endless);
            file.create(new, maker, at(0)).await.unwrap()
        };
        let (root, _) = make("root", None).await;
        let (other, kept) = make("other", None).await;
        let (child, _) = make("child", Some(&root.id)).await;
        let (grandchild, secret) = make("grandchild", Some(&child.id)).await;
        let (_, kept_too) = make("kept", Some(&other.id)).await;
        let accepts = async |secret: &Credential| file.authenticate(secret, at(0)).await.is_ok();
        let found = file.authenticate(&secret, at(0)).await.unwrap().unwrap();
        assert_eq!(found.token(), Some(&*grandchild.id));

        // Not only by `revoke`: whoever is taken out of the file by hand lets nobody in either.
        let all = std::fs::read_to_string(&path).unwrap();
        let mut edited: serde_json::Value = serde_json::from_str(&all).unwrap();
        let tokens = edited["tokens"].as_array_mut().unwrap();
        tokens.retain(|token| token["name"] != "root");
        std::fs::write(&path, edited.to_string()).unwrap();
        file.0.file.look_again();
        assert!(!accepts(&secret).await && accepts(&kept_too).await);
        // Nor does a token that was made by itself in the end.
        let circle = all.replace(
            &format!("\"made_by\": \"{}\"", root.id),
            &format!("\"made_by\": \"{}\"", grandchild.id),
        );
        assert_ne!(circle, all);
        std::fs::write(&path, circle).unwrap();
        file.0.file.look_again();
        assert!(!accepts(&secret).await && accepts(&kept).await);

        std::fs::write(&path, all).unwrap();
        file.0.file.look_again();
        assert!(accepts(&secret).await);
        let gone = file.revoke("root", None, at(0)).await.unwrap();
        let gone: Vec<_> = gone.iter().map(|token| &*token.name).collect();
        assert_eq!(gone, ["root", "child", "grandchild"]);
        assert!(!accepts(&secret).await && accepts(&kept).await && accepts(&kept_too).await);
    }

    #[tokio::test]
    async fn tokens_have_a_bound_and_can_be_revoked_beyond_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        let file = TokenFile::new(path.clone());
        let (first, _) = file
            .create(admin("first", Lifetime::Endless), None, at(0))
            .await
            .unwrap();
        // As if there had been very many before.
        let mut text: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let one = text["tokens"][0].clone();
        let wide = "x".repeat(1_000);
        let grants =
            vec![serde_json::json!({ "actions": ["read"], "spec": wide, "task": wide }); 64];
        for number in 0..140_u64 {
            let mut more = one.clone();
            more["id"] = format!("{number:016x}").into();
            more["name"] = format!("n{number}").into();
            more["grants"] = grants.clone().into();
            text["tokens"].as_array_mut().unwrap().push(more);
        }
        std::fs::write(&path, text.to_string()).unwrap();
        let error = file
            .create(admin("more", Lifetime::Endless), None, at(0))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        assert_eq!(
            file.revoke("first", None, at(0)).await.unwrap()[0].id,
            first.id
        );
        assert_eq!(file.list(at(0)).await.unwrap().len(), 140);

        // As many as there may be, all by one that goes.
        let (root, _) = {
            std::fs::remove_file(&path).unwrap();
            let new = admin("root", Lifetime::Endless);
            file.create(new, None, at(0)).await.unwrap()
        };
        text["tokens"] =
            serde_json::from_str::<serde_json::Value>(&std::fs::read_to_string(&path).unwrap())
                .unwrap()["tokens"]
                .clone();
        let one = text["tokens"][0].clone();
        for number in 1..MOST_TOKENS {
            let mut more = one.clone();
            more["id"] = format!("{number:016x}").into();
            more["name"] = format!("n{number}").into();
            more["made_by"] = (*root.id).into();
            text["tokens"].as_array_mut().unwrap().push(more);
        }
        std::fs::write(&path, text.to_string()).unwrap();
        let error = file
            .create(admin("more", Lifetime::Endless), None, at(0))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        let gone = file.revoke("root", None, at(0)).await.unwrap();
        assert_eq!(gone.len(), MOST_TOKENS);
        assert!(file.list(at(0)).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn tokens_make_tokens_so_many_times() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::new(folder.path().join("tokens.json"));
        let mut maker: Option<String> = None;
        for depth in 0..40 {
            let new = admin(&format!("t{depth}"), Lifetime::Endless);
            match file.create(new, maker.as_deref(), at(0)).await {
                Ok((token, secret)) => {
                    assert!(file.authenticate(&secret, at(0)).await.unwrap().is_some());
                    maker = Some(token.id);
                }
                Err(error) => {
                    assert_eq!((error.kind(), depth), (ErrorKind::TooLarge, 17), "{error}");
                    return;
                }
            }
        }
        panic!("there is no bound");
    }
}
