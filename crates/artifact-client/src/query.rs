//! What a filter says, as the parameters of a query. Sends nothing.

use artifact_domain::query::{Expiry, Filter, TagFilter, Versions};
use artifact_domain::{Error, ErrorKind, Result, State};

/// The parameters that select what a filter does.
///
/// # Errors
/// `Unsupported` for a condition that no query can have.
pub fn query_of(filter: &Filter) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut add = |key: &str, value: Option<String>| {
        pairs.extend(value.map(|value| (key.to_owned(), value)));
    };
    let text = |glob: &Option<artifact_domain::query::Glob>| {
        glob.as_ref().map(|glob| glob.as_str().to_owned())
    };
    add("spec", text(&filter.spec));
    add("task", text(&filter.task));
    add("name", text(&filter.name));
    for kind in &filter.types {
        add("type", Some(kind.to_string()));
    }
    for TagFilter { key, value } in &filter.tags {
        let tag = match value {
            Some(value) => format!("{key}={value}"),
            None => key.clone(),
        };
        add("tag", Some(tag));
    }
    add("after", filter.created_from.map(|time| time.to_string()));
    add("before", filter.created_before.map(|time| time.to_string()));
    add(
        "min_size",
        filter.min_size_bytes.map(|size| size.to_string()),
    );
    add(
        "max_size",
        filter.max_size_bytes.map(|size| size.to_string()),
    );
    if filter.states != [State::Active, State::Archived] {
        for state in &filter.states {
            add("state", Some(state.to_string()));
        }
    }
    if filter.versions == Versions::All {
        add("all_versions", Some("true".to_owned()));
    }
    if filter.expiry != Expiry::Any {
        let message = "a server can't be asked for artifacts by whether they ever expire";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_is_asked_for() {
        assert_eq!(query_of(&Filter::default()).unwrap(), []);
        let filter = Filter {
            task: Some("4*".parse().unwrap()),
            types: vec!["log".parse().unwrap(), "custom:x".parse().unwrap()],
            tags: ["a", "b=", "c=1"]
                .map(|t| TagFilter::parse(t).unwrap())
                .into(),
            created_from: Some("2026-01-02T03:04:05.000006Z".parse().unwrap()),
            max_size_bytes: Some(7),
            states: vec![State::Deleted],
            versions: Versions::All,
            ..Filter::default()
        };
        let pairs = query_of(&filter).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| (&**k, &**v)).collect();
        let expected = [
            ("task", "4*"),
            ("type", "log"),
            ("type", "custom:x"),
            ("tag", "a"),
            ("tag", "b="),
            ("tag", "c=1"),
            ("after", "2026-01-02T03:04:05.000006Z"),
            ("max_size", "7"),
            ("state", "DELETED"),
            ("all_versions", "true"),
        ];
        assert_eq!(pairs, expected);
    }
}
