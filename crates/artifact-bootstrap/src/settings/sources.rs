//! Where settings come from. [`Sources::from_process`] is the only place that reads the
//! environment; everything else takes what is handed to it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use artifact_domain::{Error, ErrorKind, Result};

use super::schema::ENV_PREFIX;

/// The variable that names the configuration file.
pub(super) const CONFIG_VARIABLE: &str = "ARTIFACT_CONFIG";

/// Variables with the prefix that set no key: the command line reads them itself.
pub(super) const RESERVED: [&str; 7] = [
    CONFIG_VARIABLE,
    "ARTIFACT_SERVER",
    "ARTIFACT_TOKEN",
    "ARTIFACT_TOKEN_FILE",
    "ARTIFACT_SPEC",
    "ARTIFACT_TASK",
    "ARTIFACT_LOG",
];

/// Everything that settings are made of. `Default` has nothing in it and the root as its current
/// folder.
///
/// `Debug` names variables and flags without their values.
#[derive(Clone)]
pub struct Sources {
    /// The file that `--config` names.
    pub config: Option<PathBuf>,
    /// Environment variables; those without the prefix `ARTIFACT_` are ignored.
    pub env: BTreeMap<String, String>,
    /// The absolute current folder.
    pub cwd: PathBuf,
    /// The user's home folder, absolute.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, absolute; `~/.config` when absent.
    pub xdg_config_home: Option<PathBuf>,
    /// `$XDG_DATA_HOME`, absolute; `~/.local/share` when absent.
    pub xdg_data_home: Option<PathBuf>,
    /// What flags set: dotted key and value, the last of one key wins.
    pub flags: Vec<(String, String)>,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            config: None,
            env: BTreeMap::new(),
            cwd: PathBuf::from("/"),
            home: None,
            xdg_config_home: None,
            xdg_data_home: None,
            flags: Vec::new(),
        }
    }
}

impl Sources {
    /// Reads the environment and the current folder of this process. `--config` and the other
    /// flags are for the caller to add.
    ///
    /// # Errors
    /// `InvalidInput` when a variable with the prefix is not UTF-8, `Internal` when the current
    /// folder is gone.
    pub fn from_process() -> Result<Self> {
        let cwd = std::env::current_dir().map_err(|error| {
            Error::new(ErrorKind::Internal, "the current folder cannot be read").with_source(error)
        })?;
        let absolute = |path: Option<PathBuf>| path.filter(|path| path.is_absolute());
        let folder = |name| absolute(std::env::var_os(name).map(PathBuf::from));
        Ok(Self {
            config: None,
            env: collect_env(std::env::vars_os())?,
            cwd,
            home: absolute(std::env::home_dir()),
            // the XDG specification has relative paths ignored
            xdg_config_home: folder("XDG_CONFIG_HOME"),
            xdg_data_home: folder("XDG_DATA_HOME"),
            flags: Vec::new(),
        })
    }

    /// Adds what flags set; a path must be UTF-8, as settings are.
    ///
    /// # Errors
    /// `InvalidInput` for one that is not.
    pub fn add_flags<const N: usize>(
        &mut self,
        base_path: Option<&Path>,
        others: [(&str, Option<String>); N],
    ) -> Result<()> {
        if let Some(path) = base_path {
            let text = path.to_str().ok_or_else(|| {
                Error::invalid_input(format!("--base-path {} is not UTF-8", path.display()))
            })?;
            self.flags.push(("base_path".to_owned(), text.to_owned()));
        }
        for (key, value) in others {
            self.flags
                .extend(value.map(|value| (key.to_owned(), value)));
        }
        Ok(())
    }

    pub(super) fn config_home(&self) -> Option<PathBuf> {
        home_or(
            self.xdg_config_home.as_deref(),
            self.home.as_deref(),
            ".config",
        )
    }

    /// `artifact-store` in the data folder, where that is known and UTF-8.
    pub(super) fn data_folder(&self) -> Option<String> {
        home_or(
            self.xdg_data_home.as_deref(),
            self.home.as_deref(),
            ".local/share",
        )
        .and_then(|data| {
            data.join("artifact-store")
                .into_os_string()
                .into_string()
                .ok()
        })
    }
}

fn home_or(xdg: Option<&Path>, home: Option<&Path>, below_home: &str) -> Option<PathBuf> {
    xdg.map(Path::to_path_buf)
        .or_else(|| home.map(|home| home.join(below_home)))
}

/// The variables with the prefix as text. A reserved one that sets no key may hold anything.
fn collect_env(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>> {
    let mut env = BTreeMap::new();
    for (name, value) in variables {
        if !name.as_encoded_bytes().starts_with(ENV_PREFIX.as_bytes()) {
            continue;
        }
        let name = name.into_string().map_err(|name| {
            Error::invalid_input(format!(
                "the name of environment variable {} is not valid UTF-8",
                name.to_string_lossy()
            ))
        })?;
        match value.into_string() {
            Ok(value) => {
                env.insert(name, value);
            }
            Err(_) if name != CONFIG_VARIABLE && RESERVED.contains(&name.as_str()) => {}
            Err(_) => {
                return Err(Error::invalid_input(format!(
                    "environment variable {name} is not valid UTF-8"
                )));
            }
        }
    }
    Ok(env)
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("config", &self.config)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("cwd", &self.cwd)
            .field("home", &self.home)
            .field("xdg_config_home", &self.xdg_config_home)
            .field("xdg_data_home", &self.xdg_data_home)
            .field(
                "flags",
                &self.flags.iter().map(|(key, _)| key).collect::<Vec<_>>(),
            )
            .finish()
    }
}

/// Which layer a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// No layer sets it.
    Default,
    /// The configuration file at this path.
    File(PathBuf),
    /// The environment variable of this name.
    Env(String),
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn only_variables_with_the_prefix_are_collected() {
        let env = collect_env(os(&[("HOME", "/root"), ("ARTIFACT_BACKEND", "fs")])).unwrap();
        assert_eq!(
            env.into_iter().collect::<Vec<_>>(),
            [("ARTIFACT_BACKEND".to_owned(), "fs".to_owned())]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf8_is_named_unless_it_is_not_ours() {
        use std::os::unix::ffi::OsStringExt;
        let bad = || OsString::from_vec(vec![b'a', 0xff]);
        let collect = |name: &str| collect_env([(name.into(), bad())]);

        for name in ["ARTIFACT_BASE_PATH", "ARTIFACT_CONFIG"] {
            let error = collect(name).unwrap_err();
            assert_eq!(
                error.message(),
                format!("environment variable {name} is not valid UTF-8")
            );
        }
        assert!(collect("ARTIFACT_TOKEN").unwrap().is_empty());
        assert!(collect("LESSOPEN").unwrap().is_empty());

        let name = OsString::from_vec([b"ARTIFACT_".as_slice(), &[0xff]].concat());
        assert!(
            collect_env([(name, "x".into())])
                .unwrap_err()
                .message()
                .contains("name of")
        );
    }

    #[test]
    fn the_process_has_a_current_folder() {
        assert!(Sources::from_process().unwrap().cwd.is_absolute());
    }

    #[test]
    fn debug_shows_no_value() {
        let sources = Sources {
            env: [("ARTIFACT_S3__SECRET_KEY".to_owned(), "hunter2".to_owned())].into(),
            flags: vec![("index.url".into(), "postgres://u:hunter2@h/d".into())],
            ..Sources::default()
        };
        let shown = format!("{sources:?}");
        assert!(shown.contains("ARTIFACT_S3__SECRET_KEY") && shown.contains("index.url"));
        assert!(!shown.contains("hunter2"));
    }
}
