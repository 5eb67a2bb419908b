//! Whether a request comes from this machine by its user's own doing, where nobody is asked who he is: what
//! a page of somebody else makes a browser send is not. Knows no route.

use std::net::IpAddr;

use artifact_domain::{Error, ErrorKind, Result};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Uri};

/// Refuses what a page of another machine may have sent: it would find this one by any name that it makes
/// lead here, and a browser says which page it was.
///
/// # Errors
/// `PermissionDenied`.
pub(super) fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    origins: Option<&str>,
) -> Result<()> {
    let named = headers.get_all(HOST).iter();
    let named = named.map(|host| host.to_str().unwrap_or_default());
    let named = named.chain(uri.authority().map(http::uri::Authority::as_str));
    for host in named {
        if !is_this_machine(host) {
            let message = "the server was asked by a name that is not this machine's";
            return Err(refused(message));
        }
    }
    let mut pages = headers.get_all(ORIGIN).iter().peekable();
    let is_from_page = pages.peek().is_some();
    if !pages.all(|page| is_expected(page, origins)) {
        return Err(refused("a page of somebody else has sent this request"));
    }
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|said| said == value);
    // Whoever follows a link sees what he gets, and the page that has it does not.
    let is_link =
        (method == Method::GET || method == Method::HEAD) && is("sec-fetch-mode", "navigate");
    let is_of_others = !is_from_page && is("sec-fetch-site", "cross-site");
    if is_of_others && !is_link && origins != Some("*") {
        return Err(refused("a page of somebody else has sent this request"));
    }
    Ok(())
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::PermissionDenied, message).with_hint(
        "without tokens only this machine is answered, by 127.0.0.1 or localhost, and pages of \
         http.cors_origins; `artifact token create` makes the first token",
    )
}

/// Whether pages of an origin may use the server: those of this machine, and those that the settings name.
fn is_expected(origin: &HeaderValue, origins: Option<&str>) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let mut named = origins.unwrap_or_default().split(',').map(str::trim);
    if named.any(|named| named == "*" || named.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some_and(is_this_machine)
}

/// Whether a host, with a port or without, can be nothing but this machine.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(host, |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    name == "localhost" || name.ends_with(".localhost") || name.parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(method: &Method, headers: &[(&'static str, &'static str)], origins: &str) -> bool {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(*name, HeaderValue::from_static(value));
        }
        let origins = Some(origins).filter(|origins| !origins.is_empty());
        check(method, &Uri::from_static("/api"), &all, origins).is_ok()
    }

    #[test]
    fn this_machine_has_few_names() {
        for own in [
            "localhost",
            "LOCALHOST:80",
            "a.localhost:8080",
            "localhost.",
            "127.0.0.1:8080",
            "127.1.2.3",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(passes(&Method::GET, &[("host", own)], ""), "{own}");
        }
        for other in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "10.0.0.1",
            "0.0.0.0",
            "[::]:80",
            "[fe80::1]",
            "localhost@evil.example",
        ] {
            assert!(!passes(&Method::GET, &[("host", other)], ""), "{other}");
        }
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert!(!passes(&Method::GET, &two, ""));
    }

    #[test]
    fn pages_of_others_send_nothing() {
        let page = |origin: &'static str, origins: &str| {
            passes(
                &Method::POST,
                &[("host", "localhost"), ("origin", origin)],
                origins,
            )
        };
        assert!(page("http://localhost:3000", "") && page("http://127.0.0.1:8080", ""));
        assert!(page(
            "https://ci.example",
            "https://a.example, https://ci.example"
        ));
        assert!(page("https://ci.example", "*"));
        for other in [
            "null",
            "https://evil.example",
            "http://localhost.evil.example",
            "",
        ] {
            assert!(!page(other, "https://ci.example"), "{other}");
        }
    }

    #[test]
    fn a_link_may_be_followed() {
        let sent = |method, mode| {
            let headers = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode)];
            let passes_with = |origins| passes(&method, &headers, origins);
            assert!(passes_with("*"));
            passes_with("https://ci.example")
        };
        assert!(sent(Method::GET, "navigate"));
        assert!(!sent(Method::POST, "navigate") && !sent(Method::GET, "no-cors"));
        assert!(passes(
            &Method::POST,
            &[("sec-fetch-site", "same-origin")],
            ""
        ));
    }
}
