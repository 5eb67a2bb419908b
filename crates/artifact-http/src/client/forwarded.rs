//! What proxies say of whom they ask for: `Forwarded` (RFC 7239), and `X-Forwarded-For`, `-Proto` and
//! `-Host`. Must not know who is believed.

use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri};

const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The longest name of a host.
const LONGEST_HOST: usize = 255;

/// Whom one proxy asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hop {
    /// Nothing where it is hidden, unknown or malformed.
    pub(super) address: Option<IpAddr>,
    pub(super) scheme: Option<&'static str>,
    pub(super) host: Option<String>,
}

/// What `Forwarded` says, the nearest proxy last.
pub(super) fn standard(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let lines = headers.get_all(FORWARDED);
    let mut hops = Vec::new();
    for line in lines {
        match line.to_str().ok().and_then(elements) {
            Some(elements) => hops.extend(elements),
            // Nothing before it can be told from what it says.
            None => hops.push(Hop::default()),
        }
    }
    (!hops.is_empty()).then_some(hops)
}

/// What the headers say that were there before it, the nearest proxy last.
pub(super) fn usual(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let addresses = values(headers, &FOR)?;
    let (schemes, hosts) = (values(headers, &PROTO), values(headers, &HOST));
    let count = addresses.len();
    // One for each address, or one of the proxy that was asked first.
    let of = |all: &Option<Vec<String>>, at: usize| -> Option<String> {
        let all = all.as_ref()?;
        let value = if all.len() == count {
            all.get(at)
        } else {
            all.last()
        };
        value.cloned()
    };
    let hops = addresses.iter().enumerate().map(|(at, text)| Hop {
        address: address(text),
        scheme: of(&schemes, at).as_deref().and_then(scheme),
        host: of(&hosts, at).and_then(|text| host(&text)),
    });
    Some(hops.collect())
}

/// The host that a request itself names: in its head, or as HTTP/2 has it in its target.
pub(super) fn asked(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let said = headers.get(http::header::HOST);
    let said = said.and_then(|said| said.to_str().ok());
    let said = said.or_else(|| uri.authority().map(Authority::as_str));
    said.and_then(host)
}

/// What stands between the commas of all lines of a header.
fn values(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for line in headers.get_all(name) {
        let line = line.to_str().unwrap_or_default();
        all.extend(line.split(',').map(|value| value.trim().to_owned()));
    }
    (!all.is_empty()).then_some(all)
}

/// The elements of a line, each with pairs; none where it is malformed.
fn elements(line: &str) -> Option<Vec<Hop>> {
    let mut hops = vec![Hop::default()];
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        let hop = hops.last_mut()?;
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.address = address(&value),
            "proto" => hop.scheme = scheme(&value),
            "host" => hop.host = host(&value),
            _ => {}
        }
        let after = after.trim_start();
        rest = match after.chars().next() {
            None => "",
            Some(';') => after[1..].trim_start(),
            Some(',') => {
                hops.push(Hop::default());
                after[1..].trim_start()
            }
            Some(_) => return None,
        };
    }
    Some(hops)
}

/// A token or a text in quotes, and what comes behind it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, letter) in quoted.char_indices() {
        match letter {
            _ if is_escaped => {
                value.push(letter);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => return Some((value, &quoted[at + 1..])),
            _ => value.push(letter),
        }
    }
    None
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let parsed = text.parse().ok().or_else(bare);
    let parsed = parsed.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

fn scheme(text: &str) -> Option<&'static str> {
    let known = ["http", "https"];
    known
        .into_iter()
        .find(|known| text.eq_ignore_ascii_case(known))
}

/// A host, with a port or without.
fn host(text: &str) -> Option<String> {
    let is_one = text.len() <= LONGEST_HOST
        && !text.contains('@')
        && text
            .parse::<Uri>()
            .is_ok_and(|uri| uri.authority().is_some() && uri.path().is_empty());
    is_one.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_read_as_the_standard_has_it() {
        // The examples of RFC 7239.
        let read = |line: &str| elements(line).unwrap();
        assert_eq!(read("for=\"_gazonk\"")[0].address, None);
        let six = read("For=\"[2001:db8:cafe::17]:4711\"");
        assert_eq!(six[0].address, "2001:db8:cafe::17".parse().ok());
        let pairs = read("for=192.0.2.60;proto=http;by=203.0.113.43");
        assert_eq!(pairs[0].address, "192.0.2.60".parse().ok());
        assert_eq!(pairs[0].scheme, Some("http"));
        assert_eq!(read("for=192.0.2.43, for=198.51.100.17").len(), 2);
        for bad in ["for", "for=\"1.1.1.1", "for=\"1.1.1.1\" x", "=,=\""] {
            assert!(elements(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_no_more_than_that() {
        for good in ["example.org", "example.org:443", "[::1]:8080", "10.0.0.1"] {
            assert_eq!(host(good).as_deref(), Some(good));
        }
        let long = "a".repeat(300);
        for bad in ["", "a b", "a/b", "user@a", "http://a", "a\"b", &long] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(line in "[ -~é]{0,60}") {
            let _ = (elements(&line), address(&line), host(&line));
        }
    }
}
