//! Trends: what each day of a span has, in every form of output.

use std::collections::BTreeMap;

use e2e::Sandbox;
use e2e::tree::prose;
use serde_json::{Value, json};

use super::past::{self, Past};
use super::{sandbox, texts};

/// Hours ago, task, type and size of what is stored.
const STORED: [(i64, &str, &str, usize); 8] = [
    (24 * 40, "1", "log", 4_000),
    (24 * 9, "1", "log", 1_000),
    (24 * 9, "2", "log", 9_000),
    (24 * 9, "3", "log", 2_000),
    (24 * 9, "3", "data", 70_000),
    (24 * 3, "4", "log", 300),
    (24 * 3, "4", "log", 100),
    (0, "5", "log", 50_000),
];

/// A store with all of that, and by date the sizes of its logs.
fn filled() -> (Sandbox, BTreeMap<String, Vec<u64>>) {
    let store = sandbox();
    let past = |(hours, task, artifact_type, size)| Past {
        hours,
        spec: "web",
        task,
        artifact_type,
        name: "out/build.log",
        bytes: prose(1, size),
    };
    let times = past::store(&store, STORED.into_iter().map(past).collect());
    let mut logs = BTreeMap::<_, Vec<_>>::new();
    for (time, (_, _, artifact_type, size)) in times.iter().zip(STORED) {
        if artifact_type == "log" {
            logs.entry(time[..10].to_owned())
                .or_default()
                .push(size as u64);
        }
    }
    (store, logs)
}

fn count_of(days: &[Value]) -> u64 {
    days.iter().filter_map(|day| day["count"].as_u64()).sum()
}

#[test]
fn the_trend_of_a_type_has_every_day_of_the_span() {
    let (store, logs) = filled();
    let days = store.json(&["trend", "--type", "log", "--days", "12"]);
    let dates = texts(&days, "date");
    assert_eq!(dates.len(), 12);
    assert!(dates.is_sorted() && dates.iter().all(|date| date.len() == 10));
    for day in &days {
        let date = day["date"].as_str().expect("it has a date");
        let sizes = logs.get(date).cloned().unwrap_or_default();
        let median = match &sizes[..] {
            [] => Value::Null,
            [one] => json!(one),
            [300, 100] => json!(200),
            [1_000, 9_000, 2_000] => json!(2_000),
            other => panic!("{other:?} were stored on one day"),
        };
        assert_eq!(day["count"], sizes.len(), "{day}");
        assert_eq!(day["size_bytes"], sizes.iter().sum::<u64>(), "{day}");
        assert_eq!(day["median_size_bytes"], median, "{day}");
        let stored = day["stored_size_bytes"].as_u64().expect("it is a number");
        assert_eq!(stored > 0, !sizes.is_empty(), "{day}");
    }
    assert_eq!(count_of(&days), 6, "both versions of one artifact count");
}

#[test]
fn the_span_and_the_filters_of_a_trend_narrow_it() {
    let (store, _) = filled();
    let count = |args: &[&str]| count_of(&store.json(&[&["trend"], args].concat()));
    assert_eq!(count(&[]), 7, "30 days of all types");
    assert_eq!(count(&["--days", "1"]), 1);
    assert_eq!(count(&["--days", "50"]), 8);
    assert_eq!(count(&["--days", "50", "--type", "log"]), 7);
    assert_eq!(count(&["--type", "log", "--type", "data"]), 7);
    assert_eq!(count(&["--task", "[12]"]), 2);
    assert_eq!(count(&["--job", "4"]), 2);
    assert_eq!(count(&["--spec", "w*", "--name", "*.log"]), 7);
    assert_eq!(count(&["--spec", "api"]), 0);
    assert_eq!(count(&["--tag", "ci"]), 0);
    store.fails(&["trend", "--days", "0"], 2);
    store.fails(&["trend", "--days", "3661"], 2);
    store.fails(&["trend", "--type", ""], 2);
}

#[test]
fn a_trend_is_a_table_a_chart_or_csv() {
    let (store, logs) = filled();
    let args = ["trend", "--type", "log", "--days", "10"];
    let table = store.ok(&args);
    assert_eq!(table.lines().count(), 11, "{table}");
    let row = |date: &str| {
        let row = table.lines().find(|line| line.starts_with(date));
        let row = row.unwrap_or_else(|| panic!("no {date} in\n{table}"));
        row.split("  ")
            .map(str::trim)
            .filter(|part| !part.is_empty())
    };
    let three = logs.iter().find(|(_, sizes)| sizes.len() == 3);
    let (date, _) = three.expect("one day has three");
    let parts: Vec<_> = row(date).collect();
    assert_eq!(
        (parts[1], parts[2], parts[4]),
        ("3", "11.72 KiB", "1.95 KiB")
    );

    let csv = store.ok(&[&args[..], &["--format", "csv"]].concat());
    let header = "date,count,size_bytes,stored_size_bytes,median_size_bytes";
    assert_eq!(csv.lines().next(), Some(header));
    assert!(csv.contains(&format!("\n{date},3,12000,")), "{csv}");
    assert!(csv.contains(",0,0,0,\n"), "{csv}");
    assert_eq!(csv.lines().count(), 11);

    let chart = store.ok(&[&args[..], &["--format", "chart"]].concat());
    let lines: Vec<_> = chart.lines().collect();
    assert_eq!(lines.len(), 4, "{chart}");
    assert!(lines[0].starts_with(&format!("{date} to ")), "{chart}");
    assert_eq!(lines[1], "count   █·····▅··▂  max 3");
    assert_eq!(lines[2], "size    ▁·····▁··█  max 48.83 KiB");

    let terminal = store
        .other("script")
        .args([
            "-qec",
            &format!("{} trend --days 10", e2e::artifact().display()),
        ])
        .arg("/dev/null")
        .output()
        .expect("`script`, of util-linux, can be started");
    let shown = String::from_utf8_lossy(&terminal.stdout);
    assert!(
        shown.contains("median") && shown.contains("max 4"),
        "no table with a chart:\n{shown}"
    );
    store.fails(&["trend", "--json", "--format", "csv"], 2);
}
