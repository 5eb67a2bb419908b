//! How often one client is answered.

use std::time::{Duration, Instant};

use e2e::{Answer, Sandbox, Server};

use super::at;

fn served(settings: &[(&str, &str)]) -> (Sandbox, Server) {
    let store = settings
        .iter()
        .fold(Sandbox::new(), |store, (name, value)| {
            store.with_env(&format!("ARTIFACT_HTTP__{name}"), value)
        });
    let server = Server::start(&store);
    (store, server)
}

/// How often out of so many times somebody is answered, and the last answer.
fn answered(server: &Server, address: &str, times: usize) -> (usize, Answer) {
    let ask = || server.send("GET", &at("none"), &[("x-forwarded-for", address)], b"");
    let mut answers: Vec<_> = (0..times).map(|_| ask()).collect();
    // Behind a proxy everybody needs a token, and who has none is counted by where he comes from.
    let count = answers.iter().filter(|answer| answer.status != 429).count();
    (count, answers.pop().unwrap())
}

#[test]
fn who_asks_too_often_is_told_when_to_come_again() {
    let settings = [
        ("RATE_LIMIT", "1"),
        ("RATE_BURST", "5"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let (_store, server) = served(&settings);
    let begun = Instant::now();
    let (count, last) = answered(&server, "1.1.1.1", 20);
    let more = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!((5..=5 + more).contains(&count), "{count}");
    let problem = last.problem(429, "unavailable");
    assert_eq!(problem["title"], "Too Many Requests");
    let wait: u64 = last.header("retry-after").parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    // Nobody else waits for that, and who shares a network of IPv6 is one.
    assert_eq!(answered(&server, "1.1.1.2", 5).0, 5);
    assert_eq!(answered(&server, "2001:db8:0:1::1", 5).0, 5);
    let (count, _) = answered(&server, "2001:db8:0:1::2", 5);
    assert!(count <= 1 + more, "{count}");
    assert_eq!(answered(&server, "2001:db8:0:2::2", 5).0, 5);
    // Whoever watches may ask as he likes.
    for _ in 0..50 {
        server.get("/healthz").expect(200);
    }
    std::thread::sleep(Duration::from_secs(wait));
    assert!(answered(&server, "1.1.1.1", 1).0 == 1);
}

#[test]
fn whoever_makes_addresses_up_stays_one() {
    let (_store, server) = served(&[("RATE_LIMIT", "1"), ("RATE_BURST", "3")]);
    let begun = Instant::now();
    let count: usize = (0..30)
        .map(|number| answered(&server, &format!("1.1.1.{number}"), 1).0)
        .sum();
    let more = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!((3..=3 + more).contains(&count), "{count}");
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[test]
fn an_upload_that_is_refused_can_be_made_again_on_the_same_connection() {
    let (_store, server) = served(&[("RATE_LIMIT", "1"), ("RATE_BURST", "1")]);
    server.put(&at("a"), b"x").expect(201);
    let refused = server.put(&at("b"), &super::lines(20_000));
    refused.problem(429, "unavailable");
    std::thread::sleep(Duration::from_millis(1_200));
    server.put(&at("b"), b"x").expect(201);
}

/// Whatever comes to no gate is counted too, but for what costs nothing.
#[test]
fn nothing_that_costs_something_is_answered_without_end() {
    let settings = [("RATE_LIMIT", "1"), ("RATE_BURST", "3")];
    for request in [
        "GET /openapi.json",
        "DELETE /healthz",
        "POST /api/v1/usage",
        "GET /no/such/path",
        "GET /metrics",
        "GET /api/v1/usage",
    ] {
        let store = settings
            .iter()
            .fold(Sandbox::new(), |store, (name, value)| {
                store.with_env(&format!("ARTIFACT_HTTP__{name}"), value)
            });
        store.ok(&["token", "create", "me", "--allow", "read"]);
        let server = Server::start(&store);
        let (method, path) = request.split_once(' ').unwrap();
        let refused = (0..20)
            .filter(|_| server.send(method, path, &[], b"").status == 429)
            .count();
        assert!(refused > 10, "{request}: {refused}");
        for path in ["/healthz", "/readyz"] {
            server.get(path).expect(200);
        }
    }
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__RATE_LIMIT", "1");
    let token = store.ok(&["token", "create", "me", "--allow", "read"]);
    let server = Server::start(&store).bearing(&token);
    for _ in 0..20 {
        server.get("/metrics").expect(200);
    }
}

#[test]
fn a_token_counts_wherever_it_is_used() {
    let store = Sandbox::new()
        .with_env("ARTIFACT_HTTP__RATE_LIMIT", "1")
        .with_env("ARTIFACT_HTTP__RATE_BURST", "4");
    let token = |name: &str| {
        let made = store.ok(&["token", "create", name, "--allow", "read"]);
        format!("Bearer {}", made.trim())
    };
    let (one, other) = (token("one"), token("other"));
    let server = Server::start(&store);
    let answered = |bearer: &str, status: u16| {
        let ask = || server.send("GET", &at("none"), &[("authorization", bearer)], b"");
        (0..8).filter(|_| ask().status == status).count()
    };
    let begun = Instant::now();
    let first = answered(&one, 404);
    assert!((4..8).contains(&first), "{first}");
    // Another one comes from the same address.
    assert!(answered(&other, 404) >= 4);
    // Who guesses is counted by where he comes from, whatever he shows.
    let guesses: usize = (0..4)
        .map(|number| answered(&format!("Bearer x{number}"), 401))
        .sum();
    let more = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!((4..=4 + more).contains(&guesses), "{guesses}");
}
