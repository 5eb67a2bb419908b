//! Who is let in to the server: wires what recognises people and what decides what they may do.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapter_audit_file::{AuditFile, Rotation};
use adapter_oidc::Issuers;
use adapter_token_file::TokenFile;
use artifact_domain::Result;
use artifact_domain::port::{AccessPolicy, AuditLog, Authenticator, ByGrants};

use crate::audit::Apart;
use crate::settings::{AuditScope, Settings};

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
    /// Whether the settings say that others than those on this machine are to come.
    is_public: bool,
    /// Where it is written down who did what, and of what.
    pub audit: Option<Audit>,
    /// What was written down, also where nothing is any more.
    pub history: Arc<dyn AuditLog>,
}

/// What is written down of who did what.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Where.
    pub log: Arc<dyn AuditLog>,
    /// Whether what was only read is written down too.
    pub reads: bool,
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
        let log: Arc<dyn AuditLog> = Arc::new(audit_log(settings));
        Ok(Self {
            has_issuers: authenticators.len() > 1,
            is_public: is_public(settings),
            authenticators,
            policy: Arc::new(ByGrants),
            tokens,
            audit: (settings.access.audit != AuditScope::Off).then(|| Audit {
                log: Arc::clone(&log),
                reads: settings.access.audit == AuditScope::All,
            }),
            history: log,
        })
    }

    /// Whether anybody can be recognised.
    pub fn is_configured(&self) -> bool {
        self.has_issuers || self.tokens.is_there()
    }

    /// Whether those who are not recognised stay out: where anybody can be recognised, where that was so
    /// before, and where others than those on this machine are expected.
    pub fn is_required(&self) -> bool {
        self.is_public || self.has_issuers || self.tokens.were_there()
    }
}

/// Whether the settings say that tokens are asked for, or that the server is reached by more than this
/// machine. A file of tokens that is lost then, or not there yet, opens nothing.
fn is_public(settings: &Settings) -> bool {
    let http = &settings.http;
    settings.access.token_file.is_some()
        || http.trusted_proxies.is_some()
        || http.public_url.is_some()
        || http.tls_cert.is_some()
        || http.tls_key.is_some()
}

/// Where it is written down who did what.
pub fn audit_log(settings: &Settings) -> impl AuditLog + use<> {
    let access = &settings.access;
    let usual = || settings.base_path.join("access").join("audit.jsonl");
    let path = access.audit_file.clone().unwrap_or_else(usual);
    let rotation = Rotation {
        max_bytes: access.audit_max_size.bytes(),
        keep: access.audit_keep,
    };
    Apart {
        unknown: AuditFile::new(of_unknown(&path), rotation),
        known: AuditFile::new(path, rotation),
    }
}

/// Beside the file of those who are recognised, that of those who are not.
fn of_unknown(path: &Path) -> PathBuf {
    let part = |part: Option<&OsStr>| part.unwrap_or_default().to_os_string();
    let mut name = part(path.file_stem());
    name.push("-unrecognised");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// The tokens of a store.
pub fn tokens(settings: &Settings) -> TokenFile {
    let path = settings.access.token_file.clone();
    let usual = || settings.base_path.join("access").join("tokens.json");
    TokenFile::new(path.unwrap_or_else(usual))
}
