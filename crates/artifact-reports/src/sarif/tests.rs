//! What SARIF says, in every dress that its specification allows.

use super::read;
use crate::budget::Budget;
use crate::findings::Findings;
use crate::{Level, Side, Unreadable};

fn compared(baseline: &str, current: &str) -> Result<Vec<String>, Unreadable> {
    let (mut findings, mut budget) = (Findings::default(), Budget::default());
    for (side, text) in Side::BOTH.into_iter().zip([baseline, current]) {
        read(text.as_bytes(), side, &mut findings, &mut budget)?;
    }
    let shown = findings.differing().into_iter().map(|finding| {
        format!(
            "{}{} {} {} {}:{:?} {}",
            if finding.appeared() > 0 { "+" } else { "-" },
            finding.appeared() + finding.disappeared(),
            finding.level.as_str(),
            finding.rule,
            finding.path,
            finding.line,
            finding.message
        )
    });
    Ok(shown.collect())
}

const TOOL: &str = r#""tool":{"driver":{"name":"lint","rules":[
    {"id":"r0"},{"id":"r1","defaultConfiguration":{"level":"error"}}]}}"#;

fn report(results: &str) -> String {
    format!("{{\"version\":\"2.1.0\",\"runs\":[{{{TOOL},\"results\":[{results}]}}]}}")
}

fn result(rule: &str, message: &str, line: u32, more: &str) -> String {
    format!(
        r#"{{"ruleId":"{rule}","message":{{"text":"{message}"}},{more}"locations":[{{"physicalLocation":
        {{"artifactLocation":{{"uri":"src/a.rs"}},"region":{{"startLine":{line}}}}}}}]}}"#
    )
}

#[test]
fn new_and_fixed_are_told_and_moved_lines_are_not() {
    let before = [result("r0", "stays", 3, ""), result("r1", "goes", 9, "")].join(",");
    let now = [result("r0", "stays", 30, ""), result("r1", "comes", 7, "")].join(",");
    assert_eq!(
        compared(&report(&before), &report(&now)).unwrap(),
        [
            "+1 error r1 src/a.rs:Some(7) comes",
            "-1 error r1 src/a.rs:Some(9) goes",
        ]
    );
}

#[test]
fn how_often_something_is_found_counts() {
    let one = result("r0", "unwrap", 3, "");
    let three = [one.clone(), result("r0", "unwrap", 4, ""), one.clone()].join(",");
    assert_eq!(
        compared(&report(&one), &report(&three)).unwrap(),
        ["+2 warning r0 src/a.rs:Some(3) unwrap"]
    );
}

#[test]
fn fingerprints_beat_places_and_messages() {
    let whole = |hash: &str| format!("\"fingerprints\":{{\"h/v1\":\"{hash}\"}},");
    let partial = |hash: &str| format!("\"partialFingerprints\":{{\"p\":\"{hash}\"}},");
    for more in [whole, partial as fn(&str) -> String] {
        let before = report(&result("r0", "it has 3 lines", 1, &more("1")));
        let same = report(&result("r0", "it has 4 lines", 2, &more("1")));
        let other = report(&result("r0", "it has 3 lines", 1, &more("2")));
        assert_eq!(compared(&before, &same).unwrap(), [""; 0]);
        assert_eq!(compared(&before, &other).unwrap().len(), 2);
    }
}

#[test]
fn levels_come_from_results_then_rules_then_the_standard() {
    let results = [
        result("r1", "a", 1, "\"level\":\"note\","),
        result("r1", "b", 1, ""),
        result("unknown", "c", 1, ""),
        result("r0", "d", 1, "\"kind\":\"review\","),
        r#"{"ruleIndex":1,"message":{"text":"e"}}"#.to_owned(),
        r#"{"rule":{"index":1},"message":{"markdown":"f"}}"#.to_owned(),
    ];
    let found = compared(&report(""), &report(&results.join(","))).unwrap();
    assert_eq!(
        found,
        [
            "+1 error r1 :None e",
            "+1 error r1 :None f",
            "+1 error r1 src/a.rs:Some(1) b",
            "+1 warning unknown src/a.rs:Some(1) c",
            "+1 note r1 src/a.rs:Some(1) a",
            "+1 none r0 src/a.rs:Some(1) d",
        ]
    );
    assert_eq!(Level::of("error"), Some(Level::Error));
}

#[test]
fn the_tool_may_come_after_its_results() {
    let result = result("r1", "a", 1, "");
    let turned = format!("{{\"runs\":[{{\"results\":[{result}],{TOOL}}}]}}");
    assert_eq!(compared(&report(&result), &turned).unwrap(), [""; 0]);
}

#[test]
fn what_is_no_finding_is_left_out() {
    let results = [
        result("r0", "a", 1, "\"kind\":\"pass\","),
        result("r0", "b", 1, "\"suppressions\":[{\"kind\":\"inSource\"}],"),
        result("r0", "c", 1, "\"baselineState\":\"absent\","),
        result(
            "r0",
            "d",
            1,
            "\"suppressions\":[{\"status\":\"rejected\"}],",
        ),
        result("r0", "e", 1, "\"suppressions\":null,\"fingerprints\":null,"),
    ];
    let found = compared(&report(""), &report(&results.join(","))).unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn what_failed_or_is_cut_off_or_hostile_is_unreadable() {
    let whole = report(&result("r0", "a", 1, ""));
    let deep = format!("{{\"x\":{}", "[".repeat(10_000));
    let run = |body: &str| format!("{{\"runs\":[{{{TOOL},{body}}}]}}");
    let cases = [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"runs":[]}"#.to_owned(),
        r#"{"runs":[{}]}"#.to_owned(),
        r#"{"version":"1.0.0","runs":[]}"#.to_owned(),
        run(r#""results":null"#),
        run(r#""results":3"#),
        run(r#""invocations":[{"executionSuccessful":false}]"#),
        format!("{whole} x"),
        deep,
        format!("{{\"x\":\"{}\"}}", "y".repeat(5 << 20)),
        format!("{{\"x\":{}}}", "9".repeat(5_000)),
    ];
    for text in cases {
        let shown: String = text.chars().take(60).collect();
        assert!(compared(&whole, &text).is_err(), "{shown}");
    }
    for end in 0..whole.len() {
        assert!(compared(&whole, &whole[..end]).is_err(), "cut off at {end}");
    }
}
