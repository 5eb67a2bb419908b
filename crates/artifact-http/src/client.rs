//! Who asks: the address that a connection comes from, or the one that a trusted proxy says it asks for.
//! Knows no route.

mod forwarded;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use artifact_bootstrap::settings::ProxyHeader;
use artifact_domain::{Error, Result};
use http::{Extensions, HeaderMap, Uri};
use ipnet::IpNet;

use self::forwarded::Hop;

/// The address of whoever asks; rides on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl ClientAddress {
    #[cfg(test)]
    pub(crate) fn new(address: IpAddr) -> Self {
        Self(address)
    }

    pub(crate) fn ip(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a connection comes from; rides on each of its requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Whether TLS is spoken on it.
    pub(crate) is_secure: bool,
}

/// Who asks, and how he has asked us, or the first of our proxies; rides on the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: ClientAddress,
    pub(crate) scheme: &'static str,
    /// The host that he has asked, with a port or without.
    pub(crate) host: Option<String>,
}

/// The proxies that are believed, and the header that they set. Others they hand on as they came: from
/// anybody.
#[derive(Debug, Clone)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ProxyHeader,
}

impl TrustedProxies {
    /// Reads addresses and networks with commas between; none where nobody is believed.
    ///
    /// # Errors
    /// `InvalidInput` for what is neither.
    pub(crate) fn new(text: Option<&str>, header: ProxyHeader) -> Result<Self> {
        let parsed = text.into_iter().flat_map(|text| text.split(','));
        let networks = parsed.map(|one| network(one.trim()));
        Ok(Self {
            networks: networks.collect::<Result<_>>()?,
            header,
        })
    }

    /// Who asks. Headers are believed only of those who are trusted, and of several addresses the last
    /// one that is not: all before it may be made up.
    pub(crate) fn client(&self, extensions: &Extensions, headers: &HeaderMap, uri: &Uri) -> Client {
        let peer = extensions.get::<Peer>();
        let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| {
            peer.address.ip().to_canonical()
        });
        let direct = Client {
            address: ClientAddress(address),
            scheme: scheme(peer.is_some_and(|peer| peer.is_secure)),
            host: forwarded::asked(headers, uri),
        };
        if !self.has(address) {
            return direct;
        }
        let hops = match self.header {
            ProxyHeader::XForwardedFor => forwarded::usual(headers),
            ProxyHeader::Forwarded => forwarded::standard(headers),
        };
        hops.map_or_else(|| direct.clone(), |hops| self.walk(&direct, hops))
    }

    fn has(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Goes from the nearest hop to the first that is not trusted.
    fn walk(&self, direct: &Client, hops: Vec<Hop>) -> Client {
        let mut client = direct.clone();
        for hop in hops.into_iter().rev() {
            // What can't be read is not known to be anybody's, so whoever wrote it down asks.
            let Some(address) = hop.address else {
                break;
            };
            client = Client {
                address: ClientAddress(address),
                scheme: hop.scheme.unwrap_or(client.scheme),
                host: hop.host.or(client.host),
            };
            if !self.has(address) {
                break;
            }
        }
        client
    }
}

fn network(text: &str) -> Result<IpNet> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse::<IpNet>()).map_err(|cause| {
        let message = format!("http.trusted_proxies: `{text}` is no address and no network");
        Error::invalid_input(message)
            .with_hint("write addresses as 10.0.0.7 or fd00::7, networks as 10.0.0.0/8 or fd00::/8")
            .with_source(cause)
    })
}

