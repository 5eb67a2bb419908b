//! Schemas of the description in words.

use serde_json::Value;

/// What a value is: `whole number, 1 to 9`, `list of text`, `[Artifact](#artifact)`.
pub(crate) fn of(schema: &Value) -> String {
    if let Some(name) = name(schema) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(of).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::Array(types) => {
            let one = |kind: &Value| {
                let mut single = schema.clone();
                single["type"] = kind.clone();
                of(&single)
            };
            types.iter().map(one).collect::<Vec<_>>().join(" or ")
        }
        Value::String(kind) => simple(kind, schema),
        _ => "any".to_owned(),
    }
}

/// The name of a document that a schema refers to.
pub(crate) fn name(schema: &Value) -> Option<&str> {
    let reference = schema["$ref"].as_str()?;
    reference.strip_prefix("#/components/schemas/")
}

fn simple(kind: &str, schema: &Value) -> String {
    match kind {
        "string" => text(schema),
        "integer" => format!("whole number{}", bounds(schema)),
        "number" => format!("number{}", bounds(schema)),
        "boolean" => "true or false".to_owned(),
        "array" if schema["items"]["format"] == "binary" => "bytes".to_owned(),
        "array" => format!("list of {}", of(&schema["items"])),
        "object" => match &schema["additionalProperties"] {
            Value::Object(value) if !value.is_empty() => {
                format!("object of {}", of(&schema["additionalProperties"]))
            }
            _ => "object".to_owned(),
        },
        other => other.to_owned(),
    }
}

fn text(schema: &Value) -> String {
    if let Some(choices) = schema["enum"].as_array() {
        let choices = choices.iter().filter_map(Value::as_str);
        return choices
            .map(|one| format!("`{one}`"))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if schema["format"] == "date-time" {
        return "time, RFC 3339".to_owned();
    }
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    let choices = pattern
        .strip_prefix("^(")
        .and_then(|rest| rest.strip_suffix(")$"));
    let is_plain = |one: &str| {
        one.replace("\\.", "")
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match choices {
        Some(choices) if choices.split('|').all(is_plain) => {
            let choices = choices
                .split('|')
                .map(|one| format!("`{}`", one.replace("\\.", ".")));
            choices.collect::<Vec<_>>().join(", ")
        }
        _ => match schema["maxLength"].as_u64() {
            Some(most) => format!("text, {most} characters at most"),
            None => "text".to_owned(),
        },
    }
}

fn bounds(schema: &Value) -> String {
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Number(least), Value::Number(most)) if least == most => format!(", {least}"),
        (Value::Number(least), Value::Number(most)) => format!(", {least} to {most}"),
        (Value::Number(least), _) if least.as_f64() > Some(0.0) => format!(", {least} or more"),
        _ => String::new(),
    }
}
