//! Whom the server takes for its client, where proxies stand before it, and where somebody only says so.

use e2e::{Sandbox, Server, eventually};

use super::at;

fn served(trusted: &str) -> (Sandbox, Server) {
    served_over(Sandbox::new(), trusted)
}

fn served_over(store: Sandbox, trusted: &str) -> (Sandbox, Server) {
    let store = store.with_env("ARTIFACT_HTTP__TRUSTED_PROXIES", trusted);
    let token = store.ok(&["token", "create", "me", "--allow", "admin"]);
    let server = Server::start(&store).bearing(&token);
    (store, server)
}

/// The client that the log names for a request with these headers.
fn client(server: &Server, id: &str, headers: &[(&str, &str)]) -> String {
    let headers = [&[("x-request-id", id)], headers].concat();
    server.send("GET", &at("none"), &headers, b"").expect(404);
    let word = format!("request.id={id} ");
    eventually("the line", || server.log().contains(&word));
    let log = server.log();
    let line = log.lines().find(|line| line.contains(&word)).unwrap();
    let (_, rest) = line
        .split_once("client.address=")
        .expect("it names the client");
    rest.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

const XFF: &str = "x-forwarded-for";

#[test]
fn nobody_is_believed_who_is_not_trusted() {
    for trusted in ["", "10.0.0.0/8, fd00::/8"] {
        let (_store, server) = served(trusted);
        for (id, header) in [("a", (XFF, "1.1.1.1")), ("b", ("forwarded", "for=1.1.1.1"))] {
            assert_eq!(client(&server, id, &[header]), "127.0.0.1");
        }
    }
}

#[test]
fn a_trusted_proxy_is_believed_whom_it_asks_for() {
    let (_store, server) = served("127.0.0.1, 10.0.0.0/8");
    let of = |id: &str, headers: &[(&str, &str)]| client(&server, id, headers);
    assert_eq!(of("a", &[]), "127.0.0.1");
    assert_eq!(of("b", &[(XFF, "1.1.1.1")]), "1.1.1.1");
    assert_eq!(of("c", &[(XFF, "6.6.6.6, 1.1.1.1, 10.1.1.1")]), "1.1.1.1");
    assert_eq!(
        of("d", &[(XFF, "6.6.6.6"), (XFF, "2001:db8::1")]),
        "2001:db8::1"
    );
    assert_eq!(of("f", &[(XFF, "6.6.6.6, rubbish")]), "127.0.0.1");
    // The proxy has set one, and handed on what somebody wrote into the other.
    let both = [("forwarded", "for=6.6.6.6"), (XFF, "1.1.1.1")];
    assert_eq!(of("g", &both), "1.1.1.1");
    let standard = "for=6.6.6.6, for=\"[2001:db8::2]:99\";proto=https";
    assert_eq!(of("h", &[("forwarded", standard)]), "127.0.0.1");
}

#[test]
fn the_header_of_the_proxy_is_a_setting() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__PROXY_HEADER", "forwarded");
    let (_store, server) = served_over(store, "127.0.0.1");
    let of = |id: &str, headers: &[(&str, &str)]| client(&server, id, headers);
    let standard = "for=6.6.6.6, for=\"[2001:db8::2]:99\";proto=https";
    assert_eq!(of("a", &[("forwarded", standard)]), "2001:db8::2");
    let both = [("forwarded", "for=1.1.1.1"), (XFF, "6.6.6.6")];
    assert_eq!(of("b", &both), "1.1.1.1");
}

#[test]
fn what_is_no_network_is_refused_at_the_start() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, proxy");
    let output = store.other(e2e::artifact_http()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("http.trusted_proxies: `proxy`"), "{said}");
}
