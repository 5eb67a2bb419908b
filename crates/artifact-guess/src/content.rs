//! What the first bytes say of a text: which tool wrote it, and whether it is a log. Knows no file
//! name.

use artifact_domain::ArtifactType;

/// Marks of JSON reports in lower case without white space: all of a row must stand in the head.
const JSON_MARKS: &[(ArtifactType, &[&str])] = &[
    // libtest and nextest
    (ArtifactType::TestResults, &[r#"{"type":"suite","event":"#]),
    (ArtifactType::TestResults, &[r#"{"type":"test","event":"#]),
    // go test -json
    (
        ArtifactType::TestResults,
        &[r#"{"time":"#, r#""action":"start","package":"#],
    ),
    (
        ArtifactType::TestResults,
        &[r#"{"time":"#, r#""action":"run","package":"#],
    ),
    // jest, vitest; mocha
    (ArtifactType::TestResults, &[r#""numtotaltests":"#]),
    (ArtifactType::TestResults, &[r#""stats":{"suites":"#]),
    // llvm-cov, istanbul, coverage.py
    (ArtifactType::CoverageReport, &["llvm.coverage.json.export"]),
    (ArtifactType::CoverageReport, &[r#""statementmap":{"#]),
    (
        ArtifactType::CoverageReport,
        &[r#""meta":{"#, r#""branch_coverage":"#],
    ),
    // trivy, grype, npm audit, cargo audit
    (
        ArtifactType::SecurityFindings,
        &[r#""schemaversion":"#, r#""artifactname":"#],
    ),
    (
        ArtifactType::SecurityFindings,
        &[r#""matches":[{"vulnerability":"#],
    ),
    (
        ArtifactType::SecurityFindings,
        &[r#""auditreportversion":"#],
    ),
    (
        ArtifactType::SecurityFindings,
        &[r#""vulnerabilities":{"found":"#],
    ),
    // eslint
    (
        ArtifactType::StaticAnalysis,
        &[r#"[{"filepath":"#, r#""messages":["#],
    ),
    // hyperfine, lighthouse, google benchmark, pytest-benchmark
    (
        ArtifactType::PerformanceMetrics,
        &[r#"{"results":[{"command":"#],
    ),
    (
        ArtifactType::PerformanceMetrics,
        &[r#""lighthouseversion":"#],
    ),
    (
        ArtifactType::PerformanceMetrics,
        &[r#"{"context":{"#, r#""benchmarks":["#],
    ),
    (
        ArtifactType::PerformanceMetrics,
        &[r#""machine_info":{"#, r#""commit_info":{"#],
    ),
    // OpenAPI, its forerunner, rustdoc
    (ArtifactType::ApiDocs, &[r#"{"openapi":"3"#]),
    (ArtifactType::ApiDocs, &[r#"{"swagger":"2"#]),
    (ArtifactType::ApiDocs, &[r#""includes_private":"#]),
];

/// How far into a line its time and level stand, in characters.
const LOG_PREFIX_CHARS: usize = 48;

const LEVELS: &[&str] = &[
    "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL", "SEVERE",
];

/// The bytes as text without byte order mark, or none if they are no text.
///
/// A character that the end of the head cuts is left out. Control characters that no terminal
/// takes make it binary.
pub(super) fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    // In UTF-8 a byte of this value is always the character itself.
    let binary = |byte: u8| byte < b' ' && !matches!(byte, 0x07..=0x0d | 0x1b);
    let is_text = !text.bytes().any(binary);
    is_text.then(|| text.trim_start_matches('\u{feff}'))
}

/// Whether one of these stands in the text with no letter or digit beside it.
pub(super) fn has_word(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            ![before, after]
                .into_iter()
                .flatten()
                .any(char::is_alphanumeric)
        })
    })
}

/// Whether it is the output of diff, git or svn.
pub(super) fn is_diff(text: &str) -> bool {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let second = lines.next().unwrap_or_default();
    first.starts_with("diff --git ")
        || (first.starts_with("--- ") && second.starts_with("+++ "))
        || (first.starts_with("Index: ") && second.starts_with("==="))
        || (first.starts_with("diff ") && second.starts_with("--- "))
        || (has_commit_line(first) && text.contains("\ndiff --git "))
}

/// Whether a line begins a commit, in the manner of `git format-patch` or `git show`.
fn has_commit_line(line: &str) -> bool {
    ["From ", "commit "].iter().any(|start| {
        line.strip_prefix(start)
            .and_then(|rest| rest.get(..40))
            .is_some_and(|hash| hash.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

/// Whether it is in the Test Anything Protocol.
pub(super) fn is_tap(text: &str) -> bool {
    let starts_result = |line: &str| line.starts_with("ok ") || line.starts_with("not ok ");
    let first = text.lines().next().unwrap_or_default();
    let plan = first
        .strip_prefix("1..")
        .is_some_and(|count| count.starts_with(|c: char| c.is_ascii_digit()));
    first.starts_with("TAP version ")
        || (plan && text.lines().skip(1).any(starts_result))
        || first.starts_with("ok 1 ")
        || first.starts_with("not ok 1 ")
}

/// Whether it is lcov's trace, Go's profile, or `JaCoCo`'s XML.
pub(super) fn is_coverage(text: &str) -> bool {
    let lcov = (text.starts_with("TN:") || text.starts_with("SF:")) && text.contains("SF:");
    let go = ["mode: set\n", "mode: count\n", "mode: atomic\n"]
        .iter()
        .any(|mode| text.starts_with(mode));
    lcov || go || text.contains("<!DOCTYPE report PUBLIC \"-//JACOCO//")
}

/// Whether it is an `OpenAPI` description in YAML.
pub(super) fn is_api_yaml(text: &str) -> bool {
    let plain = text.trim_start_matches("---").trim_start();
    plain.starts_with("openapi: ") || plain.starts_with("swagger: ")
}

/// The name of the root element of XML, without its namespace.
pub(super) fn xml_root(text: &str) -> Option<&str> {
    let mut rest = text.trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!") => ">",
            _ => break,
        };
        rest = rest[rest.find(end)? + end.len()..].trim_start();
    }
    let name = rest.strip_prefix('<')?;
    let end = name
        .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .unwrap_or(name.len());
    name[..end].rsplit(':').next()
}

/// The text in lower case without white space if it is JSON by its first characters.
pub(super) fn compact_json(text: &str) -> Option<String> {
    let inner = text.trim_start().strip_prefix(['{', '['])?.trim_start();
    inner.starts_with(['"', '{', '[', '}', ']']).then(|| {
        let compact = text.chars().filter(|c| !c.is_whitespace());
        compact.collect::<String>().to_lowercase()
    })
}

/// Whether compact JSON bears the marks of this type.
pub(super) fn has_marks_of(json: &str, artifact_type: &ArtifactType) -> bool {
    JSON_MARKS
        .iter()
        .any(|(marked, marks)| marked == artifact_type && marks.iter().all(|m| json.contains(m)))
}

/// Whether compact JSON is SARIF.
pub(super) fn is_sarif(json: &str) -> bool {
    json.contains("sarif-schema")
        || json.contains(r#""tool":{"driver":"#)
        || (json.contains(r#""$schema":"#) && json.contains(r#""runs":"#) && json.contains("sarif"))
}

/// The name of the tool in compact SARIF.
pub(super) fn sarif_driver(json: &str) -> Option<&str> {
    let (_, driver) = json.split_once(r#""driver":{"#)?;
    let (_, name) = driver.split_once(r#""name":""#)?;
    name.split('"').next()
}

/// Whether most lines begin with a time or a level. One line alone is too little to tell.
pub(super) fn looks_like_log(text: &str) -> bool {
    let plain = without_colours(text);
    let lines = || plain.lines().filter(|line| !line.trim().is_empty());
    let entries = lines().filter(|line| is_log_entry(line)).count();
    entries >= 2 && entries * 2 > lines().count()
}

fn is_log_entry(line: &str) -> bool {
    let line = line.trim_start();
    let prefix: String = line.chars().take(LOG_PREFIX_CHARS).collect();
    has_time_of_day(&prefix)
        || has_word(&prefix, LEVELS)
        || prefix.contains("level=")
        || prefix.contains(r#""level":"#)
        || is_since_boot(line)
        || starts_with_level(line)
}

/// Whether `hh:mm:ss` stands in it.
fn has_time_of_day(text: &str) -> bool {
    text.as_bytes().windows(8).any(|window| {
        window.iter().enumerate().all(|(at, byte)| match at {
            2 | 5 => *byte == b':',
            _ => byte.is_ascii_digit(),
        })
    })
}

/// Whether a line begins like the kernel's: `[    1.234567]`.
fn is_since_boot(line: &str) -> bool {
    line.strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .is_some_and(|(seconds, _)| {
            seconds.contains('.')
                && seconds
                    .trim()
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b == b'.')
        })
}

/// Whether a line begins like `error: …` or `[Warning] …`.
fn starts_with_level(line: &str) -> bool {
    let line = line.trim_start_matches('[');
    let end = line.find(|c: char| !c.is_ascii_alphabetic());
    end.is_some_and(|end| {
        line[end..].starts_with([':', ']', '['])
            && LEVELS
                .iter()
                .any(|level| line[..end].eq_ignore_ascii_case(level))
    })
}

/// The text without the escape sequences of a terminal's colours.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        // A sequence ends at its first letter.
        let end = piece.find(|c: char| c.is_ascii_alphabetic());
        plain.push_str(end.map_or(piece, |end| &piece[end + 1..]));
    }
    plain
}
