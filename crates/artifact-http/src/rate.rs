//! How many requests of one client are answered: of each so many in a second, and so many at once. Knows
//! no route.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use artifact_bootstrap::settings::Http;
use artifact_domain::access::Principal;
use artifact_domain::{Error, ErrorKind};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use http::header::RETRY_AFTER;
use http::{Extensions, HeaderValue, StatusCode};
use tokio::sync::Notify;

use crate::client::ClientAddress;
use crate::observe::PROBES;
use crate::problem::Problem;

/// How often those are forgotten who have not asked for a while: after so long, and after so many requests,
/// each of which may have been of another client.
const FORGET_EVERY: Duration = Duration::from_secs(30);
const FORGET_AFTER: u32 = 1 << 16;

/// The name of the token by which somebody was recognised; rides on the request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenName(Arc<str>);

impl TokenName {
    pub(crate) fn of(who: &Principal) -> Self {
        Self(who.name().into())
    }
}

/// Who is counted together. All that makes two requests one client's is here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Token(TokenName),
    Network(IpAddr),
}

impl Key {
    /// By the token, where there is one, or else by the address: of IPv6 the network, of which every
    /// address is its owner's.
    fn of(extensions: &Extensions) -> Option<Self> {
        if let Some(token) = extensions.get::<TokenName>() {
            return Some(Self::Token(token.clone()));
        }
        let address = extensions.get::<ClientAddress>()?;
        Some(Self::Network(match address.ip() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
            }
        }))
    }
}

/// Counts requests. Cloning it is cheap and gives the same one.
#[derive(Debug, Clone)]
pub(crate) struct RateLimit(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    clients: RateLimiter<Key, HashMapStateStore<Key>, DefaultClock>,
    /// How many requests there were since somebody was forgotten.
    requests: AtomicU32,
    are_many: Notify,
}

impl RateLimit {
    /// The limit that is set, if there is one.
    pub(crate) fn new(settings: &Http) -> Option<Self> {
        let whole = |number: Option<u32>| number.and_then(NonZeroU32::new);
        let rate = whole(settings.rate_limit)?;
        let burst = whole(settings.rate_burst).unwrap_or(rate);
        Some(Self::of(Quota::per_second(rate).allow_burst(burst)))
    }

    fn of(quota: Quota) -> Self {
        Self(Arc::new(Counted {
            clients: RateLimiter::hashmap(quota),
            requests: AtomicU32::new(0),
            are_many: Notify::new(),
        }))
    }

    /// Counts a request, or refuses it.
    fn admit(&self, extensions: &Extensions) -> std::result::Result<(), Problem> {
        // Whose it is nobody knows who comes by no connection.
        let Some(key) = Key::of(extensions) else {
            return Ok(());
        };
        if self.0.requests.fetch_add(1, Ordering::Relaxed) == FORGET_AFTER {
            self.0.are_many.notify_one();
        }
        self.0.clients.check_key(&key).map_err(|later| {
            let wait = later.wait_time_from(DefaultClock::default().now());
            refused(wait)
        })
    }

    /// Forgets, for ever, those who have not asked for as long as a burst takes to be allowed again.
    pub(crate) async fn keep_small(&self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(FORGET_EVERY) => {}
                () = self.0.are_many.notified() => {}
            }
            self.forget();
        }
    }

    fn forget(&self) {
        self.0.requests.store(0, Ordering::Relaxed);
        self.0.clients.retain_recent();
        self.0.clients.shrink_to_fit();
    }
}

/// Lets a request find the limit, and counts it if it has no route and so comes to no gate.
pub(crate) async fn limit(
    State(rate): State<RateLimit>,
    mut request: Request,
    next: Next,
) -> std::result::Result<Response, Problem> {
    let extensions = request.extensions_mut();
    if extensions.get::<MatchedPath>().is_none() {
        rate.admit(extensions)?;
    }
    extensions.insert(rate);
    Ok(next.run(request).await)
}

