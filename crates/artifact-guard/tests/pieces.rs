//! Files come in pieces of any size, and what is found in them is the same.

use artifact_guard::Guard;
use proptest::prelude::*;

const LINE: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDq1W2e3R4t5Y6u";

/// What files are made of here: secrets, what is around them, what only begins like one, and nothing.
fn fragments() -> Vec<String> {
    let kind = "PRIVATE KEY";
    let mut all: Vec<String> = [
        "\n",
        "\\n",
        " ",
        "=",
        "%3D",
        "\"",
        "\x1b[32m",
        "\\u001b[0m",
        "\u{feff}",
        "web_1  | ",
        "2024-01-01T00:00:00.0000000Z ",
        "A: b\n",
        "\0",
        "x",
        "-----",
        "{\"log\":\"",
        "DB_PASSWORD=",
        "m4-Kq2.zT9w\n",
        "postgres://app:m4-Kq2zT@db/x\n",
        "AKIA",
        "AWS_SECRET_ACCESS_KEY",
        "\"type\": \"service_account\"",
        "\"private_key\": \"",
        ".atlasv1.",
        "changeme",
        LINE,
    ]
    .map(str::to_owned)
    .into();
    all.extend([
        format!("{}_q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8", "ghp"),
        format!("-----BEGIN {kind}-----"),
        format!("-----BEGIN {kind}-----\n{LINE}\n"),
        format!("\n12:00:00.1234567 app[1]: -----BEGIN {kind}-----\n12:00:00.2 app[1]: {LINE}\n"),
        format!("web_1  | -----BEGIN PGP {kind} BLOCK-----\nweb_1  | {LINE}\n"),
        "words of a log\n".repeat(30),
        "words of a log ".repeat(300),
        "\n".repeat(4_000),
        "a line that goes on\n".repeat(3_000),
    ]);
    all
}

/// The rule and the line of each finding.
fn found<'a>(name: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(&'static str, u64)> {
    let mut scan = Guard::default().scan(&name.parse().expect("it is a name"));
    for piece in pieces {
        scan.feed(piece);
    }
    scan.finish();
    let all = scan.findings().iter();
    all.map(|finding| (finding.rule(), finding.line()))
        .collect()
}

/// The bytes in pieces of these sizes, again and again.
fn cut<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_file_in_any_pieces_gives_the_same(
        content in proptest::collection::vec(proptest::sample::select(fragments()), 0..40),
        small in proptest::collection::vec(1_usize..40, 1..8),
        large in proptest::collection::vec(1_usize..90_000, 1..8),
        named in any::<bool>(),
    ) {
        let content = content.concat();
        let name = if named { ".env" } else { "x.log" };
        let whole = found(name, [content.as_bytes()]);
        for sizes in [small, large] {
            prop_assert_eq!(found(name, cut(content.as_bytes(), &sizes)), whole.clone());
        }
    }
}

#[test]
fn a_secret_at_any_place_of_what_is_gathered_is_found() {
    let begin = format!("-----BEGIN {}-----", "PRIVATE KEY");
    let time = "2024-01-01T00:00:00.0000000Z \x1b[36;1mweb_1  |\x1b[0m ";
    let key = format!("\n{time}{begin}\n{time}{LINE}\n");
    let token = format!("\n\x1b[32m{}_q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8\n", "ghp");
    // A line begins too far before the key for what it begins with to be known.
    let far = format!(
        "\n{}{begin}\n{}{LINE}\n",
        "# ".repeat(200),
        "# ".repeat(100)
    );
    for (secret, rules) in [
        (key, &["private-key"][..]),
        (token, &["github-token"]),
        (far, &[]),
    ] {
        // Around the ends of what is gathered, and of what is kept of it.
        for gathered in [61_440, 65_536] {
            for before in (gathered - 500..gathered + 100).step_by(3) {
                let content = format!("{}{secret}{}", "a".repeat(before), "b\n".repeat(40_000));
                for sizes in [usize::MAX, 977] {
                    let found = found("x.log", cut(content.as_bytes(), &[sizes]));
                    let found: Vec<_> = found.iter().map(|(rule, _)| *rule).collect();
                    assert_eq!(found, rules, "{before} {sizes}");
                }
            }
        }
    }
}

#[test]
fn as_much_is_looked_at_of_a_file_that_is_known_by_its_name_however_it_comes() {
    let looked_at = 1 << 20;
    for (before, count) in [(looked_at - 40, 1), (looked_at - 14, 0), (looked_at, 0)] {
        let content = format!("{}\nDB_PASSWORD=m4-Kq2.zT9w\n", "a".repeat(before - 1));
        for sizes in [
            [65_536, 65_536],
            [65_537, 40_001],
            [1 << 22, 1],
            [1_000, 99_999],
        ] {
            let found = found(".env", cut(content.as_bytes(), &sizes));
            assert_eq!(found.len(), count, "{before} {sizes:?}");
        }
    }
}
