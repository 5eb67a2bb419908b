//! How keys come from their issuer over HTTP. Keeps nothing.

use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use async_trait::async_trait;
use reqwest::header::{CACHE_CONTROL, HeaderMap};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Url};
use serde::Deserialize;

use crate::document::{Place, is_safe, safe_url};
use crate::key_cache::{Fetched, Source};
use crate::keys::KeySet;

/// How long it may take to have the keys of an issuer, whatever has to be asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// How often an issuer may say that what is asked for is elsewhere on its host.
const MOST_REDIRECTS: usize = 3;

/// For how long keys are good where the issuer does not say it, and at least and at most.
const USUAL: Duration = Duration::from_mins(10);
const LEAST: Duration = Duration::from_mins(1);
const MOST: Duration = Duration::from_hours(24);

/// The client by which all issuers are asked.
pub(crate) fn client() -> Result<Client> {
    // It fails where there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .timeout(PATIENCE)
        .redirect(Policy::custom(redirect))
        .user_agent(concat!("artifact-store/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|cause| {
        Error::new(ErrorKind::Internal, "the HTTP client can't be made")
            .with_hint("look at the system's certificates (`ca-certificates`)")
            .with_source(cause)
    })
}

/// Follows where it stays on the same host.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first();
    let stays = first.is_some_and(|first| first.origin() == attempt.url().origin());
    if stays && attempt.previous().len() <= MOST_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// An issuer that is asked for its keys.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) client: Client,
    pub(crate) issuer: String,
    pub(crate) place: Place,
}

/// What an issuer says of itself, as far as it matters.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

impl Asked {
    async fn keys(&self) -> Result<Fetched> {
        let url = match &self.place {
            Place::At(url) => url.clone(),
            Place::Discovered(issuer) => self.discover(issuer).await?,
            Place::File(path) => {
                let message = format!("{} is no address", path.display());
                return Err(Error::new(ErrorKind::Internal, message));
            }
        };
        let (body, headers) = self.get(&url).await?;
        Ok(Fetched {
            keys: KeySet::parse(&body)?,
            good_for: good_for(&headers),
        })
    }

    /// Where the issuer says that its keys are.
    async fn discover(&self, issuer: &Url) -> Result<Url> {
        let base = self.issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let url: Url = url
            .parse()
            .map_err(|fault| wrong(issuer, "is no URL").with_source(fault))?;
        let (body, _) = self.get(&url).await?;
        let found: Configuration = serde_json::from_slice(&body)
            .map_err(|fault| wrong(&url, "has no issuer or jwks_uri").with_source(fault))?;
        if found.issuer != self.issuer {
            return Err(wrong(&url, "is that of another issuer"));
        }
        let keys = safe_url(&found.jwks_uri);
        let keys =
            keys.map_err(|why| wrong(&url, &format!("has a jwks_uri that is refused: {why}")))?;
        if issuer.scheme() == "https" && keys.scheme() != "https" {
            return Err(wrong(&url, "has a jwks_uri that is not https"));
        }
        Ok(keys)
    }

    async fn get(&self, url: &Url) -> Result<(Vec<u8>, HeaderMap)> {
        let fault = |cause: reqwest::Error| wrong(url, "can't be fetched").with_source(cause);
        if !is_safe(url) {
            return Err(wrong(url, "is not https"));
        }
        let mut answer = self.client.get(url.clone()).send().await.map_err(fault)?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(wrong(
                url,
                &format!("was answered with {}", answer.status()),
            ));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(fault)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(wrong(url, &format!("is over {MOST_BYTES} bytes long")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, answer.headers().clone()))
    }
}

#[async_trait]
impl Source for Asked {
    async fn fetch(&self) -> Result<Fetched> {
        let keys = tokio::time::timeout(PATIENCE, self.keys()).await;
        keys.unwrap_or_else(|_| {
            let message = format!("{} did not give its keys in time", self.issuer);
            Err(Error::new(ErrorKind::Unavailable, message))
        })
    }
}

fn wrong(url: &Url, what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{url} {what}"))
}

/// For how long an answer is good, as its headers say.
fn good_for(headers: &HeaderMap) -> Duration {
    let all = headers.get_all(CACHE_CONTROL).iter();
    let all = all.filter_map(|value| value.to_str().ok());
    let mut said = USUAL;
    for directive in all.flat_map(|value| value.split(',')) {
        let directive = directive.trim().to_ascii_lowercase();
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            let seconds = seconds.trim_matches('"').parse();
            said = seconds.map_or(said, Duration::from_secs);
        } else if directive == "no-store" || directive == "no-cache" {
            return LEAST;
        }
    }
    said.clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn an_issuer_says_for_how_long_its_keys_are_good() {
        for (said, seconds) in [
            ("", 600),
            ("public", 600),
            ("max-age=300", 300),
            ("public, Max-Age=300, must-revalidate", 300),
            ("max-age=\"300\"", 300),
            ("max-age=0", 60),
            ("max-age=59", 60),
            ("max-age=99999999999", 86_400),
            ("max-age=-1", 600),
            ("max-age=x", 600),
            ("no-store", 60),
            ("max-age=3600, no-cache", 60),
        ] {
            let value = HeaderValue::from_static(said);
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, value)]);
            assert_eq!(good_for(&headers).as_secs(), seconds, "{said}");
        }
        assert_eq!(good_for(&HeaderMap::new()), USUAL);
    }
}
