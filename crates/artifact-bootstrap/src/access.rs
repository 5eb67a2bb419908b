//! Who is let in to the server: wires what recognises people and what decides what they may do.

use std::sync::Arc;

use adapter_oidc::Issuers;
use adapter_token_file::TokenFile;
use artifact_domain::Result;
use artifact_domain::port::{AccessPolicy, Authenticator, ByGrants};

use crate::settings::Settings;

/// Who is let in, and who decides what he may do.
#[derive(Debug, Clone)]
pub struct Access {
    /// Those who recognise people, in the order in which they are asked.
    pub authenticators: Vec<Arc<dyn Authenticator>>,
    /// Who decides what a recognised one may do.
    pub policy: Arc<dyn AccessPolicy>,
    /// The tokens.
    pub tokens: TokenFile,
    /// Whether there are others beside them who recognise people.
    has_issuers: bool,
}

impl Access {
    /// What the settings describe. Reads the file of issuers, and asks nobody yet.
    ///
    /// # Errors
    /// `InvalidInput` where something is wrong in that file.
    pub fn new(settings: &Settings) -> Result<Self> {
        let tokens = tokens(settings);
        let mut authenticators: Vec<Arc<dyn Authenticator>> = vec![Arc::new(tokens.clone())];
        let issuers = settings.access.issuers_file.clone();
        if let Some(issuers) = issuers.map(Issuers::open).transpose()? {
            authenticators.push(Arc::new(issuers));
        }
        Ok(Self {
            has_issuers: authenticators.len() > 1,
            authenticators,
            policy: Arc::new(ByGrants),
            tokens,
        })
    }

    /// Whether anybody can be recognised, so that those who are not stay out.
    pub fn is_configured(&self) -> bool {
        self.has_issuers || self.tokens.is_there()
    }
}

/// The tokens of a store.
pub fn tokens(settings: &Settings) -> TokenFile {
    let path = settings.access.token_file.clone();
    let usual = || settings.base_path.join("access").join("tokens.json");
    TokenFile::new(path.unwrap_or_else(usual))
}
