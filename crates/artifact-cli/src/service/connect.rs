//! Which server is meant, and what proves who asks: by flags, by the environment, by a file.

use std::env;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use artifact_bootstrap::SystemClock;
use artifact_client::{Client, Token};
use artifact_domain::{Error, ErrorKind, Result};

use super::Remote;
use crate::args::Global;

/// The variables that say the same as the flags.
const SERVER: &str = "ARTIFACT_SERVER";
const TOKEN: &str = "ARTIFACT_TOKEN";
const TOKEN_FILE: &str = "ARTIFACT_TOKEN_FILE";

/// The largest token.
const MOST_TOKEN_BYTES: u64 = 64 << 10;

/// The address of the server that is meant, if one is.
///
/// # Errors
/// `InvalidInput` where a local store is named too.
pub(crate) fn server(global: &Global) -> Result<Option<String>> {
    let (server, named_by) = match &global.server {
        Some(server) => (server.clone(), "--server"),
        None => match variable(SERVER)? {
            Some(server) => (server, SERVER),
            None => return Ok(None),
        },
    };
    let of_store = [
        ("--base-path", global.base_path.is_some()),
        ("--backend", global.backend.is_some()),
        ("--index", global.index.is_some()),
    ];
    if let Some((flag, _)) = of_store.iter().find(|(_, is_given)| *is_given) {
        let message =
            format!("{flag} is of a store on this machine, and {named_by} names a server");
        return Err(Error::invalid_input(message)
            .with_hint("the settings of a server are its own: give one of the two"));
    }
    Ok(Some(server))
}

/// A server, and what proves who asks.
pub(crate) fn connect(server: &str, global: &Global) -> Result<Remote> {
    let token = token(global)?;
    let client = Client::new(server, token.as_ref(), Arc::new(SystemClock))?;
    Ok(Remote::new(client))
}

/// By the flag, or else by the token itself, or else by the file that the environment names.
fn token(global: &Global) -> Result<Option<Token>> {
    if let Some(path) = &global.token_file {
        return token_of(path).map(Some);
    }
    if let Some(token) = variable(TOKEN)? {
        return Token::new(&token).map(Some);
    }
    match variable(TOKEN_FILE)? {
        Some(path) => token_of(&PathBuf::from(path)).map(Some),
        None => Ok(None),
    }
}

fn token_of(path: &Path) -> Result<Token> {
    let failed = |cause: std::io::Error| {
        let kind = match cause.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            _ => ErrorKind::InvalidInput,
        };
        Error::new(
            kind,
            format!("the token file {} can't be read", path.display()),
        )
        .with_source(cause)
    };
    let file = fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    // A pipe of the shell's own is nobody else's.
    if metadata.is_file() {
        check_private(path, &metadata)?;
    }
    let mut text = String::new();
    file.take(MOST_TOKEN_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Token::new(&text)
}

/// Whoever else knows the token is let in by it, and whoever else has put it there sees what is sent with it.
fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<()> {
    let path = path.display();
    let refuse = |why: &str, hint: String| {
        let message = format!("the token file {path} {why}");
        Err(Error::new(ErrorKind::PermissionDenied, message).with_hint(hint))
    };
    if metadata.mode() & 0o077 != 0 {
        return refuse("can be read by others", format!("chmod 600 {path}"));
    }
    if !is_own(metadata.uid()) {
        let hint = format!("chown {path} to whoever runs the program, or copy it");
        return refuse("belongs to somebody else", hint);
    }
    Ok(())
}

/// Whether this user is the one that runs the program, or the machine's own.
fn is_own(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

/// A variable that says something.
fn variable(name: &str) -> Result<Option<String>> {
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    // What it holds is not said: it may be a secret.
    let text = value.into_string().map(Some);
    text.map_err(|_| {
        Error::invalid_input(format!("environment variable {name} is not valid UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "secret\n").unwrap();
        for (mode, is_taken) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let token = token_of(&path);
            assert_eq!(token.is_ok(), is_taken, "{mode:o}");
            if let Err(error) = token {
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
                assert!(error.hint().unwrap().starts_with("chmod 600"));
            }
        }
        let missing = token_of(&folder.path().join("none")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_token_that_belongs_to_somebody_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "secret\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(token_of(&path).is_ok());
        let own = rustix::process::geteuid().as_raw();
        assert!(is_own(own) && is_own(0) && !is_own(own + 12_345));
        // Nobody but root can give a file away.
        if own == 0 {
            std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
            let error = token_of(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(error.message().contains("somebody else"), "{error}");
        }
    }
}
