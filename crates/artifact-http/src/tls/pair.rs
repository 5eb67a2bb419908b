//! A certificate and its key, read from two files in PEM. Must not know who shows it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use artifact_domain::{Error, Result};
use rustls::InconsistentKeys;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Where a certificate and its key are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// More than any such file has, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Bits of a mode that let others than the owner and the group read.
const READ_BY_OTHERS: u32 = 0o004;

/// Reads both, and sees that they belong together.
pub(super) fn read(files: &Files) -> Result<CertifiedKey> {
    let chain = text("http.tls_cert", &files.cert)?;
    let chain: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = chain.map_err(|cause| unreadable("http.tls_cert", &files.cert, cause))?;
    if chain.is_empty() {
        let message = format!(
            "http.tls_cert {} holds no certificate",
            files.cert.display()
        );
        return Err(Error::invalid_input(message).with_hint(
            "it is PEM: the server's certificate first, then those between it and its authority",
        ));
    }
    let key = text("http.tls_key", &files.key)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|cause| match cause {
        pem::Error::NoItemsFound => {
            let message = format!("http.tls_key {} holds no private key", files.key.display());
            Error::invalid_input(message)
                .with_hint("it is PEM: PKCS#8, PKCS#1 or SEC1, and not encrypted")
        }
        cause => unreadable("http.tls_key", &files.key, cause),
    })?;
    warn_of_readers(&files.key);
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|cause| {
        let (cert, key) = (files.cert.display(), files.key.display());
        let message = match cause {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                format!("the key {key} is not that of the certificate {cert}")
            }
            _ => format!("the certificate {cert} and the key {key} can't be used"),
        };
        Error::invalid_input(message)
            .with_hint("the server's own certificate stands first in http.tls_cert")
            .with_source(cause)
    })
}

fn text(setting: &str, path: &Path) -> Result<Vec<u8>> {
    let failed = |cause: std::io::Error| {
        let message = format!("{setting} {} can't be read: {cause}", path.display());
        Error::invalid_input(message).with_source(cause)
    };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > MOST_BYTES {
        let message = format!(
            "{setting} {} has {size} bytes, which is too many",
            path.display()
        );
        return Err(Error::invalid_input(message));
    }
    fs::read(path).map_err(failed)
}

fn unreadable(setting: &str, path: &Path, cause: pem::Error) -> Error {
    let message = format!("{setting} {} is no PEM", path.display());
    Error::invalid_input(message).with_source(cause)
}

fn warn_of_readers(key: &Path) {
    let mode = fs::metadata(key).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & READ_BY_OTHERS != 0) {
        let key = key.display();
        tracing::warn!("the key {key} can be read by everybody on this machine: chmod 600 {key}");
    }
}