/// Counts a request that comes to no gate though it has a route, or one of somebody whom nobody knows.
pub(crate) fn count(extensions: &Extensions) -> std::result::Result<(), Problem> {
    match extensions.get::<RateLimit>() {
        Some(rate) => rate.admit(extensions),
        None => Ok(()),
    }
}

/// The same before a route that is for everybody.
pub(crate) async fn counted(
    request: Request,
    next: Next,
) -> std::result::Result<Response, Problem> {
    count(request.extensions())?;
    Ok(next.run(request).await)
}

/// Counts a request once it is known who asks, or refuses it if he has asked too often. Whoever watches
/// the server may ask as he likes.
pub(crate) fn admit(extensions: &Extensions) -> std::result::Result<(), Problem> {
    let route = extensions.get::<MatchedPath>();
    let is_probe = route.is_some_and(|route| PROBES.contains(&route.as_str()));
    if is_probe {
        return Ok(());
    }
    count(extensions)
}

fn refused(wait: Duration) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let message = "this client has asked more often than it may";
    let error = Error::new(ErrorKind::Unavailable, message)
        .with_hint(format!("come again in {seconds} s, and not so often then"));
    Problem::new(StatusCode::TOO_MANY_REQUESTS, error)
        .with_header(RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(ClientAddress::new(address.parse().unwrap()));
        extensions
    }

    fn limit(rate: u32, burst: u32) -> RateLimit {
        let quota = Quota::per_second(NonZeroU32::new(rate).unwrap());
        let quota = quota.allow_burst(NonZeroU32::new(burst).unwrap());
        RateLimit::of(quota)
    }

    #[test]
    fn each_client_has_its_own_burst() {
        let limit = limit(1, 3);
        let admitted = |address: &str| {
            let extensions = from(address);
            (0..5).filter(|_| limit.admit(&extensions).is_ok()).count()
        };
        assert_eq!(admitted("1.1.1.1"), 3);
        assert_eq!(admitted("1.1.1.2"), 3);
        assert_eq!(admitted("1.1.1.1"), 0);
        assert_eq!(admitted("2001:db8:0:1::1"), 3);
        assert_eq!(admitted("2001:db8:0:1:ffff::2"), 0);
        assert_eq!(admitted("2001:db8:0:2::1"), 3);
    }

    #[test]
    fn a_token_counts_before_an_address() {
        let limit = limit(1, 2);
        let mut bearing = from("1.1.1.1");
        bearing.insert(TokenName::of(&Principal::new("ci", Vec::new())));
        assert!((0..2).all(|_| limit.admit(&bearing).is_ok()));
        bearing.insert(ClientAddress::new("1.1.1.2".parse().unwrap()));
        assert!(limit.admit(&bearing).is_err());
        assert!(limit.admit(&from("1.1.1.1")).is_ok());
        bearing.insert(TokenName::of(&Principal::new("other", Vec::new())));
        assert!(limit.admit(&bearing).is_ok());
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let limit = limit(1_000, 1);
        for number in 0..10_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            assert!(limit.admit(&from(&address.to_string())).is_ok());
        }
        std::thread::sleep(Duration::from_millis(50));
        limit.forget();
        assert_eq!(limit.0.clients.len(), 0);
    }

    #[tokio::test]
    async fn many_clients_are_not_remembered_until_the_next_time() {
        let limit = limit(1_000_000, 1);
        let kept_small = tokio::spawn({
            let limit = limit.clone();
            async move { limit.keep_small().await }
        });
        for number in 0..=FORGET_AFTER {
            let mut extensions = Extensions::new();
            let address = IpAddr::from(number.to_be_bytes());
            extensions.insert(ClientAddress::new(address));
            assert!(limit.admit(&extensions).is_ok());
        }
        tokio::task::yield_now().await;
        while limit.0.clients.len() > 1_000 {
            tokio::task::yield_now().await;
        }
        kept_small.abort();
    }
}
