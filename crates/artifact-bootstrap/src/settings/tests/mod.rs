//! Tests of the settings as a whole; what one module does alone is tested in it.

mod documents;
mod files;
mod layers;
mod paths;
mod show;
mod unknown;
mod values;

use std::fs;
use std::path::{Path, PathBuf};

use artifact_domain::Error;
use tempfile::TempDir;

use super::{Loaded, Settings, Sources};

/// A machine with a home folder and a current folder, and nothing set.
struct Machine {
    root: TempDir,
    sources: Sources,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (cwd, home) = (root.path().join("work"), root.path().join("home"));
        fs::create_dir_all(&cwd).unwrap();
        fs::create_dir_all(&home).unwrap();
        Self {
            root,
            sources: Sources {
                cwd,
                home: Some(home),
                ..Sources::default()
            },
        }
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.env.insert(name.into(), value.into());
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.push((key.into(), value.into()));
        self
    }

    fn load(&self) -> Result<Loaded, Error> {
        Settings::load(&self.sources)
    }

    fn settings(&self) -> Settings {
        self.load().unwrap().settings
    }

    /// The message, with the machine's folder as `/root`.
    fn error(&self) -> String {
        let root = self.root.path().to_str().unwrap();
        self.load().unwrap_err().to_string().replace(root, "/root")
    }
}

/// Settings from one YAML file in the current folder.
fn yaml(text: &str) -> Machine {
    let machine = Machine::new();
    machine.write("work/artifact-store.yaml", text);
    machine
}

/// Settings from one TOML file in the current folder.
fn toml(text: &str) -> Machine {
    let machine = Machine::new();
    machine.write("work/artifact-store.toml", text);
    machine
}

fn home(machine: &Machine, relative: &str) -> PathBuf {
    machine
        .sources
        .home
        .as_deref()
        .map(|home: &Path| home.join(relative))
        .unwrap()
}
