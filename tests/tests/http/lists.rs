//! `GET /artifacts`: filters, orders and pages.

use std::thread;

use e2e::{Sandbox, Server, peak_kib};
use serde_json::Value;

use super::{at, served};

#[test]
fn pages_lead_from_one_to_the_next() {
    let (_store, server) = served();
    for number in 0..5 {
        server
            .put(&at(&format!("{number}.log?tag=n={number}")), b"x")
            .expect(201);
    }
    let listed = walked(&server, "/api/v1/artifacts?limit=2&sort=name&type=log");
    let names: Vec<_> = listed.iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["0.log", "1.log", "2.log", "3.log", "4.log"]);
}

#[test]
fn versions_have_pages_too() {
    let store = Sandbox::new().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    let server = Server::start(&store);
    for content in [b"1", b"2", b"3"] {
        server.put(&at("a.log"), content).expect(201);
    }
    let id = server.get(&at("a.log")).header("x-artifact-id").to_owned();
    let path = format!("/api/v1/artifacts/{id}/versions?limit=2");
    let versions = walked(&server, &path);
    let versions: Vec<_> = versions.iter().map(|one| one["version"].clone()).collect();
    assert_eq!(versions, [3, 2, 1]);
}

/// The artifacts of all pages, each found by what the one before says in `Link`.
fn walked(server: &Server, path: &str) -> Vec<Value> {
    let mut path = path.to_owned();
    let mut items = Vec::new();
    loop {
        let page = server.get(&path).expect(200);
        let list = page.json();
        items.extend_from_slice(list["items"].as_array().unwrap());
        let link = page.header("link");
        assert_eq!(link.is_empty(), list["next_cursor"].is_null());
        match link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
        {
            Some(next) => next.clone_into(&mut path),
            None => return items,
        }
    }
}

#[test]
fn filters_are_those_of_the_command_line() {
    let (_store, server) = served();
    server.put(&at("small.log?tag=os=linux"), b"x").expect(201);
    server
        .put(&at("large.log?tag=os=mac"), &[b'x'; 5_000])
        .expect(201);
    server
        .put("/api/v1/specs/other/tasks/2/data/d.bin", b"x")
        .expect(201);
    let found = |query: &str| {
        let list = server
            .get(&format!("/api/v1/artifacts?sort=name&{query}"))
            .expect(200)
            .json();
        let names = list["items"].as_array().unwrap().iter();
        names
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("spec=demo"), ["large.log", "small.log"]);
    assert_eq!(found("spec=*&min_size=1KB"), ["large.log"]);
    assert_eq!(found("max_size=10&days=1"), ["d.bin", "small.log"]);
    assert_eq!(found("tag=os%3Dlinux"), ["small.log"]);
    assert_eq!(found("type=data&type=diff"), ["d.bin"]);
    assert_eq!(found("name=*.bin&task=2"), ["d.bin"]);
    assert!(found("before=2000-01-01T00:00:00Z").is_empty());
    assert!(found("state=deleted").is_empty());
}

/// A number takes two bytes in JSON and 32 and more once it is taken apart.
#[test]
fn lists_of_large_metadata_take_little_memory() {
    const COUNT: usize = 150;
    let (_store, server) = served();
    let numbers = vec!["0"; 32_000].join(",");
    let change = format!(r#"{{"metadata": {{"numbers": [{numbers}]}}}}"#);
    for number in 0..COUNT {
        let record = server.put(&at(&format!("{number}.log")), b"x").expect(201);
        let path = format!(
            "/api/v1/artifacts/{}",
            record.json()["id"].as_str().unwrap()
        );
        server
            .send("PATCH", &path, &[], change.as_bytes())
            .expect(200);
    }
    let walk = || {
        let (mut seen, mut pages, mut path) = (0, 0, "/api/v1/artifacts?limit=1000".to_owned());
        loop {
            let list = server.get(&path).expect(200).json();
            seen += list["items"].as_array().unwrap().len();
            pages += 1;
            let Some(next) = list["next_cursor"].as_str() else {
                return (seen, pages);
            };
            path = format!("/api/v1/artifacts?limit=1000&cursor={next}");
        }
    };
    thread::scope(|scope| {
        let walks: Vec<_> = (0..4).map(|_| scope.spawn(walk)).collect();
        for walk in walks {
            let (seen, pages) = walk.join().unwrap();
            assert!(seen == COUNT && pages > 1, "{seen} on {pages} pages");
        }
    });
    let peak = peak_kib(server.pid());
    assert!(peak.expect("it runs") < 96 << 10, "{peak:?} KiB");
}
