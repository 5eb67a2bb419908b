//! What people of CI expect of a guess, one line per file.

use artifact_domain::{ArtifactName, ArtifactType, MimeType};
use proptest::prelude::*;

use super::{HEAD_BYTES, guess};

const BINARY: &str = "application/octet-stream";
const PLAIN: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const XML: &str = "text/xml; charset=utf-8";
const JSON: &str = "application/json";

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01";
const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\xcbH";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x29\0\0";
const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0\0\0!\0\xff\xff\xff\xff\x10\0\0\0\x10\0\0\0\x05\0";
const ELF: &[u8] = &{
    let mut bytes = [0; 64];
    let (magic, _) = bytes.split_at_mut(4);
    magic.copy_from_slice(b"\x7fELF");
    bytes
};
const LOG: &[u8] =
    b"2026-11-21T01:02:03Z INFO start\n2026-11-21T01:02:04Z ERROR no\n  at main.rs\n";

/// Checks `(name, head, type, media type)`, one artifact each.
fn check(cases: &[(&str, &[u8], &str, &str)]) {
    for (name, head, artifact_type, mime_type) in cases {
        let found = guess(&ArtifactName::new(*name).unwrap(), head);
        let found = (found.artifact_type.to_string(), found.mime_type.to_string());
        let expected = ((*artifact_type).to_owned(), (*mime_type).to_owned());
        let shown = String::from_utf8_lossy(head);
        assert_eq!(found, expected, "{name} with {shown:?}");
    }
}

