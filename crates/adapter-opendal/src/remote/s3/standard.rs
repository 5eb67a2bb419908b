//! What the tools of AWS agree on: where keys are looked for, and what a profile says beside them.
//! Knows no bucket.

use std::sync::Arc;

use artifact_domain::{Error, Result};
use ini::Ini;
use opendal::HttpTransporter;
use reqsign_aws_v4::{Credential, DefaultCredentialProvider, StaticCredentialProvider};
use reqsign_command_execute_tokio::TokioCommandExecute;
use reqsign_core::{Context, OsEnv, ProvideCredential, ProvideCredentialChain, SigningCredential};
use reqsign_file_read_tokio::TokioFileRead;
use tokio::sync::Mutex;

use super::AccessKeys;

/// What reads the environment, files and the answers of programs; nothing of the network.
pub(super) fn context() -> Context {
    Context::new()
        .with_file_read(TokioFileRead)
        .with_command_execute(TokioCommandExecute)
        .with_env(OsEnv)
}

/// Where keys come from: those that are given, or else the standard chain. Whoever signs shares them, so
/// that a program that gives them out is not run by each.
#[derive(Debug, Clone)]
pub(super) struct Credentials(Arc<Chain>);

#[derive(Debug)]
struct Chain {
    providers: ProvideCredentialChain<Credential>,
    /// One of its own: whoever signs may know of no programs.
    context: Context,
    last: Mutex<Option<Credential>>,
}

impl Credentials {
    pub(super) fn new(keys: Option<&AccessKeys>, transport: &HttpTransporter) -> Self {
        let chain = ProvideCredentialChain::new();
        let providers = match keys {
            Some(keys) => chain.push(StaticCredentialProvider::new(
                &keys.access_key,
                &keys.secret_key,
            )),
            None => chain.push(DefaultCredentialProvider::new()),
        };
        Self(Arc::new(Chain {
            providers,
            context: context().with_http_send(transport.clone()),
            last: Mutex::default(),
        }))
    }

    /// The same, as the driver takes them.
    pub(super) fn to_chain(&self) -> ProvideCredentialChain<Credential> {
        ProvideCredentialChain::new().push(self.clone())
    }
}

impl ProvideCredential for Credentials {
    type Credential = Credential;

    async fn provide_credential(
        &self,
        _context: &Context,
    ) -> reqsign_core::Result<Option<Credential>> {
        let chain = &self.0;
        let mut last = chain.last.lock().await;
        if !last.is_valid() {
            *last = chain.providers.provide_credential(&chain.context).await?;
        }
        Ok(last.clone())
    }
}

/// What the environment and the profile of AWS's tools say, but for keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) region: Option<String>,
    pub(super) endpoint_url: Option<String>,
    /// A file of certificates that are trusted beside those of the system.
    pub(super) ca_bundle: Option<String>,
}

impl Surroundings {
    /// Variables first, then the profile that `AWS_PROFILE` names in `AWS_CONFIG_FILE`.
    pub(super) async fn look(context: &Context) -> Result<Self> {
        let named = |names: &[&str]| {
            let mut found = names.iter().filter_map(|name| context.env_var(name));
            found.find(|value| !value.is_empty())
        };
        let path = named(&["AWS_CONFIG_FILE"]).unwrap_or_else(|| "~/.aws/config".to_owned());
        let path = context.expand_home_dir(&path).unwrap_or(path);
        let profile = named(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]);
        // Most machines have no such file.
        let profile = match context.file_read_as_string(&path).await {
            Ok(text) => Self::of_profile(&text, profile.as_deref()).map_err(|cause| {
                let message = format!("the profiles of AWS in `{path}` can't be read");
                let error = Error::invalid_input(message).with_source(cause);
                error.with_hint("mend the file, or name another one by AWS_CONFIG_FILE")
            })?,
            Err(_) => Self::default(),
        };
        Ok(Self {
            region: named(&["AWS_REGION", "AWS_DEFAULT_REGION"]).or(profile.region),
            endpoint_url: named(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
                .or(profile.endpoint_url),
            ca_bundle: named(&["AWS_CA_BUNDLE"]).or(profile.ca_bundle),
        })
    }

    fn of_profile(text: &str, name: Option<&str>) -> std::result::Result<Self, ini::ParseError> {
        let section = match name {
            None | Some("default") => "default".to_owned(),
            Some(name) => format!("profile {name}"),
        };
        let file = Ini::load_from_str(text)?;
        let value = |key| {
            let value = file.section(Some(&section))?.get(key)?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        Ok(Self {
            region: value("region"),
            endpoint_url: value("endpoint_url"),
            ca_bundle: value("ca_bundle"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[default]\nregion = eu-central-1\n\n[profile ceph]\nregion=here\n\
        endpoint_url = https://objects.example.org\nca_bundle = /etc/ca.pem\noutput =\n";

    #[test]
    fn a_profile_says_where() {
        let of = |name| Surroundings::of_profile(FILE, name).unwrap();
        assert_eq!(of(None).region.as_deref(), Some("eu-central-1"));
        assert_eq!(of(None), of(Some("default")));
        let ceph = of(Some("ceph"));
        assert_eq!(ceph.region.as_deref(), Some("here"));
        let url = ceph.endpoint_url.as_deref();
        assert_eq!(url, Some("https://objects.example.org"));
        assert_eq!(ceph.ca_bundle.as_deref(), Some("/etc/ca.pem"));
        assert_eq!(of(Some("nobody")), Surroundings::default());
    }

    #[test]
    fn a_file_that_is_none_of_profiles_is_refused() {
        assert!(Surroundings::of_profile("[default\nregion", None).is_err());
    }
}
