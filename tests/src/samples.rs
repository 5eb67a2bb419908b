//! Content as CI jobs and agents produce it, of each kind, the same in every run and never the same
//! twice within it: numbers, names, times and messages differ from line to line. Knows no store.

use std::fmt::Write as _;

use crate::Random;

const WORDS: [&str; 96] = [
    "account", "active", "adapter", "after", "agent", "array", "assert", "async", "backend",
    "batch", "before", "block", "branch", "buffer", "build", "bytes", "cache", "called", "cancel",
    "channel", "check", "client", "close", "column", "commit", "compile", "config", "connect",
    "counter", "cursor", "database", "deadline", "decode", "default", "delete", "digest", "driver",
    "encode", "engine", "error", "event", "expected", "failed", "fetch", "filter", "flush",
    "format", "found", "frame", "handle", "header", "index", "input", "invalid", "iterator",
    "journal", "kernel", "length", "limit", "listen", "loaded", "manager", "merge", "message",
    "missing", "module", "network", "number", "object", "offset", "output", "packet", "parser",
    "pending", "policy", "process", "query", "queue", "range", "record", "render", "request",
    "resolve", "result", "retry", "schema", "server", "session", "socket", "source", "status",
    "stream", "target", "thread", "update", "worker",
];

/// Words that are often and words that are rare, as in all texts.
fn word(random: &mut Random) -> &'static str {
    let all = WORDS.len() as u64;
    let most = 1 + random.below(all);
    let at = random.below(most);
    WORDS[usize::try_from(at).expect("it is below a length")]
}

fn sentence(random: &mut Random, words: u64) -> String {
    let count = 3 + random.below(words);
    let words: Vec<_> = (0..count).map(|_| word(random)).collect();
    words.join(" ")
}

fn path(random: &mut Random) -> String {
    format!("src/{}/{}_{}.rs", word(random), word(random), word(random))
}

/// Writes parts until they are so many bytes or a little more.
fn grow(length: usize, mut part: impl FnMut(u64, &mut String)) -> String {
    let mut text = String::with_capacity(length + 1_024);
    for number in 0.. {
        if text.len() >= length {
            break;
        }
        part(number, &mut text);
    }
    text
}

/// Formats into a text, which takes anything.
macro_rules! add {
    ($text:expr, $($format:tt)*) => {
        writeln!($text, $($format)*).expect("a String takes any text")
    };
}

/// Results as an API gives them: an array of objects.
pub fn json(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::from_seed(seed);
    let body = grow(length, |number, text| {
        let (a, b) = (random.below(1 << 31), random.below(1 << 31));
        add!(
            text,
            "  {{\"id\": {}, \"name\": \"{}::{}\", \"status\": \"{}\", \"duration_ms\": {}.{:03}, \
             \"commit\": \"{a:08x}\", \"coverage\": {{\"lines\": {}, \"covered\": {}}}, \"message\": \"{}\", \
             \"tags\": [\"{}\", \"{}\"], \"retries\": {}}},",
            100_000 + number,
            word(&mut random),
            word(&mut random),
            random.pick(&["passed", "passed", "passed", "failed", "skipped"]),
            b % 9_000,
            b % 1_000,
            b % 700,
            a % 700,
            sentence(&mut random, 9),
            word(&mut random),
            word(&mut random),
            b % 3
        );
    });
    format!("[\n{body}  null\n]\n").into_bytes()
}

/// A report of tests in the form of JUnit.
pub fn xml(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::from_seed(seed);
    let body = grow(length, |_, text| {
        let (suite, name) = (word(&mut random), sentence(&mut random, 4));
        let (whole, part) = (random.below(9), random.below(1_000));
        let file = path(&mut random);
        let line = random.below(900);
        add!(
            text,
            "    <testcase classname=\"{suite}::tests\" name=\"{}\" file=\"{file}\" line=\"{line}\" \
             time=\"{whole}.{part:03}\">",
            name.replace(' ', "_")
        );
        if random.percent(12) {
            let why = sentence(&mut random, 12);
            add!(
                text,
                "      <failure message=\"assertion failed: {why}\" type=\"panic\">"
            );
            add!(
                text,
                "thread '{suite}' panicked at {file}:{line}:{part}: {why}</failure>"
            );
        }
        add!(text, "    </testcase>");
    });
    let head =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"all\">\n";
    format!("{head}{body}  </testsuite>\n</testsuites>\n").into_bytes()
}

/// What a server writes while it works.
pub fn log(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::from_seed(seed);
    let mut millis = 0;
    let text = grow(length, |_, text| {
        millis += random.below(900);
        let (seconds, minutes) = (millis / 1_000 % 60, millis / 60_000 % 60);
        let hours = millis / 3_600_000 % 24;
        let (a, b) = (random.below(1 << 31), random.below(1 << 31));
        let level = random.pick(&[
            "INFO ", "INFO ", "INFO ", "DEBUG", "DEBUG", "WARN ", "ERROR",
        ]);
        let (module, part) = (word(&mut random), word(&mut random));
        add!(
            text,
            "2026-03-01T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z {level} [worker-{}] {module}::{part}: {} \
             request={a:08x} took={}ms bytes={}",
            millis % 1_000,
            b % 16,
            sentence(&mut random, 8),
            b % 2_000,
            a % 90_000
        );
    });
    text.into_bytes()
}

/// A report of coverage as a browser shows it.
pub fn html(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::from_seed(seed);
    let body = grow(length, |number, text| {
        let (hits, line) = (random.below(400), number % 800 + 1);
        let class = if hits % 5 == 0 {
            "uncovered"
        } else {
            "covered"
        };
        let (a, b) = (word(&mut random), word(&mut random));
        let code = match hits % 4 {
            0 => format!(
                "let {a} = {b}.{}({});",
                word(&mut random),
                random.below(500)
            ),
            1 => format!(
                "if {a}.is_{b}() &amp;&amp; {} &lt; {hits} {{",
                word(&mut random)
            ),
            2 => format!("return Err(Error::new(\"{}\"));", sentence(&mut random, 6)),
            _ => format!("// {}", sentence(&mut random, 10)),
        };
        add!(
            text,
            "<tr class=\"{class}\"><td class=\"line\"><a name=\"L{line}\" href=\"#L{line}\"><pre>{line}</pre></a></td>\
             <td class=\"count\"><pre>{hits}</pre></td><td class=\"code\"><pre>{code}</pre></td></tr>"
        );
    });
    let head = "<!doctype html>\n<html><head><meta charset=\"UTF-8\"><title>Coverage</title></head>\
                <body><table>\n";
    format!("{head}{body}</table></body></html>\n").into_bytes()
}

/// Samples of a signal with its noise: 16 bits each, as sensors, sound and raw pictures have them.
pub fn binary(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::from_seed(seed);
    let mut bytes = Vec::with_capacity(length + 2);
    let (mut value, mut slope) = (0_i32, 0_i32);
    while bytes.len() < length {
        let noise = |random: &mut Random, most: u64| {
            i32::try_from(random.below(2 * most)).expect("it is small")
                - i32::try_from(most).expect("it is small")
        };
        slope = (slope + noise(&mut random, 6)).clamp(-60, 60);
        value = (value + slope).clamp(-9_000, 9_000);
        let sample = value + noise(&mut random, 600);
        let sample = i16::try_from(sample).expect("it is within the range");
        bytes.extend(sample.to_le_bytes());
    }
    bytes
}