const fn scheme(is_secure: bool) -> &'static str {
    if is_secure { "https" } else { "http" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who asks, where the connection comes from `peer` and has these headers.
    fn asked(trusted: &str, peer: &str, headers: &[(&'static str, &str)]) -> Client {
        let is_standard = headers.iter().any(|(name, _)| *name == "forwarded");
        let header = if is_standard {
            ProxyHeader::Forwarded
        } else {
            ProxyHeader::XForwardedFor
        };
        asked_by(header, trusted, peer, headers)
    }

    fn asked_by(
        header: ProxyHeader,
        trusted: &str,
        peer: &str,
        headers: &[(&'static str, &str)],
    ) -> Client {
        let trusted = Some(trusted).filter(|trusted| !trusted.is_empty());
        let trusted = TrustedProxies::new(trusted, header).unwrap();
        let mut extensions = Extensions::new();
        let address = SocketAddr::new(peer.parse().unwrap(), 1);
        extensions.insert(Peer {
            address,
            is_secure: false,
        });
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(*name, value.parse().unwrap());
        }
        trusted.client(&extensions, &all, &Uri::from_static("/"))
    }

    fn address(trusted: &str, peer: &str, headers: &[(&'static str, &str)]) -> String {
        asked(trusted, peer, headers).address.to_string()
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn strangers_are_not_believed() {
        for headers in [(XFF, "1.1.1.1"), ("forwarded", "for=1.1.1.1")] {
            assert_eq!(address("", "9.9.9.9", &[headers]), "9.9.9.9");
            assert_eq!(address("10.0.0.0/8", "9.9.9.9", &[headers]), "9.9.9.9");
            assert_eq!(address("10.0.0.0/8", "10.1.1.1", &[headers]), "1.1.1.1");
        }
    }

    #[test]
    fn the_last_that_is_not_trusted_counts() {
        let trusted = "10.0.0.0/8, fd00::/8";
        let of = |headers: &[(&'static str, &str)]| address(trusted, "10.0.0.1", headers);
        assert_eq!(of(&[(XFF, "6.6.6.6, 1.1.1.1")]), "1.1.1.1");
        assert_eq!(
            of(&[(XFF, "6.6.6.6, 1.1.1.1, 10.0.0.2, fd00::3")]),
            "1.1.1.1"
        );
        assert_eq!(of(&[(XFF, "6.6.6.6"), (XFF, "1.1.1.1")]), "1.1.1.1");
        assert_eq!(of(&[(XFF, "10.0.0.9, 10.0.0.2")]), "10.0.0.9");
        assert_eq!(of(&[(XFF, "6.6.6.6, rubbish")]), "10.0.0.1");
        assert_eq!(of(&[(XFF, "6.6.6.6, unknown, 10.0.0.4")]), "10.0.0.4");
        assert_eq!(of(&[(XFF, "")]), "10.0.0.1");
        let standard =
            "for=6.6.6.6, for=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.2, for=10.0.0.3";
        assert_eq!(of(&[("forwarded", standard)]), "2001:db8::1");
        assert_eq!(of(&[("forwarded", "for=6.6.6.6, for=_hidden")]), "10.0.0.1");
        assert_eq!(of(&[("forwarded", "for=6.6.6.6, by=10.0.0.1")]), "10.0.0.1");
        assert_eq!(
            of(&[("forwarded", "for=6.6.6.6, for=\"1.1.1.1")]),
            "10.0.0.1"
        );
    }

    #[test]
    fn only_the_header_that_the_proxy_sets_is_read() {
        let headers = [("forwarded", "for=6.6.6.6"), (XFF, "1.1.1.1")];
        let of = |header, headers: &[(&'static str, &str)]| {
            let client = asked_by(header, "10.0.0.1", "10.0.0.1", headers);
            client.address.to_string()
        };
        assert_eq!(of(ProxyHeader::XForwardedFor, &headers), "1.1.1.1");
        assert_eq!(of(ProxyHeader::Forwarded, &headers), "6.6.6.6");
        assert_eq!(of(ProxyHeader::XForwardedFor, &headers[..1]), "10.0.0.1");
        assert_eq!(of(ProxyHeader::Forwarded, &headers[1..]), "10.0.0.1");
    }

    #[test]
    fn how_the_proxy_was_asked_is_told_with_it() {
        let of = |headers: &[(&'static str, &str)]| {
            let client = asked("10.0.0.0/8", "10.0.0.1", headers);
            (client.scheme, client.host)
        };
        let host = |host: &str| Some(host.to_owned());
        assert_eq!(of(&[]), ("http", None));
        let standard =
            "for=1.1.1.1;proto=https;host=\"store.example:8443\", for=10.0.0.2;proto=http";
        assert_eq!(
            of(&[("forwarded", standard)]),
            ("https", host("store.example:8443"))
        );
        let usual = [
            (XFF, "1.1.1.1"),
            ("x-forwarded-proto", "HTTPS"),
            ("x-forwarded-host", "store.example"),
        ];
        assert_eq!(of(&usual), ("https", host("store.example")));
        let bad = [
            (XFF, "1.1.1.1"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-host", "a b"),
        ];
        assert_eq!(of(&bad), ("http", None));
        let stranger = asked("10.0.0.0/8", "9.9.9.9", &usual);
        assert_eq!((stranger.scheme, stranger.host), ("http", None));
    }

    #[test]
    fn addresses_are_what_they_are_however_they_are_written() {
        assert_eq!(
            address("10.0.0.1", "::ffff:10.0.0.1", &[(XFF, "1.1.1.1:99")]),
            "1.1.1.1"
        );
        assert_eq!(
            address("10.0.0.1", "10.0.0.1", &[(XFF, "::ffff:1.1.1.1")]),
            "1.1.1.1"
        );
        for bad in ["", "10.0.0.0/33", "example.org", "10.0.0.1,"] {
            let read = TrustedProxies::new(Some(bad), ProxyHeader::default());
            assert!(read.is_err(), "{bad}");
        }
    }
}
