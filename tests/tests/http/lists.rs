//! `GET /artifacts`: filters, orders and pages.

use super::{at, served};

#[test]
fn pages_lead_from_one_to_the_next() {
    let (_store, server) = served();
    for number in 0..5 {
        server
            .put(&at(&format!("{number}.log?tag=n={number}")), b"x")
            .expect(201);
    }
    let mut path = "/api/v1/artifacts?limit=2&sort=name&type=log".to_owned();
    let mut names = Vec::new();
    loop {
        let page = server.get(&path).expect(200);
        let list = page.json();
        names.extend(
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["name"].clone()),
        );
        let link = page.header("link");
        assert_eq!(link.is_empty(), list["next_cursor"].is_null());
        match link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
        {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(names, ["0.log", "1.log", "2.log", "3.log", "4.log"]);
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
