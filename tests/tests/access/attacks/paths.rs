//! Names, specs and tasks that are spelled so that they lead elsewhere.

use e2e::{Sandbox, Server};

use super::super::{Bearer, at, token};
use super::{coded, guarded, status_of};

/// Where the names of artifacts stand that may be read and written.
const NAMES: &str = "/api/v1/specs/team/tasks/1/log/";

/// Asserts that no method does anything with any of these names.
fn refused(names: &[&str]) {
    let (store, server, secret) = guarded();
    let before = store.blobs();
    for name in names {
        for method in ["GET", "HEAD", "DELETE", "PUT"] {
            let (status, answer) = status_of(&server, method, &format!("{NAMES}{name}"), &secret);
            let is_refused = (400..500).contains(&status);
            assert!(is_refused, "{method} {name} gave {status}:\n{answer}");
            let leaks = answer.contains("theirs") || answer.contains("root:");
            assert!(!leaks, "{method} {name}:\n{answer}");
        }
    }
    assert_eq!(store.blobs(), before, "something was stored or taken away");
}

/// Asserts that nobody comes by these spellings of a spec to one that he has no right to.
fn kept_out(specs: &[&str]) {
    let (store, server, secret) = guarded();
    let before = store.blobs();
    for spec in specs {
        let targets = [
            ("GET", format!("/api/v1/specs/{spec}/tasks/1/log/a.log")),
            ("PUT", format!("/api/v1/specs/{spec}/tasks/1/log/a.log")),
            ("POST", format!("/api/v1/specs/{spec}/tasks/1/log/a.log")),
            ("DELETE", format!("/api/v1/specs/{spec}/tasks/1/log/a.log")),
            ("DELETE", format!("/api/v1/artifacts?spec={spec}")),
            ("GET", format!("/api/v1/specs/{spec}/export")),
            ("GET", format!("/api/v1/specs/{spec}/tasks/1/export")),
            ("GET", format!("/api/v1/usage?spec={spec}")),
        ];
        for (method, target) in targets {
            let (status, answer) = status_of(&server, method, &target, &secret);
            let is_refused = [400, 403, 404].contains(&status);
            assert!(is_refused, "{method} {target} gave {status}:\n{answer}");
            assert!(!answer.contains("theirs"), "{answer}");
        }
        let list = format!("/api/v1/artifacts?spec={spec}");
        let (status, answer) = status_of(&server, "GET", &list, &secret);
        let shown = answer.matches("\"uri\":").count();
        let own = answer.matches("\"uri\":\"artifact://team/").count();
        assert!(
            [200, 400].contains(&status) && shown == own,
            "{spec}:\n{answer}"
        );
    }
    assert_eq!(store.blobs(), before, "something was stored or taken away");
}

#[test]
fn a_name_that_climbs_is_refused() {
    refused(&[
        "../../../../secret/tasks/1/log/a.log",
        "..%2f..%2f..%2f..%2fsecret%2ftasks%2f1%2flog%2fa.log",
        "..",
        "%2e%2e",
        ".%2e",
        "a.log/..",
        "a.log/../a.log",
        "./a.log",
        "%2e/a.log",
    ]);
}

#[test]
fn a_name_with_encoded_slashes_in_front_is_refused() {
    refused(&[
        "%2F%2F..%2F",
        "%2F%2F..%2F..%2F..%2Fsecret%2Ftasks%2F1%2Flog%2Fa.log",
        "/a.log",
        "//a.log",
        "%2fa.log",
        "%2fetc%2fpasswd",
        "a.log%2f%2fb",
        "file:%2f%2f%2fetc%2fpasswd",
    ]);
}

#[test]
fn what_is_encoded_twice_is_decoded_once() {
    let (store, server, secret) = guarded();
    let target = at("team", "1", "%252e%252e%252f%252e%252e%252fsecret");
    let (status, answer) = status_of(&server, "PUT", &target, &secret);
    assert!(status == 201, "{answer}");
    // A name like any other, that of a file in the folder of its task.
    let uri = "artifact://team/1/log/%252e%252e%252f%252e%252e%252fsecret";
    assert!(answer.contains(&format!("\"uri\":\"{uri}\"")), "{answer}");
    let folder = store.store("artifacts/team/1");
    let blobs = store.blobs();
    let inside = blobs.iter().filter(|path| path.starts_with(&folder));
    assert_eq!(inside.count(), 2);
    kept_out(&["team%252f..%252fsecret", "%2573ecret", "team%252d%2562"]);
}

