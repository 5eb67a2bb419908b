//! What one setting demands of another. Single values were checked before.

use std::path::Path;

use artifact_domain::{Error, Result};

use super::SecretUrl;
use super::model::{Backend, Http, IndexEngine, Settings};
use super::schema::env_name;

/// Checks the settings against each other. What the chosen backend and engine do not read is not
/// looked at.
pub(super) fn check(settings: &Settings) -> Result<()> {
    match settings.backend {
        Backend::S3 => {
            let (access, secret) = (&settings.s3.access_key, &settings.s3.secret_key);
            need("s3.bucket", settings.s3.bucket.is_some(), "backend s3")?;
            need(
                "s3.secret_key",
                access.is_none() || secret.is_some(),
                "s3.access_key",
            )?;
            need(
                "s3.access_key",
                secret.is_none() || access.is_some(),
                "s3.secret_key",
            )?;
            let classes = &settings.s3.storage_classes;
            refuse_frozen("s3.storage_classes.hot", classes.hot.as_deref())?;
            refuse_frozen("s3.storage_classes.warm", classes.warm.as_deref())?;
        }
        Backend::Gcs => need("gcs.bucket", settings.gcs.bucket.is_some(), "backend gcs")?,
        Backend::Fs | Backend::Memory | Backend::GithubActions | Backend::GitlabCi => {}
    }
    check_tiers(settings)?;
    check_http(&settings.http)?;
    if settings.index.engine == IndexEngine::Postgres {
        need(
            "index.url",
            settings.index.url.is_some(),
            "index.engine postgres",
        )?;
        let url = settings.index.url.as_ref().map(SecretUrl::expose);
        let known = ["postgres://", "postgresql://"];
        if !url.is_some_and(|url| known.iter().any(|scheme| url.starts_with(scheme))) {
            return Err(Error::invalid_input(
                "`index.url` does not begin with postgres:// or postgresql://",
            ));
        }
    }
    Ok(())
}

fn check_http(http: &Http) -> Result<()> {
    let (cert, key) = (http.tls_cert.is_some(), http.tls_key.is_some());
    need("http.tls_key", key || !cert, "http.tls_cert")?;
    need("http.tls_cert", cert || !key, "http.tls_key")?;
    need(
        "http.rate_limit",
        http.rate_limit.is_some() || http.rate_burst.is_none(),
        "http.rate_burst",
    )
}

fn check_tiers(settings: &Settings) -> Result<()> {
    if settings.backend != Backend::Fs {
        return Ok(());
    }
    let tiers = &settings.tiers;
    let folders = [
        ("base_path", Some(&settings.base_path)),
        ("tiers.warm.base_path", tiers.warm.base_path.as_ref()),
        ("tiers.cold.base_path", tiers.cold.base_path.as_ref()),
    ];
    let folders: Vec<_> = folders
        .into_iter()
        .filter_map(|(key, path)| Some((key, path?)))
        .collect();
    for (key, path) in &folders[1..] {
        for (other, beside) in &folders {
            refuse_nested((key, path), (other, beside))?;
        }
    }
    Ok(())
}

/// Refuses a folder in a folder: what lies in the inner one would be found in the outer one too.
pub(crate) fn refuse_nested(
    (key, path): (&str, &Path),
    (other, beside): (&str, &Path),
) -> Result<()> {
    let is_nested = path != beside && (path.starts_with(beside) || beside.starts_with(path));
    if !is_nested {
        return Ok(());
    }
    let (path, beside) = (path.display(), beside.display());
    let message = format!("`{key}` ({path}) and `{other}` ({beside}) lie in one another");
    Err(Error::invalid_input(message)
        .with_hint("give each a folder beside the other, or the same folder to both"))
}

/// Refuses a class whose objects must be restored before they can be read, for a tier that is read
/// from at once.
fn refuse_frozen(key: &str, class: Option<&str>) -> Result<()> {
    let Some(class @ ("GLACIER" | "DEEP_ARCHIVE")) = class else {
        return Ok(());
    };
    let message = format!("`{key}` is {class}, whose objects cannot be read at once");
    Err(Error::invalid_input(message)
        .with_hint("only `s3.storage_classes.cold` may be such a class"))
}

fn need(key: &str, present: bool, by: &str) -> Result<()> {
    if present {
        return Ok(());
    }
    Err(
        Error::invalid_input(format!("`{key}` is not set, and {by} needs it")).with_hint(format!(
            "set it in the configuration file or by {}",
            env_name(key)
        )),
    )
}
