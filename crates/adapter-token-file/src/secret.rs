//! Tokens as their bearers have them, and what is kept of them. Knows no file.
//!
//! `ast_ID_SECRET`: 16 hexadecimal digits that name the token, and 32 random bytes in base64 of the kind
//! for URLs. Of the secret an HMAC-SHA-256 with a key of the token's own is kept. It cannot be guessed,
//! so a quick digest is as good as a slow one; the key makes digests of two stores incomparable.

use artifact_domain::port::Credential;
use artifact_domain::{Error, ErrorKind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// What every token begins with, so that programs that look for secrets know it.
const PREFIX: &str = "ast_";

/// What names a token: also where somebody gives the token itself, so that it goes into no message and no log.
pub(crate) fn name_of(text: &str) -> &str {
    let Some(rest) = text.strip_prefix(PREFIX) else {
        return text;
    };
    match rest.split_once('_') {
        Some((id, _)) if is_id(id) => id,
        _ => "ast_…",
    }
}

const ID_BYTES: usize = 8;
pub(crate) const SECRET_BYTES: usize = 32;

/// The hexadecimal digits of an id.
pub(crate) const ID_DIGITS: usize = 2 * ID_BYTES;

/// What is kept of a secret. It has no `==`, which would end at the first byte that differs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    key: String,
    digest: String,
}

impl Kept {
    fn of(secret: &[u8]) -> Result<Self> {
        let key: [u8; SECRET_BYTES] = random()?;
        Ok(Self {
            key: URL_SAFE_NO_PAD.encode(key),
            digest: URL_SAFE_NO_PAD.encode(keyed_digest(&key, secret)),
        })
    }

    /// Whether it was kept of this secret. Takes as long for any wrong one.
    pub(crate) fn is_of(&self, secret: &[u8]) -> bool {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let (key, kept) = (decode(&self.key), decode(&self.digest));
        keyed_digest(&key, secret).ct_eq(&kept).into()
    }

    /// Whether it can be of any secret.
    pub(crate) fn is_sound(&self) -> bool {
        [&self.key, &self.digest].into_iter().all(|text| {
            let decoded = URL_SAFE_NO_PAD.decode(text);
            decoded.is_ok_and(|bytes| bytes.len() == SECRET_BYTES)
        })
    }
}

/// The two parts of a token. They have no `==` either.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) id: String,
    pub(crate) secret: Vec<u8>,
}

impl Parts {
    /// A new token's, and what is to be kept of it.
    pub(crate) fn make() -> Result<(Self, Kept)> {
        let id: [u8; ID_BYTES] = random()?;
        let secret: [u8; SECRET_BYTES] = random()?;
        let kept = Kept::of(&secret)?;
        let parts = Self {
            id: format!("{:016x}", u64::from_be_bytes(id)),
            secret: secret.to_vec(),
        };
        Ok((parts, kept))
    }

    /// The token that they make.
    pub(crate) fn credential(&self) -> Result<Credential> {
        let secret = URL_SAFE_NO_PAD.encode(&self.secret);
        Credential::new(format!("{PREFIX}{}_{secret}", self.id))
    }

    /// Those of a credential; none where it is none of these tokens.
    pub(crate) fn of(credential: &Credential) -> Option<Self> {
        let (id, secret) = credential.expose().strip_prefix(PREFIX)?.split_once('_')?;
        is_id(id).then_some(())?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?;
        let id = id.to_owned();
        (secret.len() == SECRET_BYTES).then_some(Self { id, secret })
    }
}

/// Whether a credential is meant to be one of these tokens.
pub(crate) fn is_meant(credential: &Credential) -> bool {
    credential.expose().starts_with(PREFIX)
}

/// Whether a text has the form of an id.
pub(crate) fn is_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == ID_DIGITS && text.bytes().all(is_digit)
}

pub(crate) fn keyed_digest(key: &[u8], secret: &[u8]) -> [u8; 32] {
    // It takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(secret);
    mac.finalize().into_bytes().into()
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|cause| {
        Error::new(ErrorKind::Internal, "the system gives no random bytes").with_source(cause)
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_apart_as_it_was_put_together() {
        let (parts, kept) = Parts::make().unwrap();
        let credential = parts.credential().unwrap();
        assert_eq!(credential.expose().len(), PREFIX.len() + ID_DIGITS + 1 + 43);
        let again = Parts::of(&credential).unwrap();
        assert!(again.id == parts.id && again.secret == parts.secret);
        assert!(kept.is_of(&again.secret) && kept.is_sound());
        let (other, _) = Parts::make().unwrap();
        assert!(!kept.is_of(&other.secret) && !kept.is_of(b""));
        assert_ne!(parts.id, other.id);
    }

    // Whoever gives one of these types an `==` makes this ambiguous, and it is not built any more.
    #[test]
    fn secrets_can_be_compared_in_constant_time_alone() {
        trait Comparable<A> {
            const IS_NOT: () = ();
        }
        impl<T: ?Sized> Comparable<()> for T {}
        impl<T: ?Sized + PartialEq> Comparable<u8> for T {}
        let () = <Kept as Comparable<_>>::IS_NOT;
        let () = <Parts as Comparable<_>>::IS_NOT;
        let () = <Credential as Comparable<_>>::IS_NOT;
    }

    #[test]
    fn nothing_of_the_secret_is_kept() {
        let (parts, kept) = Parts::make().unwrap();
        let written = serde_json::to_string(&kept).unwrap();
        assert!(!written.contains(&URL_SAFE_NO_PAD.encode(&parts.secret)));
    }

    #[test]
    fn what_is_no_token_has_no_parts() {
        let (parts, _) = Parts::make().unwrap();
        let good = parts.credential().unwrap().expose().to_owned();
        let mut bad = vec![
            good.replace(PREFIX, "AST_"),
            good[..good.len() - 1].to_owned(),
            format!("{good}A"),
            format!("{good}="),
            "ast_".to_owned(),
            "eyJhbGciOiJub25lIn0.e30.".to_owned(),
        ];
        bad.push(good.replacen(
            &parts.id,
            &parts.id.to_uppercase().replace(char::is_numeric, "A"),
            1,
        ));
        for text in bad {
            let credential = Credential::new(text.as_str()).unwrap();
            assert!(Parts::of(&credential).is_none(), "{text}");
        }
    }

    #[test]
    fn damage_to_what_is_kept_accepts_nothing() {
        let (parts, kept) = Parts::make().unwrap();
        for damaged in ["", "AAAA", "!"] {
            let digest = Kept {
                digest: damaged.to_owned(),
                ..kept.clone()
            };
            assert!(!digest.is_sound() && !digest.is_of(&parts.secret));
        }
    }
}