#[test]
fn overlong_utf_8_is_refused() {
    refused(&[
        "%c0%ae%c0%ae%c0%afsecret",
        "%c0%2e%c0%2e%c0%2fsecret",
        "%e0%80%ae%e0%80%ae/secret",
        "%f0%80%80%ae%f0%80%80%ae%f0%80%80%afsecret",
        "%f8%80%80%80%ae",
        "a.log%ff",
        "a.log%ed%a0%80",
    ]);
}

#[test]
fn a_backslash_is_refused() {
    refused(&[
        "..\\..\\..\\secret\\1\\log\\a.log",
        "..%5c..%5csecret%5c1%5clog%5ca.log",
        "a%5c..%5cb",
        "%5c..",
        "a/..%5c/b",
    ]);
}

#[test]
fn nul_and_other_controls_are_refused() {
    refused(&[
        "a.log%00.txt",
        "a.log%00",
        "%00",
        "a%0ab",
        "a%0d%0ab",
        "a%1b%5b2J",
        "con\u{7f}",
        "a%c2%85b",
    ]);
}

#[test]
fn a_semicolon_divides_nothing() {
    refused(&["a.log;/../../secret", ";/..", "../;a=b", "..%2f;"]);
    kept_out(&["team;/../secret", "secret;team", "secret%3bteam"]);
    let (_store, server, secret) = guarded();
    let target = "/api/v1/specs/secret/tasks/1/log/a.log;spec=team";
    let (status, answer) = status_of(&server, "GET", target, &secret);
    assert!(status == 403 && !answer.contains("theirs"), "{answer}");
}

#[test]
fn a_question_mark_in_a_name_begins_no_query() {
    let (store, server, secret) = guarded();
    for target in [
        "/api/v1/specs/secret/tasks/1/log/a.log?",
        "/api/v1/specs/secret/tasks/1/log/a.log%3fspec=team",
        "/api/v1/specs/secret/tasks/1/log/a.log?spec=team",
        "/api/v1/specs/secret/tasks/1/log/a.log?/../../../../team/tasks/1/log/a.log",
    ] {
        let (status, answer) = status_of(&server, "GET", target, &secret);
        let is_refused = [400, 403].contains(&status);
        assert!(is_refused, "{target} gave {status}:\n{answer}");
    }
    let target = at("team", "1", "b.log%3fversion=9");
    let (status, answer) = status_of(&server, "PUT", &target, &secret);
    assert!(status == 201, "{answer}");
    assert!(answer.contains("/b.log%3Fversion%3D9\""), "{answer}");
    let found = store.json(&["search", "--spec", "team", "--name", "b.log*"]);
    assert_eq!(found[0]["name"], "b.log?version=9");
}

#[test]
fn a_number_sign_cuts_nothing_off() {
    let (_store, server, secret) = guarded();
    for target in [
        "/api/v1/specs/secret/tasks/1/log/a.log#x",
        "/api/v1/specs/secret/tasks/1/log/a.log%23team",
        "/api/v1/specs/team#/../secret/tasks/1/log/a.log",
        "/api/v1/specs/secret#/tasks/1/log/a.log",
        "#/api/v1/specs/team/tasks/1/log/a.log",
    ] {
        let (status, answer) = status_of(&server, "GET", target, &secret);
        let is_refused = (400..500).contains(&status);
        assert!(is_refused, "{target} gave {status}:\n{answer}");
        assert!(!answer.contains("theirs"), "{answer}");
    }
    let (status, answer) = status_of(&server, "PUT", &at("team", "1", "b%23c"), &secret);
    assert!(status == 201 && answer.contains("/b%23c\""), "{answer}");
}

#[test]
fn slashes_dots_and_spaces_at_the_end_are_not_passed_over() {
    refused(&["a.log/", "a.log%2f", "a.log/.", "a.log/%2e", "a.log//"]);
    let (_store, server, secret) = guarded();
    for end in ["/", ".", "%20", "..", "%2e", "/."] {
        let target = format!("/api/v1/specs/secret/tasks/1/log/a.log{end}");
        let (status, answer) = status_of(&server, "GET", &target, &secret);
        let is_refused = (400..500).contains(&status);
        assert!(is_refused, "{target} gave {status}:\n{answer}");
        assert!(!answer.contains("theirs"), "{answer}");
        let own = format!("/api/v1/specs/team/tasks/1/log/a.log{end}");
        let (status, answer) = status_of(&server, "GET", &own, &secret);
        assert!([400, 404].contains(&status), "{own} gave {status}");
        assert!(!answer.contains("ours"), "{own}:\n{answer}");
    }
    kept_out(&["secret.", "secret%20", "secret%2f", "team-b."]);
}

