//! The page: one section for each method of each path, then the documents, then the problems.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{Operation, curl, operations, types};

const HEAD: &str = "\
# The interface of the server

<!-- Made from the description of the server: see tests/tests/api_page. -->

Every path of `artifact-http` with each method, as its description says, which is also in
[openapi.json](openapi.json) and served at `/openapi.json`. [The server](http.md) says how to use it, with which
[headers](http.md#store-and-fetch) content is stored and fetched, and how to run it;
[resumable uploads](resumable-uploads.md) have a page of their own.

In the examples `$STORE` is where the server listens, such as `http://127.0.0.1:8080`, `$ID` the id of a version, and
`$UPLOAD` the id of an upload on its way.
";

/// The page of a description.
pub(crate) fn of(description: &Value) -> String {
    let operations = operations(description);
    let mut page = HEAD.to_owned();
    for tag in description["tags"].as_array().into_iter().flatten() {
        let (name, about) = (shown(&tag["name"]), shown(&tag["description"]));
        let _ = write!(page, "\n## {}\n\n{about}.\n", capital(name));
        let of_tag = operations.iter();
        for operation in of_tag.filter(|one| one.about["tags"][0] == tag["name"]) {
            page += &section(operation, description);
        }
    }
    page += "\n## Documents\n\nA key that may be missing has `?`.\n";
    for (name, schema) in description["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        page += &document(name, schema);
    }
    page += &problems(description);
    page
}

fn section(operation: &Operation<'_>, description: &Value) -> String {
    let about = operation.about;
    let mut text = format!(
        "\n### {} {}\n\n",
        operation.method.to_uppercase(),
        operation.path
    );
    let _ = write!(text, "{}\n\n", shown(&about["summary"]));
    if !shown(&about["description"]).is_empty() {
        let _ = write!(text, "{}\n\n", shown(&about["description"]));
    }
    let _ = write!(text, "```sh\n{}\n```\n", curl::example(operation));
    if !operation.parameters().is_empty() {
        text += "\n| parameter | in | what it is | |\n| --- | --- | --- | --- |\n";
    }
    for parameter in operation.parameters() {
        let needed = if parameter["required"] == true {
            ", needed"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "| `{}` | {}{needed} | {} | {} |",
            shown(&parameter["name"]),
            shown(&parameter["in"]),
            // One that is left out says nothing; there is no null among them.
            types::of(&parameter["schema"]).trim_end_matches(" or null"),
            cell(&parameter["description"]),
        );
    }
    if let Some(content) = about["requestBody"]["content"].as_object() {
        let said = shown(&about["requestBody"]["description"]);
        let kinds = content.iter().map(|(kind, body)| body_of(kind, body));
        let kinds: Vec<_> = kinds.collect();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {}", uncapital(said))
        };
        let _ = write!(text, "\nBody: {}{said}.\n", kinds.join(" or "));
    }
    text += "\n| status | answer |\n| --- | --- |\n";
    for (status, response) in about["responses"].as_object().into_iter().flatten() {
        let _ = writeln!(
            text,
            "| {status} | {} |",
            answer(status, response, description)
        );
    }
    text
}

fn answer(status: &str, response: &Value, description: &Value) -> String {
    let content = response["content"].as_object();
    let mut said = cell(&response["description"]);
    let problem = content.and_then(|content| content.get("application/problem+json"));
    if problem.is_some() {
        let kinds = kinds(status, description);
        return if kinds.is_empty() {
            format!("{said}: [problem](#problems)")
        } else {
            format!("{said}: [problem](#problems) {}", kinds.join(", "))
        };
    }
    let bodies = content.into_iter().flatten();
    let bodies: Vec<_> = bodies.map(|(kind, body)| body_of(kind, body)).collect();
    if !bodies.is_empty() {
        let _ = write!(said, ": {}", bodies.join(" or "));
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let _ = write!(
            said,
            "; `{name}`: {}",
            uncapital(&cell(&header["description"]))
        );
    }
    said
}

/// The kinds of problems that have this very status.
fn kinds(status: &str, description: &Value) -> Vec<String> {
    let statuses = statuses(description);
    let of_status = statuses
        .into_iter()
        .filter(|(_, one)| one.to_string() == status);
    of_status
        .map(|(kind, _)| format!("`{}`", short(&kind)))
        .collect()
}

fn body_of(kind: &str, body: &Value) -> String {
    if !kind.contains("json") {
        return format!("`{kind}`");
    }
    match types::of(&body["schema"]) {
        plain if plain == "any" || plain == "object" => format!("`{kind}`"),
        document => format!("{document}, `{kind}`"),
    }
}

fn document(name: &str, schema: &Value) -> String {
    let mut text = format!("\n### {name}\n\n{}\n", shown(&schema["description"]));
    let parts = schema["allOf"].as_array();
    let own = parts.and_then(|parts| parts.iter().find(|part| part["properties"].is_object()));
    for other in parts
        .into_iter()
        .flatten()
        .filter(|part| types::name(part).is_some())
    {
        let _ = writeln!(text, "All of {}, and:", types::of(other));
    }
    let schema = own.unwrap_or(schema);
    text += "\n| key | what it is | |\n| --- | --- | --- |\n";
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        let mut required = schema["required"].as_array().into_iter().flatten();
        let mark = if required.any(|one| one == key) {
            ""
        } else {
            "?"
        };
        // Its types are in the table of problems.
        let kind = if value["x-statuses"].is_object() {
            "[type](#problems)".to_owned()
        } else {
            types::of(value)
        };
        let _ = writeln!(text, "| `{key}`{mark} | {kind} | {} |", cell(&about(value)));
    }
    text
}

/// What is said of a value, wherever that stands.
fn about(schema: &Value) -> Value {
    let mut choices = schema["oneOf"].as_array().into_iter().flatten();
    let within = choices.find_map(|one| one.get("description"));
    schema
        .get("description")
        .or(within)
        .cloned()
        .unwrap_or_default()
}

fn problems(description: &Value) -> String {
    let mut text = String::from(
        "\n## Problems\n\nAn error is a [Problem](#problem), RFC 9457. HTTP's own statuses stand for some of \
         them: 405 for a method that a\npath does not have, 408 for a body that stood still, 412 for a condition \
         that does not hold, 415, 416, and 422 for\nbytes with another digest than was announced.\n\n\
         | type | status |\n| --- | --- |\n",
    );
    for (kind, status) in statuses(description) {
        let _ = writeln!(text, "| `{kind}` | {status} |");
    }
    text
}

/// The types of problems, by status.
fn statuses(description: &Value) -> Vec<(String, u64)> {
    let problem = &description["components"]["schemas"]["Problem"]["properties"]["type"];
    let statuses = problem["x-statuses"]
        .as_object()
        .expect("each type has a status");
    let statuses = statuses
        .iter()
        .map(|(kind, status)| (kind.clone(), status.as_u64().unwrap_or_default()));
    let mut statuses: Vec<_> = statuses.collect();
    statuses.sort_by_key(|(_, status)| *status);
    statuses
}

fn short(kind: &str) -> &str {
    kind.rsplit(':').next().unwrap_or(kind)
}

fn shown(value: &Value) -> &str {
    value.as_str().unwrap_or_default().trim()
}

/// A text in one line of a table.
fn cell(value: &Value) -> String {
    shown(value)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(text.len().min(1));
    format!("{}{rest}", first.to_uppercase())
}

fn uncapital(text: &str) -> String {
    let (first, rest) = text.split_at(text.len().min(1));
    format!("{}{rest}", first.to_lowercase())
}
