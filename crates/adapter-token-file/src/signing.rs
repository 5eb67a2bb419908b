//! Keys that URLs are signed with, in a file. The newest signs, all of them are believed: whoever takes
//! the older ones away takes back what was signed with them.

use std::path::PathBuf;
use std::sync::Arc;

use artifact_domain::{Error, ErrorKind, Result, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::blocking;
use crate::file::Turn;
use crate::kept::Kept;
use crate::secret::{SECRET_BYTES, keyed_digest, random};

/// The form that is written; another one is not read.
const FORMAT: u32 = 1;

/// The keys in a file. Cloning it is cheap and gives the same.
#[derive(Debug, Clone)]
pub struct SigningKeys(Arc<Kept<Keys>>);

/// A signature, and the key that it was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The id of the key; no secret.
    pub key: String,
    /// An HMAC-SHA-256 in base64 of the kind for URLs.
    pub text: String,
}

#[derive(Clone, Default)]
struct Keys(Vec<Key>);

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    id: String,
    created_at: Timestamp,
    secret: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    keys: Vec<Key>,
}

impl SigningKeys {
    /// The keys in the file at `path`, which need not be there.
    pub fn new(path: PathBuf) -> Self {
        Self(Arc::new(Kept::secret(path, Keys::parse)))
    }

    /// Signs a message; makes the first key where there is none.
    ///
    /// # Errors
    /// Faults of the file.
    pub async fn sign(&self, message: &str, now: Timestamp) -> Result<Signature> {
        let (this, message) = (self.clone(), message.to_owned());
        blocking(move || {
            let mut keys = this.0.load()?;
            if keys.0.is_empty() {
                keys = this.change(|keys| {
                    // Another may have been quicker.
                    if keys.0.is_empty() {
                        keys.0.push(Key::make(now)?);
                    }
                    Ok(())
                })?;
            }
            let key = keys.0.last().ok_or_else(damaged)?;
            let digest = keyed_digest(&key.bytes()?, message.as_bytes());
            Ok(Signature {
                key: key.id.clone(),
                text: URL_SAFE_NO_PAD.encode(digest),
            })
        })
        .await
    }

    /// Whether a message was signed so. Takes as long for any wrong signature.
    ///
    /// # Errors
    /// Faults of the file.
    pub fn is_signed(&self, message: &str, signature: &Signature) -> Result<bool> {
        let keys = self.0.seen()?;
        let Some(key) = keys.0.iter().find(|key| key.id == signature.key) else {
            return Ok(false);
        };
        let expected = keyed_digest(&key.bytes()?, message.as_bytes());
        let given = URL_SAFE_NO_PAD.decode(&signature.text);
        Ok(given.is_ok_and(|given| expected.ct_eq(&given).into()))
    }

    /// Makes a new key and takes all older ones away: what was signed before is believed no more.
    ///
    /// # Errors
    /// Faults of the file.
    pub async fn rotate(&self, now: Timestamp) -> Result<()> {
        let this = self.clone();
        blocking(move || {
            this.change(|keys| {
                *keys = Keys(vec![Key::make(now)?]);
                Ok(())
            })
            .map(drop)
        })
        .await
    }

    fn change(&self, change: impl FnOnce(&mut Keys) -> Result<()>) -> Result<Keys> {
        let turn = Turn::wait(self.0.path())?;
        let mut keys = self.0.load()?;
        change(&mut keys)?;
        let document = Document {
            format: FORMAT,
            keys: keys.0.clone(),
        };
        let mut text = serde_json::to_vec_pretty(&document).unwrap_or_default();
        text.push(b'\n');
        turn.replace(&text)?;
        self.0.look_again();
        Ok(keys)
    }
}

impl Keys {
    fn parse(text: &[u8]) -> Result<Self> {
        let document: Document = serde_json::from_slice(text)
            .map_err(|cause| Error::invalid_input(cause.to_string()))?;
        if document.format != FORMAT {
            let message = format!("its format {} is not known", document.format);
            return Err(Error::invalid_input(message));
        }
        for key in &document.keys {
            key.bytes()?;
        }
        Ok(Self(document.keys))
    }
}

impl Key {
    fn make(now: Timestamp) -> Result<Self> {
        let id: [u8; 4] = random()?;
        let secret: [u8; SECRET_BYTES] = random()?;
        Ok(Self {
            id: format!("{:08x}", u32::from_be_bytes(id)),
            created_at: now,
            secret: URL_SAFE_NO_PAD.encode(secret),
        })
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.secret).unwrap_or_default();
        if bytes.len() == SECRET_BYTES {
            Ok(bytes)
        } else {
            Err(damaged())
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|key| &key.id))
            .finish()
    }
}

fn damaged() -> Error {
    Error::new(ErrorKind::InvalidInput, "a key to sign with is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept;

    #[tokio::test]
    async fn what_is_signed_is_known_until_the_keys_are_rotated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access").join("keys.json");
        let keys = SigningKeys::new(path.clone());
        let now = Timestamp::UNIX_EPOCH;
        let signature = keys.sign("GET /a", now).await.unwrap();
        assert!(keys.is_signed("GET /a", &signature).unwrap());
        assert!(!keys.is_signed("GET /b", &signature).unwrap());
        let others = SigningKeys::new(path.clone());
        assert!(others.is_signed("GET /a", &signature).unwrap());
        assert_eq!(others.sign("GET /a", now).await.unwrap(), signature);
        for text in ["", "AAAA", "!", &signature.text[1..]] {
            let wrong = Signature {
                text: text.to_owned(),
                ..signature.clone()
            };
            assert!(!keys.is_signed("GET /a", &wrong).unwrap(), "{text}");
        }
        keys.rotate(now).await.unwrap();
        assert!(!keys.is_signed("GET /a", &signature).unwrap());
        let shown = format!("{keys:?}");
        let written = String::from_utf8(kept::text(&path).unwrap().unwrap()).unwrap();
        let secret = written.split('"').nth_back(1).unwrap();
        assert!(secret.len() == 43 && !shown.contains(secret), "{shown}");
    }

    #[tokio::test]
    async fn keys_that_others_can_read_are_not_believed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let now = Timestamp::UNIX_EPOCH;
        let keys = || SigningKeys::new(path.clone());
        let signature = keys().sign("GET /a", now).await.unwrap();
        for (mode, is_believed) in [(0o644, false), (0o640, false), (0o400, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(keys().sign("GET /a", now).await.is_ok(), is_believed);
            let known = keys().is_signed("GET /a", &signature);
            assert_eq!(known.is_ok(), is_believed, "{mode:o}");
        }
    }

    #[test]
    fn a_damaged_file_signs_nothing() {
        for text in ["", "{}", r#"{"format":2,"keys":[]}"#] {
            assert!(Keys::parse(text.as_bytes()).is_err(), "{text}");
        }
        let short =
            r#"{"format":1,"keys":[{"id":"a","created_at":"2026-01-01T00:00:00Z","secret":"AA"}]}"#;
        assert!(Keys::parse(short.as_bytes()).is_err());
    }
}
