//! URLs that this store signs itself, for blobs whose own store signs none: they lead to the server.

use std::time::Duration;

use adapter_token_file::{Signature, SigningKeys};
use artifact_app::{SignedDownload, Store, check_time};
use artifact_domain::port::PresignedUrl;
use artifact_domain::{ArtifactRef, Error, ErrorKind, Result, Timestamp};

use crate::settings::Settings;

/// What stands before the message in everything that is signed, so that a signature is of use for
/// nothing else.
const PURPOSE: &str = "artifact-store url 1";

/// By how much the clocks of who signs and who checks may differ.
const LEEWAY: Duration = Duration::from_mins(1);

/// The parameters that a signature brings along, the last ones of a query, in this order.
const EXPIRES: &str = "expires";
const KEY: &str = "key";
const SIGNATURE: &str = "signature";

/// Signs URLs that lead to the server, and knows them again.
#[derive(Debug, Clone)]
pub struct UrlSigner {
    keys: SigningKeys,
    public_url: Option<String>,
}

/// What a signed URL says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTarget {
    /// Path and query without what was added by signing.
    pub target: String,
    expires: i64,
    signature: Signature,
}

impl UrlSigner {
    /// What the settings describe. Reads nothing yet.
    pub fn new(settings: &Settings) -> Self {
        let path = settings.access.signing_keys_file.clone();
        let usual = || settings.base_path.join("access").join("signing-keys.json");
        let public_url = settings.http.public_url.as_deref();
        Self {
            keys: SigningKeys::new(path.unwrap_or_else(usual)),
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
        }
    }

    /// Where the server is for those who get URLs, if the settings say it.
    pub fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    /// Signs a URL to download a version by: as its bucket does it, or one that leads to the server at
    /// `server`.
    ///
    /// # Errors
    /// Those of [`Store::presign`]; `Unsupported` where neither a bucket nor a server is known.
    pub async fn download(
        &self,
        store: &Store,
        artifact: &ArtifactRef,
        valid_for: Duration,
        server: Option<&str>,
    ) -> Result<SignedDownload> {
        let unsupported = match store.presign(artifact, valid_for).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => error,
            signed => return signed,
        };
        let Some(server) = server else {
            return Err(unsupported.with_hint(
                "set http.public_url to where artifact-http is, and it signs URLs that lead there; \
                 or keep the blobs in an object store",
            ));
        };
        let (record, valid_until) = store.signable(artifact, valid_for).await?;
        let target = format!("/api/v1/artifacts/{}/content", record.id);
        let signed = self.sign("GET", &target, valid_until, store.now()).await?;
        Ok(SignedDownload {
            record,
            url: PresignedUrl {
                url: format!("{server}{signed}"),
                headers: Vec::new(),
            },
            valid_until,
        })
    }

    /// Signs a request: the method, and path and query. Gives path and query with the signature.
    ///
    /// # Errors
    /// `InvalidInput` for an end that is too near or too far; faults of the file of keys.
    pub async fn sign(
        &self,
        method: &str,
        target: &str,
        valid_until: Timestamp,
        now: Timestamp,
    ) -> Result<String> {
        // An artifact that is about to expire has less than a second left.
        check_time(now.until(valid_until).max(Duration::from_secs(1)))?;
        let expires = valid_until.as_micros().div_euclid(1_000_000);
        let message = message(method, target, expires);
        let Signature { key, text } = self.keys.sign(&message, now).await?;
        let and = if target.contains('?') { '&' } else { '?' };
        Ok(format!(
            "{target}{and}{EXPIRES}={expires}&{KEY}={key}&{SIGNATURE}={text}"
        ))
    }

    /// Lets a signed request pass.
    ///
    /// # Errors
    /// `Unauthenticated` for one that was not signed here, has come to its end, or has a later one than
    /// any that could be signed by now; faults of the file of keys.
    pub fn check(&self, method: &str, signed: &SignedTarget, now: Timestamp) -> Result<()> {
        let message = message(method, &signed.target, signed.expires);
        let refuse = |message: &str, hint: &str| {
            Err(Error::new(ErrorKind::Unauthenticated, message).with_hint(hint))
        };
        if !self.keys.is_signed(&message, &signed.signature)? {
            return refuse(
                "the URL was not signed by this store, or for another request",
                "use it as it was given, by the method that it was signed for",
            );
        }
        let now = now.as_micros().div_euclid(1_000_000);
        if now >= signed.expires {
            return refuse("the URL has expired", "ask whoever gave it for a new one");
        }
        let rest = Duration::from_secs(signed.expires.abs_diff(now));
        if check_time(rest.saturating_sub(LEEWAY).max(Duration::from_secs(1))).is_err() {
            return refuse(
                "the URL is not good yet",
                "the clock of whoever signed it is ahead of the server's",
            );
        }
        Ok(())
    }

    /// Takes back everything that was signed.
    ///
    /// # Errors
    /// Faults of the file of keys.
    pub async fn revoke_all(&self, now: Timestamp) -> Result<()> {
        self.keys.rotate(now).await
    }
}

