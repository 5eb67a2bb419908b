//! The file of tokens as it is written: JSON, one object. What is in it was made by this crate or by
//! somebody's hand, so everything is checked.

use std::collections::BTreeSet;
use std::mem;

use artifact_domain::access::Grant;
use artifact_domain::port::unrecognised;
use artifact_domain::query::Area;
use artifact_domain::{Error, ErrorKind, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::secret::{Kept, is_id, name_of};
use crate::tokens::Token;

/// The form that is written; another one is not read.
const FORMAT: u32 = 1;

/// How many parts of the store one token is for at most: each costs something with every list.
const MOST_GRANTS: usize = 64;

/// How many tokens there may be of which one was made by the other.
const MOST_MAKERS: usize = 16;

/// The longest name, in bytes.
pub(crate) const MOST_NAME_BYTES: usize = 64;

/// All tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens(Vec<Entry>);

/// A token, and what is kept of its secret.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) token: Token,
    pub(crate) kept: Kept,
}

impl Tokens {
    /// All of them, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    /// The one with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.token.id == id)
    }

    /// Whether one of them is accepted at `now`: itself, and all by which it was made, who must still be
    /// admins of everything.
    pub(crate) fn accept(&self, entry: &Entry, now: Timestamp) -> bool {
        let mut token = &entry.token;
        for _ in 0..=MOST_MAKERS {
            if token.is_expired(now) {
                return false;
            }
            let Some(maker) = &token.made_by else {
                return true;
            };
            match self.get(maker) {
                Some(maker) if maker.token.is_admin() => token = &maker.token,
                _ => return false,
            }
        }
        false
    }

    /// The one with this id, which is to make or take others.
    ///
    /// # Errors
    /// `Unauthenticated` where it is not accepted at `now`, `PermissionDenied` where it is no admin of
    /// everything.
    pub(crate) fn admin(&self, id: &str, now: Timestamp) -> Result<&Entry> {
        let entry = self.get(id).filter(|entry| self.accept(entry, now));
        let entry = entry.ok_or_else(unrecognised)?;
        if !entry.token.is_admin() {
            let message = format!("token {} is no admin of the whole store", entry.token.name);
            return Err(Error::new(ErrorKind::PermissionDenied, message));
        }
        Ok(entry)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Adds one.
    ///
    /// # Errors
    /// `InvalidInput` where it is no sound one, `AlreadyExists` where one has its name.
    pub(crate) fn add(&mut self, entry: Entry) -> Result<()> {
        check(&entry.token)?;
        let name = &entry.token.name;
        if self.0.iter().any(|other| other.token.name == *name) {
            let message = format!("there is a token called `{name}` already");
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .with_hint("choose another name, or revoke that one first"));
        }
        self.0.push(entry);
        Ok(())
    }

    /// Takes the one with this id or name away, and those that were made by it, by one of these, and so on.
    pub(crate) fn remove(&mut self, id_or_name: &str) -> Option<Vec<Token>> {
        let is_meant =
            |entry: &Entry| entry.token.id == id_or_name || entry.token.name == id_or_name;
        let at = self.0.iter().position(is_meant)?;
        let mut removed = vec![self.0.remove(at).token];
        let mut makers: BTreeSet<String> = [removed[0].id.clone()].into();
        loop {
            let (gone, kept): (Vec<_>, Vec<_>) = mem::take(&mut self.0).into_iter().partition(
                |entry| matches!(&entry.token.made_by, Some(maker) if makers.contains(maker)),
            );
            self.0 = kept;
            if gone.is_empty() {
                break;
            }
            makers.extend(gone.iter().map(|entry| entry.token.id.clone()));
            removed.extend(gone.into_iter().map(|entry| entry.token));
        }
        Some(removed)
    }

    /// Reads them.
    pub(crate) fn parse(text: &[u8]) -> Result<Self> {
        let document: Document = serde_json::from_slice(text)
            .map_err(|cause| Error::invalid_input(cause.to_string()))?;
        if document.format != FORMAT {
            let message = format!("its format {} is not known", document.format);
            return Err(Error::invalid_input(message));
        }
        let mut tokens = Self::default();
        for entry in document.tokens {
            let id = entry.id.clone();
            let entry =
                Entry::try_from(entry).and_then(|entry| check(&entry.token).map(|()| entry));
            let entry = entry.map_err(|error| error.context(format_args!("token `{id}`")))?;
            tokens.0.push(entry);
        }
        let ids: BTreeSet<_> = tokens.iter().map(|entry| &entry.token.id).collect();
        let names: BTreeSet<_> = tokens.iter().map(|entry| &entry.token.name).collect();
        for (what, distinct) in [("id", ids.len()), ("name", names.len())] {
            if distinct < tokens.0.len() {
                let message = format!("two tokens have the same {what}");
                return Err(Error::invalid_input(message));
            }
        }
        Ok(tokens)
    }

    /// Writes them.
    pub(crate) fn write(&self) -> Vec<u8> {
        let document = Document {
            format: FORMAT,
            tokens: self.0.iter().map(WrittenToken::from).collect(),
        };
        // Nothing in it has a key that is no text.
        let mut text = serde_json::to_vec_pretty(&document).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

/// Whether a token is a sound one.
///
/// # Errors
/// `InvalidInput` where it is not.
pub(crate) fn check(token: &Token) -> Result<()> {
    if token.name.is_empty() || token.name.len() > MOST_NAME_BYTES {
        let message = format!("the name of a token has 1 to {MOST_NAME_BYTES} bytes");
        return Err(Error::invalid_input(message));
    }
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_.:@/".contains(c);
    if !token.name.chars().all(is_fit) {
        return Err(Error::invalid_input(
            "the name of a token has ASCII letters, digits and - _ . : @ / alone",
        ));
    }
    if is_id(&token.name) {
        return Err(Error::invalid_input("the name of a token looks like an id"));
    }
    if name_of(&token.name) != token.name {
        let message = "the name of a token begins as tokens themselves do";
        return Err(Error::invalid_input(message));
    }
    if token.grants.is_empty() || token.grants.len() > MOST_GRANTS {
        let message = format!("a token is for 1 to {MOST_GRANTS} parts of the store");
        return Err(Error::invalid_input(message));
    }
    let mut patterns = token.grants.iter();
    if patterns.any(|Grant { area, .. }| {
        let patterns = [area.spec.as_str(), area.task.as_str()];
        patterns.concat().contains(char::is_control)
    }) {
        let message = "the patterns of a token have no control characters";
        return Err(Error::invalid_input(message));
    }
    if token.grants.iter().any(|grant| grant.actions.is_empty()) {
        return Err(Error::invalid_input("a token allows at least one action"));
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    tokens: Vec<WrittenToken>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenToken {
    id: String,
    name: String,
    grants: Vec<WrittenGrant>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_by: Option<String>,
    secret: Kept,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGrant {
    actions: Vec<String>,
    spec: String,
    task: String,
}

impl From<&Entry> for WrittenToken {
    fn from(entry: &Entry) -> Self {
        let token = &entry.token;
        let grants = token.grants.iter().map(|grant| WrittenGrant {
            actions: grant.actions.iter().map(|one| one.to_string()).collect(),
            spec: grant.area.spec.to_string(),
            task: grant.area.task.to_string(),
        });
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            grants: grants.collect(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            made_by: token.made_by.clone(),
            secret: entry.kept.clone(),
        }
    }
}

impl TryFrom<WrittenToken> for Entry {
    type Error = Error;

    fn try_from(written: WrittenToken) -> Result<Self> {
        if !is_id(&written.id) {
            return Err(Error::invalid_input("its id has not 16 hexadecimal digits"));
        }
        if !written.secret.is_sound() {
            return Err(Error::invalid_input(
                "what is kept of its secret is damaged",
            ));
        }
        let grants = written.grants.into_iter().map(|grant| {
            let actions = grant.actions.iter().map(|action| action.parse());
            Ok(Grant {
                actions: actions.collect::<Result<_>>()?,
                area: Area {
                    spec: grant.spec.parse()?,
                    task: grant.task.parse()?,
                },
            })
        });
        Ok(Self {
            token: Token {
                id: written.id,
                name: written.name,
                grants: grants.collect::<Result<_>>()?,
                created_at: written.created_at,
                expires_at: written.expires_at,
                made_by: written.made_by,
            },
            kept: written.secret,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Parts;

    fn entry(name: &str) -> Entry {
        let (parts, kept) = Parts::make().unwrap();
        Entry {
            token: Token {
                id: parts.id,
                name: name.to_owned(),
                grants: vec![Grant {
                    actions: "read,write".parse().unwrap(),
                    area: Area {
                        spec: "web*".parse().unwrap(),
                        task: "[*]".parse().unwrap(),
                    },
                }],
                created_at: Timestamp::UNIX_EPOCH,
                expires_at: None,
                made_by: None,
            },
            kept,
        }
    }

    #[test]
    fn tokens_come_back_as_they_were() {
        let mut tokens = Tokens::default();
        tokens.add(entry("ci")).unwrap();
        tokens.add(entry("me@home")).unwrap();
        let again = Tokens::parse(&tokens.write()).unwrap();
        assert_eq!(again.write(), tokens.write());
        assert_eq!(tokens.remove("ci").unwrap()[0].name, "ci");
        assert!(tokens.remove("ci").is_none());
        assert!(
            tokens.add(entry("me@home")).is_err(),
            "a name is there once"
        );
    }

    #[test]
    fn what_is_no_sound_token_is_refused() {
        let mut bad = vec![entry(""), entry(&"n".repeat(65)), entry("a b"), entry("é")];
        bad.push(entry("0123456789abcdef"));
        let mut nothing = entry("nothing");
        nothing.token.grants.clear();
        bad.push(nothing);
        let mut idle = entry("idle");
        idle.token.grants[0].actions = [].into_iter().collect();
        bad.push(idle);
        let mut wide = entry("wide");
        wide.token.grants = vec![wide.token.grants[0].clone(); 65];
        bad.push(wide);
        for entry in bad {
            let name = entry.token.name.clone();
            assert!(Tokens::default().add(entry).is_err(), "{name} was taken");
        }
    }

    #[test]
    fn a_file_that_is_not_as_it_should_be_is_told() {
        let mut tokens = Tokens::default();
        tokens.add(entry("ci")).unwrap();
        tokens.add(entry("me")).unwrap();
        let good = String::from_utf8(tokens.write()).unwrap();
        let twice = good.replacen("\"tokens\": [", "\"tokens\": [], \"tokens\": [", 1);
        let changes = [
            String::new(),
            "null".to_owned(),
            good.replace("\"format\": 1", "\"format\": 2"),
            good.replace("\"read\"", "\"reads\""),
            good.replace("\"web*\"", "\"web[\""),
            good.replace("\"key\"", "\"kee\""),
            good.replace("\"me\"", "\"ci\""),
            good.replace("\"name\"", "\"more\": 1, \"name\""),
            good[..good.len() - 3].to_owned(),
            twice,
        ];
        for text in changes {
            assert!(Tokens::parse(text.as_bytes()).is_err(), "{text} was read");
        }
        assert!(Tokens::parse(good.as_bytes()).is_ok());
    }
}
