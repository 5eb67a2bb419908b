//! Secrets as they stand in logs of CI jobs: coloured, escaped, behind a time or a name on each line.

use artifact_guard::{Finding, Guard};

fn found(content: &str) -> Vec<&'static str> {
    let mut scan = Guard::default().scan(&"build.log".parse().expect("it is a name"));
    scan.feed(content.as_bytes());
    scan.finish();
    scan.findings().iter().map(Finding::rule).collect()
}

/// A token that no service has given.
fn token() -> String {
    format!("{}_{}", "ghp", "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8")
}

const LINE: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDq1W2e3R4t5Y6u";

/// A key whose lines begin and end so.
fn pem(begin: &str, end: &str) -> String {
    let kind = "PRIVATE KEY";
    [
        format!("-----BEGIN {kind}-----"),
        LINE.to_owned(),
        format!("-----END {kind}-----"),
    ]
    .map(|line| format!("{begin}{line}{end}"))
    .concat()
}

#[test]
fn a_colour_is_no_word() {
    for before in [
        "\x1b[32m",
        "\x1b[1;38;2;255;255;255m",
        "\x1b[m",
        "section_start:1700000000:x\r\x1b[0K",
        r"\u001b[32m",
        r"\x1b[32m",
        r"\033[1;32m",
        "token: \x1b[0m\x1b[32m",
        // What is left where a log has lost the escape character.
        "[32m",
    ] {
        assert_eq!(
            found(&format!("{before}{}\x1b[0m\n", token())),
            ["github-token"],
            "{before}"
        );
    }
    let name = "AWS_SECRET_ACCESS_KEY";
    for (before, after) in [("=\x1b[33m", "\x1b[0m"), (r#"\": \""#, r#"\""#)] {
        assert_eq!(
            found(&format!("{name}{before}{}{after}", &LINE[20..60])),
            ["aws-secret-access-key"],
            "{before}"
        );
    }
}

#[test]
fn an_escaped_character_is_a_word_if_it_stands_for_one() {
    for before in [
        "access_token%3D",
        "access_token%3d",
        "redirect%3Faccess_token%253D",
        r"a\u0026",
        r"a\u003d",
        r"a\x3d",
        r"a\\n",
    ] {
        assert_eq!(
            found(&format!("{before}{}", token())),
            ["github-token"],
            "{before}"
        );
    }
    for before in ["x", "_", "%41", "%2541", r"\u0041", r"\x61", "3D", "25D"] {
        assert_eq!(found(&format!("{before}{}", token())), [""; 0], "{before}");
    }
}

#[test]
fn a_key_is_found_behind_what_each_line_begins_with() {
    for (begin, end) in [
        ("", "\n"),
        ("", "\r\n"),
        ("", "\\n"),
        ("", "\\\\n"),
        ("", "&#10;"),
        ("", "&#xD;&#xA;"),
        ("", "\\\\\\\\r\\\\\\\\n"),
        ("", " "),
        ("    ", "\n"),
        ("+", "\n"),
        ("> ", "\n"),
        ("    \"", "\\n\" +\n"),
        ("\x1b[36m", "\x1b[0m\n"),
        ("\\u001b[36m", "\\u001b[0m\\n"),
        ("2024-01-01T00:00:00.0000000Z ", "\n"),
        ("2024-01-01T00:00:00.0000000Z \x1b[36;1m", "\x1b[0m\r\n"),
        ("web_1  | ", "\n"),
        ("\x1b[36mweb_1  |\x1b[0m ", "\n"),
        ("[pod/web-7d9f6/app] ", "\n"),
        ("Jan  1 00:00:00 host app[123]: ", "\n"),
        (
            "{\"level\":\"info\",\"msg\":\"",
            "\",\"time\":\"2024-01-01T00:00:00Z\"}\n",
        ),
        (
            "{\"log\":\"",
            "\\n\",\"stream\":\"stdout\",\"time\":\"2024-01-01T00:00:00.1Z\"}\n",
        ),
    ] {
        let content = format!("a line before\n{}a line behind\n", pem(begin, end));
        assert_eq!(found(&content), ["private-key"], "{content}");
        assert_eq!(found(&pem(begin, end)), ["private-key"], "{begin:?}");
    }
    // The times are not the same, and there is more before the key.
    let content = format!(
        "09:59:59.99 PEM_KEY = {}",
        pem("", "\n").replace('\n', "\n10:00:00.1 ")
    );
    assert_eq!(found(&content), ["private-key"], "{content}");
    let headers = format!(
        "-----BEGIN RSA {}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0\n\n{LINE}\n",
        "PRIVATE KEY"
    );
    let in_one_line = headers.replace('\n', " ") + LINE;
    assert_eq!(found(&in_one_line), ["private-key"], "{in_one_line}");
    let unbroken = headers.replace('\n', " ").trim_end().to_owned() + LINE;
    assert_eq!(found(&unbroken), ["private-key"], "{unbroken}");
    let content = headers.replace('\n', "\nweb_1  | ");
    assert_eq!(
        found(&format!("web_1  | {content}")),
        ["private-key"],
        "{content}"
    );
    let ssh = format!(
        "---- BEGIN SSH2 ENCRYPTED {} ----\nSubject:\nComment: \"me\"\n{LINE}\n",
        "PRIVATE KEY"
    );
    assert_eq!(found(&ssh), ["private-key"]);
}

#[test]
fn what_has_a_line_of_a_key_but_no_key_passes() {
    let begin = format!("-----BEGIN {}-----", "PRIVATE KEY");
    for content in [
        format!("{begin}\n-----END PRIVATE KEY-----\n{LINE}\n"),
        format!("const A: &str = \"{begin}\";\nconst B: &str = \"{LINE}\";\n"),
        format!("if text.contains(\"{begin}\") {{\n    {LINE}\n}}\n"),
        format!("web_1  | {begin}\nweb_1  | and so on: {LINE}\n"),
        format!("12:00:01 {begin}\nanother line {LINE}\n"),
        format!("{begin}\nMIIE...\n"),
        format!("{begin}\n{}\n", "A".repeat(64)),
        format!("{begin}\nyour-private-key-goes-here\n"),
        format!("-----BEGIN {} KEY-----\n{LINE}\n", "RSA PUBLIC"),
    ] {
        assert_eq!(found(&content), [""; 0], "{content}");
    }
}

#[test]
fn an_example_is_told_by_the_secret_and_not_by_what_is_beside_it() {
    let pgp = format!(
        "-----BEGIN PGP {} BLOCK-----\nComment: joe@example.com\n\n{LINE}\n",
        "PRIVATE KEY"
    );
    assert_eq!(found(&pgp), ["pgp-private-key"]);
    let account = |key: &str| {
        format!(
            "{{\"type\": \"service_account\", \"project_id\": \"my-example-app\", \
             \"private_key\": \"-----BEGIN {}-----\\n{key}\\n\"}}",
            "PRIVATE KEY"
        )
    };
    let both = ["gcp-service-account", "private-key"];
    assert_eq!(found(&account(LINE)), both);
    assert_eq!(
        found(&account(LINE).replace('\\', "\\\\").replace('"', "\\\"")),
        both
    );
    assert_eq!(found(&account("...")), [""; 0]);
    assert_eq!(found(&account("MIIEexample")), [""; 0]);

    // Nor does what stands around an example make it a secret.
    for content in [
        format!("AWS_SECRET_ACCESS_KEY={}", "a".repeat(40)),
        format!("github_pat_{}_{}", "0".repeat(22), "0".repeat(59)),
        format!("{}_your{}", "ghp", "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6"),
    ] {
        assert_eq!(found(&content), [""; 0], "{content}");
    }
}