impl SignedTarget {
    /// What a path and query say that are signed; none where they are not.
    pub fn parse(target: &str) -> Option<Self> {
        let (path, query) = target.split_once('?')?;
        let (others, parameters) = match query.rsplitn(4, '&').collect::<Vec<_>>()[..] {
            [signature, key, expires] => (None, [expires, key, signature]),
            [signature, key, expires, others] => (Some(others), [expires, key, signature]),
            _ => return None,
        };
        let value = |at: usize, name: &str| parameters[at].strip_prefix(name)?.strip_prefix('=');
        Some(Self {
            target: match others {
                Some(others) => format!("{path}?{others}"),
                None => path.to_owned(),
            },
            expires: seconds(value(0, EXPIRES)?)?,
            signature: Signature {
                key: value(1, KEY)?.to_owned(),
                text: value(2, SIGNATURE)?.to_owned(),
            },
        })
    }
}

/// A number as it is written when it is signed, and in no other way.
fn seconds(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Lines, of which none can have the beginning of the next one: neither has a line break in it.
fn message(method: &str, target: &str, expires: i64) -> String {
    format!("{PURPOSE}\n{method}\n{target}\n{expires}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(folder: &std::path::Path) -> UrlSigner {
        UrlSigner {
            keys: SigningKeys::new(folder.join("keys.json")),
            public_url: None,
        }
    }

    #[tokio::test]
    async fn a_signature_is_good_for_one_request_until_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let signer = signer(folder.path());
        let now = Timestamp::UNIX_EPOCH;
        let later = |seconds| now.saturating_add(Duration::from_secs(seconds));
        for target in ["/a", "/a?b=c", "/a?b=c&d=e&f=g"] {
            let url = signer.sign("GET", target, later(10), now).await.unwrap();
            let parsed = SignedTarget::parse(&url).unwrap();
            assert_eq!(parsed.target, target);
            assert!(signer.check("GET", &parsed, later(9)).is_ok());
            let ended = signer.check("GET", &parsed, later(10)).unwrap_err();
            assert!(ended.message().contains("expired"), "{ended}");
            assert!(signer.check("PUT", &parsed, now).is_err());
            let elsewhere = SignedTarget::parse(&url.replace("/a", "/b")).unwrap();
            assert!(signer.check("GET", &elsewhere, now).is_err());
            let longer = SignedTarget::parse(&url.replace("expires=10", "expires=11")).unwrap();
            assert!(signer.check("GET", &longer, now).is_err());
            let more = url.replace("expires=", "x=y&expires=");
            assert!(
                signer
                    .check("GET", &SignedTarget::parse(&more).unwrap(), now)
                    .is_err()
            );
        }
        let week = 7 * 86_400;
        let ahead = later(1_000);
        let until = ahead.saturating_add(Duration::from_secs(week));
        let url = signer.sign("GET", "/a", until, ahead).await.unwrap();
        let parsed = SignedTarget::parse(&url).unwrap();
        assert!(signer.check("GET", &parsed, later(940)).is_ok());
        let early = signer.check("GET", &parsed, later(939)).unwrap_err();
        assert!(early.message().contains("not good yet"), "{early}");
        for end in [0, 7 * 86_400 + 1] {
            let url = signer.sign("GET", "/a", later(end), now).await;
            assert_eq!(url.is_ok(), end == 0, "{end} s");
        }
    }

    #[test]
    fn what_is_not_signed_in_this_form_is_not_taken_for_it() {
        for target in [
            "/a",
            "/a?",
            "/a?signature=x",
            "/a?expires=1&signature=x&key=y",
            "/a?expires=1&key=y&signature=x&more=z",
            "/a?expires=one&key=y&signature=x",
            "/a?expires=+1&key=y&signature=x",
            "/a?expires=01&key=y&signature=x",
            "/a?expires=-0&key=y&signature=x",
            "/a?Expires=1&key=y&signature=x",
        ] {
            assert!(SignedTarget::parse(target).is_none(), "{target}");
        }
    }
}
