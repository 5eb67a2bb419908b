//! Who asks: which file says it, and whether it can. Where there is none the machine is asked, by whoever
//! signs. Never says what stands in a file but whose it is.

use std::fmt::{self, Display};
use std::io;
use std::path::{Path, PathBuf};

use artifact_domain::{Error, ErrorKind, Result};
use reqsign_core::{Env, OsEnv};
use serde_json::Value;

use super::GcsOptions;

const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// What kinds of files there are, what people call them, and what must stand in them.
const KINDS: [(&str, &str, &[&str]); 4] = [
    (
        "service_account",
        "the key of service account",
        &["client_email", "private_key"],
    ),
    (
        "authorized_user",
        "a person, by `gcloud auth application-default login`",
        &["client_id", "client_secret", "refresh_token"],
    ),
    (
        "external_account",
        "a federated identity",
        &[
            "audience",
            "subject_token_type",
            "token_url",
            "credential_source",
        ],
    ),
    (
        "impersonated_service_account",
        "an impersonated service account",
        &["service_account_impersonation_url", "source_credentials"],
    ),
];

/// Where credentials come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Requests are not signed.
    Nobody,
    /// A file, what names it, and whose it is.
    File {
        path: PathBuf,
        named_by: &'static str,
        whose: String,
    },
    /// The metadata server of the machine, or nobody.
    Machine,
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("none: the endpoint is plain http, as emulators are"),
            Self::File {
                path,
                named_by,
                whose,
            } => write!(f, "{whose}, in `{}` ({named_by})", path.display()),
            Self::Machine => {
                f.write_str("the service account of the machine, by its metadata server")
            }
        }
    }
}

/// Finds the file that would be used, in the order of Google's libraries, and looks into it. Blocks for
/// as long as that takes; asks nobody.
///
/// # Errors
/// `InvalidInput` for a file that is missing, is no JSON, is of another kind, or lacks something;
/// `PermissionDenied` for one that may not be read.
pub(super) fn find(options: &GcsOptions) -> Result<Source> {
    if !options.is_signed() {
        return Ok(Source::Nobody);
    }
    if let Some(path) = &options.credentials_path {
        return file(path, "`gcs.credentials_path`");
    }
    if let Some(path) = OsEnv.var(VARIABLE).filter(|path| !path.is_empty()) {
        return file(Path::new(&path), VARIABLE);
    }
    match well_known(&OsEnv).filter(|path| path.exists()) {
        Some(path) => file(&path, "application default credentials"),
        None => Ok(Source::Machine),
    }
}

/// Where `gcloud` keeps the application default credentials.
fn well_known(env: &impl Env) -> Option<PathBuf> {
    let folder = |name| env.var(name).map(PathBuf::from);
    let config = folder("APPDATA").or_else(|| folder("XDG_CONFIG_HOME"));
    let config = config.or_else(|| Some(folder("HOME")?.join(".config")));
    Some(config?.join("gcloud/application_default_credentials.json"))
}

fn file(path: &Path, named_by: &'static str) -> Result<Source> {
    let wrong = |what: &str, hint: &str| {
        let message = format!(
            "the credentials file `{}` ({named_by}) {what}",
            path.display()
        );
        Error::invalid_input(message).with_hint(hint)
    };
    let bytes = std::fs::read(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            let shown = path.display();
            let message = format!("the credentials file `{shown}` ({named_by}) may not be read");
            Error::new(ErrorKind::PermissionDenied, message)
                .with_hint("look at its owner and mode")
                .with_source(cause)
        }
        io::ErrorKind::NotFound => wrong(
            "does not exist",
            "create a key of a service account (`gcloud iam service-accounts keys create`), or \
             name no file: then the application default credentials are used",
        ),
        _ => wrong("can't be read", "it must be a JSON file").with_source(cause),
    })?;
    // What the parser says of a text has pieces of it.
    let content: Value = serde_json::from_slice(&bytes).map_err(|cause| {
        let place = format!(
            "is no JSON (line {}, column {})",
            cause.line(),
            cause.column()
        );
        wrong(
            &place,
            "download or create it again, and change nothing in it",
        )
    })?;
    let kind = content["type"].as_str().unwrap_or_default();
    let known = KINDS.iter().find(|(name, ..)| *name == kind);
    let Some((_, called, needed)) = known else {
        let what = if content.get("installed").or(content.get("web")).is_some() {
            "is that of an OAuth client, which can't ask for itself"
        } else {
            "has no `type` that is known"
        };
        return Err(wrong(
            what,
            "known are service_account, authorized_user, external_account and \
             impersonated_service_account: `gcloud iam service-accounts keys create` makes one",
        ));
    };
    let is_there = |name: &str| !content[name].is_null() && content[name] != "";
    if let Some(missing) = needed.iter().find(|name| !is_there(name)) {
        let what = format!("lacks `{missing}`, which a file of type {kind} has");
        return Err(wrong(
            &what,
            "download or create it again, and change nothing in it",
        ));
    }
    let whose = content["client_email"].as_str().unwrap_or_default();
    Ok(Source::File {
        path: path.to_owned(),
        named_by,
        whose: format!("{called} {whose}").trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(content: &str) -> Result<Source> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        std::fs::write(&path, content).unwrap();
        find(&GcsOptions {
            credentials_path: Some(path),
            ..GcsOptions::default()
        })
    }

    const SECRET: &str = "c2VjcmV0-of-tests";

    fn service_account() -> Value {
        json!({
            "type": "service_account",
            "client_email": "ci@p.iam.gserviceaccount.com",
            "private_key": SECRET,
        })
    }

    #[test]
    fn a_file_says_whose_it_is_and_not_what_is_in_it() {
        let user = json!({
            "type": "authorized_user", "client_id": "i", "client_secret": SECRET, "refresh_token": SECRET,
        });
        for (content, expected) in [
            (
                service_account(),
                "service account ci@p.iam.gserviceaccount.com",
            ),
            (user, "a person"),
        ] {
            let said = found(&content.to_string()).unwrap().to_string();
            assert!(said.contains(expected), "{said}");
            assert!(said.contains("gcs.credentials_path"), "{said}");
            assert!(!said.contains(SECRET), "{said}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_what_is_in_it() {
        let mut without = service_account();
        without["private_key"] = "".into();
        let mut unknown = service_account();
        unknown["type"] = "robot".into();
        let client = json!({ "installed": { "client_secret": SECRET } });
        for (content, expected) in [
            (
                format!("{{ \"private_key\": {SECRET}"),
                "is no JSON (line 1, column",
            ),
            (String::new(), "is no JSON"),
            (without.to_string(), "lacks `private_key`"),
            (unknown.to_string(), "no `type` that is known"),
            (client.to_string(), "OAuth client"),
            ("[]".to_owned(), "no `type` that is known"),
        ] {
            let error = found(&content).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.message().contains(expected), "{error}");
            assert!(error.hint().is_some());
            assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = find(&GcsOptions {
            credentials_path: Some("/nowhere/key.json".into()),
            ..GcsOptions::default()
        });
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("`/nowhere/key.json`"), "{error}");
    }

    #[test]
    fn emulators_are_asked_by_nobody() {
        let options = GcsOptions {
            endpoint_url: Some("http://127.0.0.1:9".to_owned()),
            ..GcsOptions::default()
        };
        assert_eq!(find(&options).unwrap(), Source::Nobody);
    }
}