#[test]
fn another_form_of_the_path_leads_past_no_gate() {
    let (_store, server, secret) = guarded();
    for target in [
        "/api/v1//specs/secret/tasks/1/log/a.log",
        "//api/v1/specs/secret/tasks/1/log/a.log",
        "/./api/v1/specs/secret/tasks/1/log/a.log",
        "/healthz/../api/v1/specs/secret/tasks/1/log/a.log",
        "/healthz%2f..%2fapi%2fv1%2fspecs%2fsecret%2ftasks%2f1%2flog%2fa.log",
        "/healthz;/api/v1/specs/secret/tasks/1/log/a.log",
        "/api/v1/specs/team/../secret/tasks/1/log/a.log",
        "/API/v1/specs/secret/tasks/1/log/a.log",
        "/%61pi/v1/specs/secret/tasks/1/log/a.log",
        "/api/v1/specs/secret/tasks/1/log/a.log/content",
        "http://other/api/v1/specs/secret/tasks/1/log/a.log",
    ] {
        let (status, answer) = status_of(&server, "GET", target, &secret);
        let is_refused = (400..500).contains(&status);
        assert!(is_refused, "{target} gave {status}:\n{answer}");
        assert!(!answer.contains("theirs"), "{answer}");
    }
}

#[test]
fn another_case_is_another_spec() {
    kept_out(&["Team", "TEAM", "tEAM", "SECRET", "Secret", "TEAM-B"]);
}

/// Two spellings that look alike: a token for the one reaches the other by no way.
fn are_two(one: &str, other: &str) {
    let store = Sandbox::new();
    store.write("a.log", "theirs\n");
    for spec in [one, other] {
        let place = ["--spec", spec, "--task", "1", "--type", "log"];
        store.ok(&[&["upload", "a.log"], &place[..]].concat());
    }
    let secret = token(&store, "one", &["read,write,delete", "--spec", one]);
    let server = Server::start(&store);
    let bearer = Bearer::new(&server, &secret);
    bearer.get(&at(&coded(one), "1", "a.log")).expect(200);
    for method in ["GET", "PUT", "DELETE"] {
        let answer = bearer.send(method, &at(&coded(other), "1", "a.log"), b"x");
        answer.expect(403);
    }
    let answer = bearer.get(&format!("/api/v1/artifacts?spec={}", coded(other)));
    assert_eq!(answer.expect(200).json()["items"], serde_json::json!([]));
    let all = bearer.get("/api/v1/artifacts").expect(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    assert_eq!(all["items"][0]["spec"], one);
}

#[test]
fn composed_and_decomposed_letters_are_two_specs() {
    are_two("caf\u{e9}", "cafe\u{301}");
    are_two("cafe\u{301}", "caf\u{e9}");
    are_two("\u{212b}ngstrom", "\u{c5}ngstrom");
}

#[test]
fn full_width_and_look_alike_letters_are_other_specs() {
    are_two("team", "\u{ff54}\u{ff45}\u{ff41}\u{ff4d}");
    are_two("\u{ff54}\u{ff45}\u{ff41}\u{ff4d}", "team");
    are_two("team", "t\u{435}am");
    are_two("office", "o\u{fb03}ce");
    kept_out(&[
        "te%C3%A0m",
        "t%D0%B5am",
        "team%CC%81",
        "team%E2%80%8B",
        "%EF%BD%93ecret",
    ]);
}

#[test]
fn a_spec_is_no_prefix_and_no_pattern() {
    kept_out(&[
        "team-b",
        "team-",
        "tea",
        "team%2f",
        "team%2Fb",
        "team%2F..",
        "team/..",
        "team%2f..%2fsecret",
        "team/../secret",
        "team%00",
        "team%09",
        "%20team",
        "*",
        "team*",
        "team%2Ateam",
        "%5Bt%5Deam",
        "team%2Csecret",
        "..",
        "%2e%2e",
    ]);
}

#[test]
fn what_means_the_same_is_the_same() {
    let (_store, server, secret) = guarded();
    let target = "/api/v1/specs/%74eam/tasks/%31/log/a%2elog";
    let (status, answer) = status_of(&server, "GET", target, &secret);
    assert!(status == 200 && answer.contains("ours"), "{answer}");
}
