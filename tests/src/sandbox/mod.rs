//! A store of its own for one test, and a world in which the program sees nothing else: no
//! settings, home or CI of whoever runs the tests.

mod served;
mod service;
mod stored;

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Outcome, Running, artifact};
use served::Served;
use service::Service;

/// A temporary folder with a store, a home and a current folder, gone with the test unless
/// `E2E_KEEP` is set.
///
/// ```text
/// home/       $HOME, and below it what XDG names
/// work/       the current folder
/// store/      ARTIFACT_BASE_PATH
/// s3/blobs/   what is in the bucket, if the store has one: each object a file, at its key
/// mirror/     the same of a bucket of another server
/// ```
#[derive(Debug)]
pub struct Sandbox {
    env: BTreeMap<OsString, OsString>,
    service: Option<Service>,
    /// Whether the service takes no keys as long as S3 has them.
    keys_are_short: bool,
    /// The server that the program speaks to, if it knows no store.
    served: Option<Served>,
    root: TempDir,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty store, with settings that are all at their defaults.
    pub fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("artifact-e2e-")
            .disable_cleanup(env::var_os("E2E_KEEP").is_some())
            .tempdir()
            .expect("a temporary folder can be made");
        for folder in ["home", "work", "tmp"] {
            fs::create_dir(root.path().join(folder)).expect("folders can be made in it");
        }
        let path = |relative: &str| root.path().join(relative).into_os_string();
        let mut env: BTreeMap<OsString, OsString> = [
            ("HOME", path("home")),
            ("XDG_CONFIG_HOME", path("home/.config")),
            ("XDG_DATA_HOME", path("home/.local/share")),
            ("XDG_CACHE_HOME", path("home/.cache")),
            ("TMPDIR", path("tmp")),
            ("ARTIFACT_BASE_PATH", path("store")),
        ]
        .map(|(key, value)| (key.into(), value))
        .into();
        env.extend(env::var_os("PATH").map(|value| ("PATH".into(), value)));
        Self {
            env,
            service: None,
            keys_are_short: false,
            served: None,
            root,
        }
    }

    /// An empty store with this index engine.
    pub fn with_index(engine: &str) -> Self {
        Self::new().with_env("ARTIFACT_INDEX__ENGINE", engine)
    }

    /// With this environment variable.
    #[must_use]
    pub fn with_env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Without this environment variable.
    #[must_use]
    pub fn without_env(mut self, key: &str) -> Self {
        self.env.remove(OsStr::new(key));
        self
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The home folder.
    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// The current folder, or what is in it.
    pub fn work(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root().join("work").join(relative)
    }

    /// Another store, with its own folder in the current one, and blobs apart.
    #[must_use]
    pub fn elsewhere(self, folder: &str) -> Self {
        let path = self.work(folder);
        self.with_env("ARTIFACT_BASE_PATH", path)
            .with_env("ARTIFACT_S3__PREFIX", folder)
            .with_env("ARTIFACT_GCS__PREFIX", folder)
    }

    /// The environment that the program runs in.
    pub fn env(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.env
            .iter()
            .map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// Writes a file into the current folder, with the folders above it.
    pub fn write(&self, relative: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work(relative);
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("folders can be made");
        fs::write(&path, bytes).expect("files can be written");
        path
    }

    /// Reads a file of the current folder.
    #[track_caller]
    pub fn read(&self, relative: impl AsRef<Path>) -> Vec<u8> {
        let path = self.work(relative);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The program, ready to be started in the sandbox.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.other(artifact());
        if let Some(served) = &self.served {
            self.point_to_server(served, &mut command);
        }
        command.args(args);
        command
    }

    /// Another program, ready to be started in the sandbox.
    pub fn other(&self, program: impl AsRef<OsStr>) -> Command {
        if let Some(mirror) = self.mirror() {
            mirror.settle();
        }
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.env)
            .current_dir(self.work(""))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end, with nothing to read.
    pub fn run(&self, args: &[&str]) -> Outcome {
        let output = self
            .command(args)
            .output()
            .expect("the program can be started");
        self.outcome(args, output)
    }

    /// What a run has left behind, once paths that a test has in hand show what it did.
    fn outcome(&self, args: &[&str], output: Output) -> Outcome {
        if let Some(mirror) = self.mirror() {
            mirror.look_again();
        }
        Outcome::new(owned(args), output)
    }

    /// Runs the program to its end with `input` to read.
    pub fn run_with_input(&self, args: &[&str], input: &[u8]) -> Outcome {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        let output = thread::scope(|scope| {
            // It may end without reading all; whether it should is for the test to say.
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output()
        });
        self.outcome(args, output.expect("it can be waited for"))
    }

    /// Runs the program as a user whom permissions bind, while `path` has `mode`. Where the tests
    /// run as root that is `nobody`, to whom the sandbox is given; otherwise whoever runs them.
    pub fn run_unprivileged(&self, path: &Path, mode: u32, args: &[&str]) -> Outcome {
        const NOBODY: u32 = 65_534;
        let mut command = self.command(args);
        if is_root() {
            // The program may lie where nobody can reach it.
            let program = self.root().join("artifact");
            fs::copy(artifact(), &program).expect("the program can be copied");
            command = self.other(&program);
            command.args(args).uid(NOBODY).gid(NOBODY);
            crate::tree::hand_over(self.root(), NOBODY);
        }
        let permit = |mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("modes can be changed");
        };
        permit(mode);
        let output = command.output().expect("the program can be started");
        permit(0o700);
        self.outcome(args, output)
    }

    /// Starts the program and leaves it running.
    pub fn start(&self, args: &[&str]) -> Running {
        Running::start(&mut self.command(args))
    }

    /// Runs the program, which must succeed, and gives its standard output.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        self.run(args).expect_code(0).text().to_owned()
    }

    /// Runs the program, which must succeed, and gives its standard output as bytes.
    #[track_caller]
    pub fn bytes(&self, args: &[&str]) -> Vec<u8> {
        self.run(args).expect_code(0).stdout
    }

    /// Runs the program, which must end with `code`, and gives its standard error.
    #[track_caller]
    pub fn fails(&self, args: &[&str], code: i32) -> String {
        self.run(args).expect_code(code).stderr
    }

    /// Runs the program with `--json`, which must succeed, and gives what it prints.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        let args = [args, &["--json"]].concat();
        self.run(&args).expect_code(0).objects()
    }
}

/// Whether whoever runs the tests is above permissions.
fn is_root() -> bool {
    let file = tempfile::tempfile().expect("a temporary file can be made");
    file.metadata().expect("it can be looked at").uid() == 0
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}
