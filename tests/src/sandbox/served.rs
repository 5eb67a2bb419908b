//! A sandbox whose program knows no store but a server over it. The server starts when the program first
//! runs, anew when the settings have changed, and ends before a test looks at the files of the store.

use std::ffi::OsString;
use std::fs;
use std::process::Command;
use std::sync::Mutex;

use super::Sandbox;
use crate::Server;

/// Variables of the program itself; all others of its prefix are settings of a store.
const OWN: [&str; 4] = [
    "ARTIFACT_SPEC",
    "ARTIFACT_TASK",
    "ARTIFACT_LOG",
    "ARTIFACT_TOKEN",
];

/// Where settings are found beside the environment.
const FILES: [&str; 4] = [
    "work/artifact-store.toml",
    "work/artifact-store.yaml",
    "home/.config/artifact-store/config.toml",
    "home/.config/artifact-store/config.yaml",
];

/// The server of a sandbox, and the settings that it was started with.
#[derive(Debug, Default)]
pub(super) struct Served(Mutex<Option<(Settings, Server)>>);

#[derive(Debug, PartialEq, Eq)]
struct Settings {
    env: Vec<(OsString, OsString)>,
    files: Vec<Option<Vec<u8>>>,
}

impl Sandbox {
    /// An empty store with this index engine, behind a server that is all the program knows.
    pub fn with_server(engine: &str) -> Self {
        let mut sandbox = Self::with_index(engine);
        sandbox.served = Some(Served::default());
        sandbox
    }

    /// Tells the program where the server is, and nothing else of the store.
    pub(super) fn point_to_server(&self, served: &Served, command: &mut Command) {
        for key in self.env.keys() {
            let name = key.to_string_lossy();
            if name.starts_with("ARTIFACT_") && !OWN.contains(&&*name) {
                command.env_remove(key);
            }
        }
        command.env("ARTIFACT_SERVER", self.server_url(served));
    }

    /// Where the server is, which is started for that if need be.
    fn server_url(&self, served: &Served) -> String {
        let settings = self.server_settings();
        let mut running = served.0.lock().expect("no test has failed with it");
        if let Some((of, server)) = &*running
            && *of == settings
        {
            return server.url.clone();
        }
        end(running.take());
        let begun = Server::start(self);
        let url = begun.url.clone();
        *running = Some((settings, begun));
        url
    }

    /// Ends the server, so that everything is written which it writes behind its answers.
    pub(super) fn end_server(&self) {
        if let Some(served) = &self.served {
            let running = served.0.lock().expect("no test has failed with it").take();
            end(running);
        }
    }

    fn server_settings(&self) -> Settings {
        let read = |file: &&str| fs::read(self.root().join(file)).ok();
        Settings {
            env: self.env.clone().into_iter().collect(),
            files: FILES.iter().map(read).collect(),
        }
    }
}

fn end(running: Option<(Settings, Server)>) {
    if let Some((_, server)) = running {
        server.signal("TERM");
        server.wait();
    }
}
