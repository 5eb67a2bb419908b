//! Tiers, archives, sums, comparisons, and what keeps a store in order.

use serde_json::{Value, json};

use super::{at, lines, served};

fn id_of(record: &Value) -> String {
    format!("/api/v1/artifacts/{}", record["id"].as_str().unwrap())
}

#[test]
fn what_is_archived_can_be_brought_back() {
    let (_store, server) = served();
    let record = server.put(&at("a.log"), &lines(100)).expect(201).json();
    let path = id_of(&record);
    let post = |what: &str| server.send("POST", &format!("{path}/{what}"), &[], b"");
    let archived = post("archive").expect(200).json();
    assert_eq!(
        (&archived["state"], &archived["tier"]),
        (&json!("ARCHIVED"), &json!("COLD"))
    );
    assert!(server.get(&at("a.log")).expect(200).body == lines(100));
    assert_eq!(post("restore").expect(200).json()["state"], "ACTIVE");
    post("restore?keep_days=0").problem(400, "invalid-input");
    post("presign?expires_in_s=60").expect(200);
    let none = server.send(
        "POST",
        "/api/v1/artifacts/01a1ffba-8fa0-71bb-adfb-1f3c23807d3d/archive",
        &[],
        b"",
    );
    none.problem(404, "not-found");
}

#[test]
fn a_task_is_exported_as_one_file() {
    let (store, server) = served();
    server.put(&at("a.log"), &lines(1_000)).expect(201);
    server
        .put(&at("b/c.bin"), &e2e::tree::noise(1, 10_000))
        .expect(201);
    for (query, name) in [
        ("", "demo-1.zip"),
        ("?format=tar.gz&metadata=true", "demo-1.tar.gz"),
    ] {
        let answer = server
            .get(&format!("/api/v1/specs/demo/tasks/1/export{query}"))
            .expect(200);
        let way = format!("attachment; filename=\"{name}\"");
        assert_eq!(answer.header("content-disposition"), way);
        store.write(name, &answer.body);
        let again = format!("again-{}", name.len());
        store.ok(&["import", name, "--spec", &again, "--task", "1"]);
        let found = store.json(&["search", "--spec", &again]);
        assert_eq!(found.len(), 2, "{name}");
    }
    let whole = server.get("/api/v1/specs/demo/export").expect(200);
    assert_eq!(whole.header("content-type"), "application/zip");
    server
        .get("/api/v1/specs/demo/export?format=rar")
        .problem(400, "invalid-input");
}

#[test]
fn sums_are_those_of_the_command_line() {
    let (store, server) = served();
    server.put(&at("a.log"), &lines(1_000)).expect(201);
    server
        .put("/api/v1/specs/other/tasks/1/data/d", b"x")
        .expect(201);
    let usage = server.get("/api/v1/usage?by=spec").expect(200).json();
    let mut expected = store.json(&["usage", "--by", "spec"]);
    let mut all = expected.pop().unwrap();
    all["groups"] = expected.into();
    assert_eq!(usage, all);
    let trend = server.get("/api/v1/trend?days=3").expect(200).json();
    assert_eq!(
        trend["days"],
        Value::from(store.json(&["trend", "--days", "3"]))
    );
    server
        .get("/api/v1/usage?by=colour")
        .problem(400, "invalid-input");
    server
        .get("/api/v1/trend?days=0")
        .problem(400, "invalid-input");
    server
        .get("/api/v1/trend?days=99999999")
        .problem(400, "invalid-input");
}

#[test]
fn tasks_are_compared() {
    let (store, server) = served();
    server.put(&at("a.log"), b"one").expect(201);
    server
        .put("/api/v1/specs/demo/tasks/2/log/a.log", b"three")
        .expect(201);
    let path = "/api/v1/compare?spec=demo&baseline=1&current=2";
    let compared = server.get(path).expect(200).json();
    let shown = store.json(&[
        "compare",
        "--spec",
        "demo",
        "--baseline",
        "1",
        "--current",
        "2",
    ]);
    assert_eq!(
        compared,
        json!({"fails": false, "items": shown, "left_out": 0})
    );
    let judged = server
        .get(&format!("{path}&fail_on=size-increase"))
        .expect(200)
        .json();
    assert_eq!(judged["fails"], true);
    server
        .get("/api/v1/compare?baseline=1")
        .problem(400, "invalid-input");
    server
        .get(&format!("{path}&slower_factor=NaN"))
        .problem(400, "invalid-input");
    server
        .get(&format!("{path}&fail_on=rain"))
        .problem(400, "invalid-input");
}

#[test]
fn the_store_is_kept_in_order() {
    let (store, server) = served();
    server
        .put(&at("a.log?retention_days=1"), &lines(10))
        .expect(201);
    let post = |path: &str| server.send("POST", path, &[], b"");
    let plan = post("/api/v1/cleanup?dry_run=true").expect(200).json();
    assert_eq!(
        (&plan["expired"], &plan["dry_run"]),
        (&json!(0), &json!(true))
    );
    assert_eq!(post("/api/v1/cleanup").expect(200).json()["expired"], 0);
    let swept = post("/api/v1/gc").expect(200).json();
    assert_eq!(
        (&swept["cleared"], &swept["items"]),
        (&json!(0), &json!([]))
    );
    let sound = post("/api/v1/verify").expect(200).json();
    assert_eq!(
        (&sound["versions"], &sound["sound"]),
        (&json!(1), &json!(true))
    );
    std::fs::write(&store.blobs()[0], "rubbish").unwrap();
    let damaged = post("/api/v1/verify?spec=demo").expect(200).json();
    assert_eq!(damaged["sound"], false);
    assert_eq!(damaged["findings"][0]["finding"], "damaged");
    post("/api/v1/gc?grace_hours=0").problem(400, "invalid-input");
    server.get("/api/v1/gc").problem(405, "invalid-input");
}

/// What an archive may hold protects the server, so whoever sends one has no say in it but to want less.
#[test]
fn nobody_raises_the_limits_of_an_archive() {
    let (store, server) = served();
    let post = |query: &str| {
        server.send(
            "POST",
            &format!("/api/v1/import?{query}"),
            &[],
            b"no archive",
        )
    };
    for (query, most) in [
        ("max_entries=1000001", "1000000"),
        ("max_bytes=107374182401", "107374182400"),
        ("max_ratio=251", "250"),
        ("max_entries=9223372036854775807", "1000000"),
        ("max_bytes=18446744073709551615", "107374182400"),
        ("max_ratio=9000000000000000000", "250"),
    ] {
        let problem = post(query).problem(400, "invalid-input");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("is {most} at most")), "{detail}");
    }
    post("max_bytes=0&max_entries=0").problem(413, "too-large");
    post("max_entries=1000000&max_bytes=107374182400&max_ratio=250").expect(200);
    drop(server);
    store.assert_empty();
}
