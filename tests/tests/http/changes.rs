//! `PATCH` and `DELETE`: what is known of artifacts, and taking them away.

use serde_json::json;

use super::{at, served};

#[test]
fn a_patch_changes_all_it_names_at_once() {
    let (_store, server) = served();
    let record = server
        .put(&at("a?tag=x=1&tag=y=1&meta=n=1"), b"x")
        .expect(201)
        .json();
    let path = format!("/api/v1/artifacts/{}", record["id"].as_str().unwrap());
    let asked = json!({
        "tags": {"x": null, "z": "2"},
        "metadata": {"n": null, "m": {"deep": true}},
        "hold": {"reason": "audit"},
        "retention_days": 90,
    });
    let changed = server
        .send("PATCH", &path, &[], asked.to_string().as_bytes())
        .expect(200);
    let now = changed.json();
    assert_eq!(now["tags"], json!({"y": "1", "z": "2"}));
    assert_eq!(now["metadata"], json!({"m": {"deep": true}}));
    assert_eq!(now["hold"]["reason"], "audit");
    assert_ne!(now["expires_at"], record["expires_at"]);
    server.send("DELETE", &path, &[], b"").problem(409, "held");
    let released = server.send(
        "PATCH",
        &path,
        &[],
        br#"{"hold": null, "keep_forever": true}"#,
    );
    assert_eq!(released.expect(200).json()["expires_at"], json!(null));
    let nothing = br#"{"tags": {"ok": "1"}, "metadata": 5}"#;
    server
        .send("PATCH", &path, &[], nothing)
        .problem(400, "invalid-input");
    assert_eq!(
        server.get(&path).json()["tags"],
        json!({"y": "1", "z": "2"})
    );
}

#[test]
fn a_patch_of_what_was_changed_meanwhile_is_refused() {
    let (_store, server) = served();
    let record = server.put(&at("a"), b"x").expect(201).json();
    let path = format!("/api/v1/artifacts/{}", record["id"].as_str().unwrap());
    let tag = server.get(&path).header("etag").to_owned();
    let change = |tag: &str| {
        server.send(
            "PATCH",
            &path,
            &[("if-match", tag)],
            br#"{"tags": {"a": "1"}}"#,
        )
    };
    let next = change(&tag).expect(200);
    change(&tag).problem(412, "conflict");
    change("\"nonsense\"").problem(412, "conflict");
    assert_ne!(next.header("etag"), tag);
    assert_eq!(next.header("etag"), server.get(&path).header("etag"));
}

#[test]
fn what_is_deleted_is_gone() {
    let (store, server) = served();
    let record = server.put(&at("a"), b"x").expect(201).json();
    server.put(&at("b"), b"x").expect(201);
    let wrong = [("if-match", "\"x\"")];
    server
        .send("DELETE", &at("a"), &wrong, b"")
        .problem(412, "conflict");
    assert_eq!(
        server.send("DELETE", &at("a"), &[], b"").expect(204).text(),
        ""
    );
    server.get(&at("a")).problem(404, "not-found");
    let path = format!("/api/v1/artifacts/{}", record["id"].as_str().unwrap());
    server.get(&path).problem(404, "not-found");
    server
        .send("DELETE", &path, &[], b"")
        .problem(404, "not-found");
    let plan = server.send(
        "DELETE",
        "/api/v1/artifacts?spec=demo&dry_run=true",
        &[],
        b"",
    );
    assert_eq!(plan.expect(200).json()["deleted"], 1);
    let done = server
        .send("DELETE", "/api/v1/artifacts?spec=demo&task=1", &[], b"")
        .expect(200);
    let none: [u8; 0] = [];
    assert_eq!(
        done.json(),
        json!({"deleted": 1, "stored_size_bytes": 1, "failed": 0, "failures": none, "dry_run": false})
    );
    server
        .send("DELETE", "/api/v1/artifacts", &[], b"")
        .problem(400, "invalid-input");
    drop(server);
    store.assert_empty();
}
