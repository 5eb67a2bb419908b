//! A command for every operation. `$STORE` is the server, `$ID` a version, `$UPLOAD` an upload on its way.

use std::fmt::Write as _;

use serde_json::Value;

use crate::Operation;

/// What operations need, or show better, beside their required parameters: a query, headers, a body.
const MORE: [(&str, &str); 38] = [
    ("upload", "?tag=branch=main"),
    ("download", "?tail=2"),
    ("list", "?type=log&tag=branch=main&limit=10"),
    ("delete_many", "?spec=demo&task=1&dry_run=true"),
    ("compare", "?baseline=1&current=2&spec=demo"),
    ("trend", "?type=log&days=7"),
    ("usage", "?by=type"),
    ("lock_status", "?artifact=$ID"),
    ("break_lock", "?artifact=$ID&dry_run=true"),
    ("lifecycle", "?no_expire=true"),
    ("set_lifecycle", "?no_expire=true&dry_run=true"),
    ("cors", "?origin=https://ci.example.com"),
    ("set_cors", "?origin=https://ci.example.com&dry_run=true"),
    (
        "set_policy",
        "?principal=arn:aws:iam::123456789012:role/ci&dry_run=true",
    ),
    (
        "create_token",
        r#" -d '{"name": "ci-web", "grants": [{"actions": ["read", "write"], "spec": "web"}]}'"#,
    ),
    ("revoke_token", "?token=ci-web"),
    ("import", "?dry_run=true --data-binary @build.tar"),
    ("cleanup", "?dry_run=true"),
    ("gc", "?dry_run=true"),
    ("verify", "?spec=demo"),
    ("presign", "?expires_in_s=3600"),
    (
        "begin_upload",
        r#" -d '{"spec": "demo", "task": "1", "name": "build.log"}'"#,
    ),
    ("complete_upload", r#" -d '{"size_bytes": 14}'"#),
    (
        "patch",
        r#" -d '{"tags": {"keep": "yes"}, "retention_days": 90}'"#,
    ),
    ("export_spec", "?metadata=true -o demo.zip"),
    ("export_task", "?format=tar.gz -o demo.tar.gz"),
    (
        "create_upload",
        r#" -H "Upload-Length: $(wc -c < build.log)""#,
    ),
    ("append_to_upload", " --data-binary @build.log"),
    ("resolve", "?artifact=$ID"),
    ("resolve_and_delete", "?artifact=$ID&dry_run=true"),
    ("why", "?artifact=$ID"),
    ("all_versions", "?artifact=$ID"),
    ("holds", "?spec=demo"),
    (
        "change",
        r#"?spec=demo -d '{"change": {"add_tags": {"keep": "yes"}}, "dry_run": true}'"#,
    ),
    (
        "move_many",
        r#"?spec=demo -d '{"move": "archive", "dry_run": true}'"#,
    ),
    ("prune", r#"?spec=demo -d '{"keep": 3, "dry_run": true}'"#),
    ("grep", r#"?spec=demo -d '{"pattern": "two"}'"#),
    (
        "export_selected",
        r#"?type=log -d '{"format": "zip"}' -o logs.zip"#,
    ),
];

/// Headers that must be sent.
const HEADERS: [(&str, &str); 3] = [
    ("Tus-Resumable", "1.0.0"),
    ("Upload-Offset", "0"),
    ("Upload-Metadata", "name $(printf %s build.log | base64)"),
];

/// The command.
pub(crate) fn example(operation: &Operation<'_>) -> String {
    let mut more = MORE.into_iter();
    let more = more.find(|(id, _)| *id == operation.id());
    let more = more.map_or("", |(_, more)| more);
    let (query, rest) = match more.find(' ') {
        Some(at) => more.split_at(at),
        None => (more, ""),
    };
    let is_bytes =
        operation.about["requestBody"]["content"]["application/octet-stream"].is_object();
    let method = match operation.method {
        "get" => String::new(),
        "head" => " --head".to_owned(),
        "put" if is_bytes => " -T build.log".to_owned(),
        // It is what `-d` says.
        other => format!(" -X {}", other.to_uppercase()),
    };
    let mut command = format!("curl -sS{method} \"$STORE{}{query}\"", filled(operation));
    for header in operation.parameters().iter().filter(|one| is_sent(one)) {
        let name = header["name"].as_str().unwrap_or_default();
        let value = HEADERS.iter().find(|(known, _)| *known == name);
        let (_, value) = value.unwrap_or_else(|| panic!("the header {name} has no example"));
        let _ = write!(command, " \\\n    -H \"{name}: {value}\"");
    }
    if rest.contains("--data-binary") {
        let kinds = operation.about["requestBody"]["content"].as_object();
        let kind = kinds.and_then(|kinds| kinds.keys().next());
        let _ = write!(
            command,
            " \\\n    -H \"Content-Type: {}\"",
            kind.map_or("", String::as_str)
        );
    }
    match rest.trim() {
        "" => command,
        rest if command.contains('\n') || rest.starts_with("-d") => {
            format!("{command} \\\n    {rest}")
        }
        rest => format!("{command} {rest}"),
    }
}

fn is_sent(parameter: &Value) -> bool {
    parameter["in"] == "header" && parameter["required"] == true
}

/// The path with what the examples have.
fn filled(operation: &Operation<'_>) -> String {
    let id = if operation.path.contains("/uploads/") {
        "$UPLOAD"
    } else {
        "$ID"
    };
    let path = operation.path.replace("{id}", id);
    let names = [
        ("spec", "demo"),
        ("task", "1"),
        ("type", "log"),
        ("name", "build.log"),
    ];
    let fill =
        |path: String, (name, value): (&str, &str)| path.replace(&format!("{{{name}}}"), value);
    names.into_iter().fold(path, fill)
}

#[test]
fn every_row_is_of_an_operation() {
    let description = crate::description();
    let operations = crate::operations(&description);
    for (id, _) in MORE {
        assert!(operations.iter().any(|one| one.id() == id), "{id}");
    }
}
