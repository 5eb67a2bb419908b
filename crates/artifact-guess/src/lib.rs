#![doc = include_str!("../README.md")]

mod content;
mod facts;
mod media;
#[cfg(test)]
mod tests;
mod words;

use artifact_domain::{ArtifactName, ArtifactType, MimeType};

use facts::Facts;
use words::{
    API_DOC_FOLDERS, BENCHMARKS, BUILDERS, COVERAGE_TOOLS, DATA, DOCUMENTS, LINTERS, METRICS,
    REPORT, SCANNERS, SCREENSHOTS, TEST_FOLDERS, TEST_REPORTS,
};

/// How much of the content is worth handing to [`guess`]; more is ignored.
pub const HEAD_BYTES: usize = 8 * 1024;

/// What [`guess`] takes an artifact for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// What it is.
    pub artifact_type: ArtifactType,
    /// The media type of its bytes as they are: a compressed log is `application/gzip`.
    pub mime_type: MimeType,
}

/// Guesses from a name and the first bytes of the content.
///
/// `head` holds up to [`HEAD_BYTES`]; of an empty one, the name alone decides.
pub fn guess(name: &ArtifactName, head: &[u8]) -> Guess {
    let head = &head[..head.len().min(HEAD_BYTES)];
    let facts = Facts::new(name, head);
    let artifact_type = artifact_type(&facts);
    let media = if facts.media == media::UNKNOWN && head.is_empty() && artifact_type.is_log() {
        media::PLAIN
    } else {
        facts.media
    };
    Guess {
        mime_type: media::with_charset(media, head),
        artifact_type,
    }
}

/// The type of the first rule that holds.
fn artifact_type(facts: &Facts<'_>) -> ArtifactType {
    RULES
        .iter()
        .find(|(_, holds)| holds(facts))
        .map_or(ArtifactType::Other, |(found, _)| found.clone())
}

/// A type and when a file is of it.
type Rule = (ArtifactType, fn(&Facts<'_>) -> bool);

/// The most specific first: what a tool wrote, then where it lies, then what kind of file it is.
const RULES: &[Rule] = &[
    // What a tool wrote, by the name the tool gives it or by its first bytes.
    (ArtifactType::Diff, |f| {
        f.has_ext(&["diff", "patch"]) || content::is_diff(f.text)
    }),
    (ArtifactType::TestResults, |f| {
        f.has_ext(&["trx", "tap"])
            || (f.has_ext(REPORT) && (f.has_word(TEST_REPORTS) || f.starts(&["junit"])))
            || (f.has_ext(&["xml"]) && f.name.starts_with("TEST-"))
            || f.is_xml_of(&["testsuites", "testsuite", "testrun", "test-run", "robot"])
            || f.is_json_of(&ArtifactType::TestResults)
            || content::is_tap(f.text)
    }),
    (ArtifactType::CoverageReport, |f| {
        f.has_ext(&["lcov", "gcov", "gcda", "gcno", "profraw", "profdata"])
            || (f.has_ext(&["info"]) && f.has_word(&["lcov", "coverage"]))
            || (f.has_ext(REPORT) && (f.has_word(COVERAGE_TOOLS) || f.starts(COVERAGE_TOOLS)))
            || (f.has_ext(&["out"]) && f.starts(&["cover"]))
            || f.is_named(&[".coverage", "jacoco.exec"])
            || f.is_xml_of(&["coverage"])
            || f.is_json_of(&ArtifactType::CoverageReport)
            || content::is_coverage(f.text)
    }),
    // SARIF serves linters and security scanners alike: what no linter signed is a scan.
    (ArtifactType::StaticAnalysis, |f| {
        f.is_sarif() && f.is_by_tool(LINTERS)
    }),
    (ArtifactType::SecurityFindings, |f| {
        f.is_sarif()
            || (f.has_ext(REPORT) && f.has_word(SCANNERS))
            || f.is_json_of(&ArtifactType::SecurityFindings)
    }),
    (ArtifactType::StaticAnalysis, |f| {
        (f.has_ext(REPORT) && f.has_word(LINTERS))
            || f.is_xml_of(&["checkstyle", "bugcollection", "pmd", "pmd-cpd"])
            || f.is_json_of(&ArtifactType::StaticAnalysis)
    }),
    (ArtifactType::PerformanceMetrics, |f| {
        f.has_ext(&["jtl", "pprof", "cpuprofile"])
            || (f.has_ext(REPORT) && f.has_word(BENCHMARKS))
            || (f.has_ext(&["json", "jsonl", "csv", "txt"]) && f.has_word(METRICS))
            || (f.has_ext(&["svg"]) && f.has_word(&["flamegraph"]))
            || f.is_named(&["perf.data"])
            || f.is_json_of(&ArtifactType::PerformanceMetrics)
    }),
    (ArtifactType::ApiDocs, |f| {
        (f.has_ext(&["json", "yaml", "yml"]) && f.has_word(&["openapi", "swagger", "asyncapi"]))
            || (f.has_ext(&["jar"]) && f.has_word(&["javadoc"]))
            || f.is_json_of(&ArtifactType::ApiDocs)
            || content::is_api_yaml(f.text)
    }),
    (ArtifactType::BuildLog, |f| {
        (f.is_log_file() || (f.has_ext(&["txt"]) && f.has_word(&["log", "output"])))
            && (f.has_word(BUILDERS) || f.starts(&["build", "compile"]))
    }),
    (ArtifactType::Log, |f| {
        let plain = f.has_ext(&["", "txt"]) && !f.binary;
        f.is_log_file()
            || (plain && f.has_word(&["stdout", "stderr"]))
            || (plain && f.has_word(&["log", "logs"]) && !f.has_word(&["change"]))
            || (plain && f.is_in(&["log", "logs"]))
            || (!f.binary && f.is_named(&["nohup.out", "catalina.out", "syslog", "dmesg"]))
    }),
    (ArtifactType::Screenshot, |f| {
        f.media.starts_with("image/") && f.path_has(SCREENSHOTS)
    }),
    (ArtifactType::Image, |f| f.media.starts_with("image/")),
    (ArtifactType::Video, |f| f.media.starts_with("video/")),
    // Where it lies.
    (ArtifactType::CoverageReport, |f| {
        f.has_ext(REPORT) && f.is_in(&["coverage", "htmlcov", "lcov-report"])
    }),
    (ArtifactType::TestResults, |f| {
        f.has_ext(&["xml", "json", "html"]) && f.is_in(TEST_FOLDERS)
    }),
    (ArtifactType::PerformanceMetrics, |f| {
        f.has_ext(REPORT) && f.is_in(&["criterion", "benchmarks", "lighthouse"])
    }),
    (ArtifactType::ApiDocs, |f| {
        f.has_ext(&["html", "css", "js", "json", "woff2"])
            && (f.is_in(API_DOC_FOLDERS) || f.path_has(&["target/doc/"]))
    }),
    // What kind of file it is.
    (ArtifactType::Code, |f| {
        facts::is_code_name(f.file()) || (f.has_ext(&[""]) && f.text.starts_with("#!"))
    }),
    (ArtifactType::Data, |f| f.has_ext(DATA)),
    (ArtifactType::Document, |f| f.has_ext(DOCUMENTS)),
    (ArtifactType::Log, |f| content::looks_like_log(f.text)),
    (ArtifactType::Data, |f| media::DATA.contains(&f.media)),
    (ArtifactType::Document, |f| {
        media::DOCUMENTS.contains(&f.media)
    }),
    (ArtifactType::Document, |f| {
        f.has_ext(&["txt", "text"]) || !f.text.is_empty()
    }),
];