#[test]
#[rustfmt::skip]
fn what_a_tool_wrote_is_told_by_its_name() {
    const DIFF: &str = "text/x-diff; charset=utf-8";
    const MD: &str = "text/markdown; charset=utf-8";
    const YAML: &str = "application/yaml";
    const CSV: &str = "text/csv; charset=utf-8";
    check(&[
        ("changes.diff", b"-a\n+b\n", "diff", DIFF),
        ("0001-Fix.PATCH", b"", "diff", DIFF),
        ("junit.xml", b"<x/>", "test-results", XML),
        ("out/junit-report.xml", b"", "test-results", XML),
        ("TEST-com.acme.FooTest.xml", b"", "test-results", XML),
        ("test-data.xml", b"<rows/>", "data", XML),
        ("unit_test_results.xml", b"", "test-results", XML),
        ("run.trx", b"<TestRun/>", "test-results", XML),
        ("suite.tap", b"1..0\n", "test-results", PLAIN),
        ("pytest-results.json", b"", "test-results", JSON),
        ("latest-results.json", b"", "data", JSON),
        ("nextest.jsonl", b"", "test-results", "application/x-ndjson"),
        ("lcov.info", b"TN:\nSF:src/a.rs\n", "coverage-report", PLAIN),
        ("unit.lcov", b"", "coverage-report", PLAIN),
        ("main.c.gcov", b"", "coverage-report", PLAIN),
        ("cobertura-coverage.xml", b"", "coverage-report", XML),
        ("jacocoTestReport.xml", b"", "coverage-report", XML),
        ("clover.xml", b"", "coverage-report", XML),
        ("coverage-final.json", b"{}", "coverage-report", JSON),
        ("coverage.out", b"mode: set\n", "coverage-report", PLAIN),
        ("coverage.md", b"# Coverage", "document", MD),
        ("src/coverage/mod.rs", b"//! x", "code", "text/x-rust; charset=utf-8"),
        ("scan.sarif", b"", "security-findings", "application/sarif+json"),
        ("results.sarif.json", b"{}", "security-findings", JSON),
        ("clippy.sarif", b"", "static-analysis", "application/sarif+json"),
        ("trivy-report.json", b"{}", "security-findings", JSON),
        ("gitleaks.csv", b"a,b", "security-findings", CSV),
        ("gl-sast-report.json", b"{}", "security-findings", JSON),
        ("semgrep.yml", b"rules: []", "data", YAML),
        ("benchmark-results.json", b"{}", "performance-metrics", JSON),
        ("hyperfine.csv", b"a,b", "performance-metrics", CSV),
        ("lighthouse.html", b"<html>", "performance-metrics", HTML),
        ("perf_hooks.html", b"<html>", "document", HTML),
        ("metrics.json", b"{}", "performance-metrics", JSON),
        ("benches/benchmark.rs", b"fn main() {}", "code", "text/x-rust; charset=utf-8"),
        ("clippy.txt", b"warning: unused\n", "static-analysis", PLAIN),
        ("eslint-report.html", b"<html>", "static-analysis", HTML),
        ("eslint.config.js", b"export default []", "code", "text/javascript; charset=utf-8"),
        ("rpmdb.json", b"{}", "data", JSON),
        ("build.log", b"cc main.c\n", "build-log", PLAIN),
        ("compile_errors.log", b"", "build-log", PLAIN),
        ("web.build.log", b"", "build-log", PLAIN),
        ("build.log.gz", GZIP, "build-log", "application/gzip"),
        ("build-log.txt", b"cc main.c\n", "build-log", PLAIN),
        ("app.LOG", b"hello\n", "log", PLAIN),
        ("app.log.1", b"hello\n", "log", PLAIN),
        ("app.log-2026-11-21.zst", ZSTD, "log", "application/zstd"),
        ("stdout", b"hello\n", "log", PLAIN),
        ("stderr", b"", "log", PLAIN),
        ("stderr.txt.gz", GZIP, "log", "application/gzip"),
        ("dmesg", ELF, "other", "application/x-executable"),
        ("step 1/stderr.txt", b"hello\n", "log", PLAIN),
        ("logs/3_Test.txt", b"hello\n", "log", PLAIN),
        ("CHANGELOG.md", b"# 1.0\n", "document", MD),
        ("app.logic.rs", b"fn f() {}", "code", "text/x-rust; charset=utf-8"),
        ("openapi.yaml", b"", "api-docs", YAML),
        ("v1/swagger.json", b"{}", "api-docs", JSON),
        ("target/doc/artifact/index.html", b"<!DOCTYPE html><html>", "api-docs", HTML),
        ("build/javadoc/Foo.html", b"", "api-docs", HTML),
        ("htmlcov/a_rs.html", b"<html>", "coverage-report", HTML),
        ("target/criterion/put/new/estimates.json", b"{}", "performance-metrics", JSON),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_a_tool_wrote_is_told_by_its_content() {
    let sarif = |tool: &str| {
        format!(r#"{{"$schema": "https://x/sarif-schema-2.1.0.json", "runs": [{{"tool": {{
            "driver": {{"informationUri": "https://x", "name": "{tool}"}} }} }}] }}"#)
    };
    check(&[
        ("change", b"diff --git a/x b/x\nindex 1..2 100644\n", "diff", PLAIN),
        ("change.txt", b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n", "diff", PLAIN),
        ("change.1", b"Index: x\n======\n--- x\n", "diff", PLAIN),
        ("books", b"Index: of books\nA book\n", "document", PLAIN),
        ("mail", b"From 0123456789012345678901234567890123456789 Mon\n\ndiff --git a b\n", "diff", PLAIN),
        ("out.xml", b"<?xml version=\"1.0\"?>\n<!-- x -->\n<testsuites>", "test-results", XML),
        ("bom.xml", b"\xef\xbb\xbf<testsuite name='a'>", "test-results", XML),
        ("run.json", br#"{ "type": "suite", "event": "started", "test_count": 1 }"#, "test-results", JSON),
        ("go", br#"{"Time":"2026-11-21T01:02:03Z","Action":"start","Package":"x"}"#, "test-results", JSON),
        ("jest.json", br#"{"numFailedTests":0,"numTotalTests":3}"#, "test-results", JSON),
        ("output", b"TAP version 14\n1..2\n", "test-results", PLAIN),
        ("output.txt", b"1..2\nok 1 - a\nnot ok 2 - b\n", "test-results", PLAIN),
        ("report.xml", b"<?xml version=\"1.0\" ?><coverage line-rate=\"1\">", "coverage-report", XML),
        ("report.xml", b"<!DOCTYPE report PUBLIC \"-//JACOCO//DTD\" \"x\"><report>", "coverage-report", XML),
        ("trace", b"SF:/src/a.rs\nDA:1,1\n", "coverage-report", PLAIN),
        ("scan.json", sarif("Trivy").as_bytes(), "security-findings", JSON),
        ("scan.json", sarif("ESLint").as_bytes(), "static-analysis", JSON),
        ("clippy.sarif", sarif("CodeQL").as_bytes(), "security-findings", "application/sarif+json"),
        ("image.json", br#"{"SchemaVersion": 2, "ArtifactName": "alpine"}"#, "security-findings", JSON),
        ("r.xml", b"<checkstyle version=\"4.3\">", "static-analysis", XML),
        ("r.json", br#"[{"filePath":"/a.js","messages":[]}]"#, "static-analysis", JSON),
        ("times.json", br#"{ "results": [ { "command": "ls" } ] }"#, "performance-metrics", JSON),
        ("api.yml", b"---\nopenapi: 3.1.0\n", "api-docs", "application/yaml"),
        ("api.json", br#"{"openapi": "3.0.0"}"#, "api-docs", JSON),
        ("job", LOG, "log", PLAIN),
        ("job.txt", LOG, "log", PLAIN),
        ("job.out", LOG, "log", PLAIN),
        ("colours", b"\x1b[32mINFO\x1b[0m a\n\x1b[31mERROR\x1b[0m b\n", "log", PLAIN),
        ("compiler", b"warning: unused\nerror: failed\n", "log", PLAIN),
        ("kernel", b"[    0.000000] Linux\n[    1.234567] x\n", "log", PLAIN),
        ("lines", b"{\"level\":\"info\"}\n{\"level\":\"warn\"}\n", "log", JSON),
        ("meeting", b"We met.\nAt 10:00:00 INFO was given.\nThen we left.\n", "document", PLAIN),
        ("history.md", LOG, "document", "text/markdown; charset=utf-8"),
    ]);
}

#[test]
#[rustfmt::skip]
fn any_other_file_is_told_by_its_kind() {
    let mut film = vec![b'a'; 188 * 3];
    film.iter_mut().step_by(188).for_each(|sync| *sync = b'G');
    film[1] = 0;
    check(&[
        ("logo.png", PNG, "image", "image/png"),
        ("icon.svg", b"<svg xmlns='x'/>", "image", "image/svg+xml"),
        ("Screen Shot 2026-11-21.PNG", PNG, "screenshot", "image/png"),
        ("screenshots/home.webp", b"", "screenshot", "image/webp"),
        ("e2e/test-failed-1.png", PNG, "screenshot", "image/png"),
        ("screenshot.rs", b"fn f() {}", "code", "text/x-rust; charset=utf-8"),
        ("picture", JPEG, "image", "image/jpeg"),
        ("wrong.png", JPEG, "image", "image/jpeg"),
        ("pointer.png", b"version https://git-lfs\n", "document", PLAIN),
        ("commit.msg", b"Fix it\n", "document", PLAIN),
        ("run.mp4", MP4, "video", "video/mp4"),
        ("run.webm", b"", "video", "video/webm"),
        ("recording", MP4, "video", "video/mp4"),
        ("main.ts", b"const a = 1;\n", "code", "text/x-typescript; charset=utf-8"),
        ("main.ts", b"", "code", "text/x-typescript; charset=utf-8"),
        ("latin.ts", b"// caf\xe9\n", "code", "text/x-typescript"),
        ("film.ts", &film, "video", "video/mp2t"),
        ("film", &film, "video", "video/mp2t"),
        ("tool.py", b"import os\n", "code", "text/x-python; charset=utf-8"),
        ("App.kt", b"fun main() {}", "code", "text/x-kotlin; charset=utf-8"),
        ("A.swift", b"", "code", PLAIN),
        ("Makefile", b"all:\n", "code", PLAIN),
        ("Dockerfile.dev", b"FROM scratch\n", "code", PLAIN),
        ("Cargo.toml", b"[package]\n", "code", "application/toml"),
        ("package.json", b"{}", "code", JSON),
        ("go.mod", b"module x\n", "code", PLAIN),
        ("run", b"#!/usr/bin/env python3\n", "code", "text/x-python; charset=utf-8"),
        ("README", b"Hello\n", "document", PLAIN),
        ("README.md", b"# Hello\n", "document", "text/markdown; charset=utf-8"),
        ("notes.txt", "h\u{e9}llo".as_bytes(), "document", PLAIN),
        ("latin.txt", b"caf\xe9\n", "document", "text/plain"),
        ("index.html", b"<html>", "document", HTML),
        ("page", b"<!doctype html>\n<html>", "document", HTML),
        ("paper", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "document", "application/pdf"),
        ("letter.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "document", "application/msword"),
        ("settings.toml", b"a = 1\n", "data", "application/toml"),
        ("rows.csv", b"2026-11-21 01:02:03,INFO\n2026-11-21 01:02:04,INFO\n", "data", "text/csv; charset=utf-8"),
        ("rows.csv.gz", GZIP, "data", "application/gzip"),
        ("table.parquet", b"PAR1\x15\0", "data", "application/vnd.apache.parquet"),
        ("table", b"PAR1\x15\0", "data", "application/vnd.apache.parquet"),
        ("index.db", b"SQLite format 3\0\x10\0", "data", "application/vnd.sqlite3"),
        ("sheet.xlsx", ZIP, "data", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("answer", b"{\"a\": 1}", "data", JSON),
        ("bundle.zip", ZIP, "other", "application/zip"),
        ("app.jar", ZIP, "other", "application/java-archive"),
        ("bundle.tar.gz", GZIP, "other", "application/gzip"),
        ("bundle", ZIP, "other", "application/zip"),
        ("tool", ELF, "other", "application/x-executable"),
        ("a.out", ELF, "other", "application/x-executable"),
        ("key.der", b"BM\0\x01", "other", "application/x-x509-ca-cert"),
        ("blob.bin", b"\0\x01\x02", "other", BINARY),
        ("blob", b"BM\0\x01", "other", BINARY),
        ("empty", b"", "other", BINARY),
        ("empty.txt", b"", "document", PLAIN),
        ("empty.json", b"", "data", JSON),
    ]);
}

#[test]
fn a_character_cut_by_the_end_of_the_head_is_still_text() {
    let whole = format!("{}\u{1f600} and more", "x".repeat(HEAD_BYTES - 2));
    for cut in [HEAD_BYTES, HEAD_BYTES + 1, whole.len()] {
        let found = guess(&ArtifactName::new("t").unwrap(), &whole.as_bytes()[..cut]);
        assert_eq!(found.mime_type, MimeType::new(PLAIN).unwrap());
        assert_eq!(found.artifact_type, ArtifactType::Document);
    }
}

#[test]
fn what_lies_behind_the_head_changes_nothing() {
    let mut bytes = vec![b'x'; HEAD_BYTES];
    let name = ArtifactName::new("t").unwrap();
    let before = guess(&name, &bytes);
    bytes.extend_from_slice(b"\0\xff");
    assert_eq!(guess(&name, &bytes), before);
}

/// Beginnings after which formats are read further, so that arbitrary bytes reach their readers.
fn beginning() -> impl Strategy<Value = &'static [u8]> {
    let formats: Vec<&'static [u8]> = vec![
        b"",
        PNG,
        MP4,
        ZIP,
        GZIP,
        LOG,
        b"\0\0\0\x18ftypmif1",
        b"PK\x03\x04\x14\0\0\0\0\0\0\0!\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0[Content_Types].xml",
        b"PK\x03\x04\x14\0\0\0\0\0\0\0!\0\0\0\0\0\0\0\0\0\x08\0\0\0\x08\0\0\0mimetype",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\x1a\x45\xdf\xa3",
        b"dex\n",
        b"dey\n",
        b"\xca\xfe\xba\xbe",
        b"<!--",
        b"<?xml",
        b"{\"driver\":{\"name\":\"",
        b"diff --git ",
        b"From ",
        b"\x1b[",
        b"[",
    ];
    prop::sample::select(formats)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(
        name in "\\PC{0,12}\\.?(log|rs|ts|png|\\PC{0,4})"
            .prop_filter_map("no name", |text| ArtifactName::new(text).ok()),
        start in beginning(),
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        guess(&name, &[start, &rest].concat());
    }

    #[test]
    fn no_text_makes_it_panic(start in beginning(), rest in "[\\s\\PC]{0,200}") {
        let text = [start, rest.as_bytes()].concat();
        guess(&ArtifactName::new("x").unwrap(), &text);
    }

    #[test]
    fn the_case_of_the_name_is_ignored(
        stem in "[a-z]{1,8}",
        extension in prop::sample::select(vec!["log", "rs", "png", "json", "patch", "mp4", "md"]),
        head in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let name = format!("{stem}.{extension}");
        let loud = format!("{stem}.{}", extension.to_uppercase());
        let [quiet, loud] = [name, loud].map(|name| guess(&ArtifactName::new(name).unwrap(), &head));
        prop_assert_eq!(quiet, loud);
    }
}
