//! The processes of a round: what each is to do, and what its end says about the store. Must not
//! know when they are killed.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use e2e::{Expected, Ledger, Life, Outcome, Random, Running, Sandbox};
use serde_json::Value;

use crate::handover;
use crate::world::{World, sha256_of};

/// What a process is there for.
#[derive(Debug)]
pub(crate) enum Task {
    /// Uploads these: address and digest.
    Upload(Vec<(String, String)>),
    /// Uploads one from its standard input, which comes in two halves: its bytes.
    Trickle(String, String, Vec<u8>),
    /// Deletes versions, and says which.
    Delete,
    /// Fetches what this addresses into a file, and must find it if it is there already.
    Read(String, PathBuf, bool),
    /// Moves versions to another tier, or back.
    Move,
    /// Reserves an upload by a signed URL, or puts bytes to one, that nobody completes.
    HandOver,
    /// Completes an upload that was handed over: its address and digest.
    Complete(String, String),
    /// Works on the whole store.
    Job(&'static [&'static str]),
}

/// The jobs on the whole store.
const JOBS: [&[&str]; 6] = [
    &["gc"],
    &["gc", "--grace-hours", "1"],
    &["reindex"],
    &["reindex", "--rebuild"],
    &["verify"],
    &["verify", "--repair"],
];

/// How many files an upload of a folder has.
const TREE: u64 = 12;

/// A process of a round, and what it is there for.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) task: Task,
    command: Command,
}

/// What the end of a process says beside what the ledger was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) was_killed: bool,
    pub(crate) lost_its_lease: bool,
}

impl Actor {
    pub(crate) fn new(task: Task, command: Command) -> Self {
        Self { task, command }
    }

    /// Prepares a process that chance chooses.
    pub(crate) fn prepare(world: &mut World, random: &mut Random) -> Self {
        if world.bucket.is_some() {
            // What only a bucket has, or does itself.
            match random.below(100) {
                0..15 => return handover::prepare(world, random),
                15..30 => return mover(world, random),
                _ => {}
            }
        }
        match random.below(100) {
            0..22 => writer(world, random, Life::EveryVersion),
            22..40 => writer(world, random, Life::Newest),
            40..52 => tree(world, random),
            52..60 => trickle(world, random),
            60..72 => delete(world, random),
            72..78 => read(world, random),
            78..86 => mover(world, random),
            _ => job(world, random),
        }
    }

    /// Whether it sets the index aside and makes it again.
    pub(crate) fn rebuilds(&self) -> bool {
        matches!(&self.task, Task::Job(args) if args.contains(&"--rebuild"))
    }

    /// Whether it works on the whole store.
    pub(crate) fn is_job(&self) -> bool {
        matches!(self.task, Task::Job(_))
    }

    /// What its kind is called: how long one takes is learned per kind.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.task {
            Task::Upload(files) if files.len() > 1 => "upload of a folder",
            Task::Upload(_) => "upload",
            Task::Trickle(..) => "slow upload",
            Task::Delete => "delete",
            Task::Read(..) => "download",
            Task::Move => "move",
            Task::HandOver => "handover",
            Task::Complete(..) => "complete",
            Task::Job(args) => args[0],
        }
    }

    /// Prepares an upload or a deletion that chance chooses.
    pub(crate) fn prepare_writer(world: &mut World, random: &mut Random) -> Self {
        match random.below(100) {
            0..25 => writer(world, random, Life::EveryVersion),
            25..50 => writer(world, random, Life::Newest),
            50..75 => tree(world, random),
            _ => delete(world, random),
        }
    }

    /// Somebody who reaps what others have left.
    pub(crate) fn reaper(world: &World) -> Self {
        let args = JOBS[0];
        Self {
            command: world.store.command([args, &["--json"]].concat()),
            task: Task::Job(args),
        }
    }

    /// Starts it.
    pub(crate) fn start(&mut self) -> Running {
        let Task::Trickle(_, _, bytes) = &self.task else {
            return Running::start_with_input(&mut self.command, Stdio::null());
        };
        let mut running = Running::start(&mut self.command);
        running.feed(&bytes[..bytes.len() / 2]);
        running
    }

    /// Gives a slow upload the rest of its input.
    pub(crate) fn feed_the_rest(&mut self, running: &mut Running) {
        if let Task::Trickle(_, _, bytes) = &mut self.task {
            let rest = std::mem::take(bytes);
            running.feed(&rest[rest.len() / 2..]);
            running.end_of_input();
        }
    }

    /// Tells the ledger what was acknowledged, and asserts that it ended as it may: with an error
    /// only if the index was being rebuilt, or for a reason of its own.
    pub(crate) fn end(self, outcome: &Outcome, ledger: &mut Ledger, is_rebuilt: bool) -> Ended {
        const SIGKILL: i32 = 9;
        let was_killed = outcome.signal == Some(SIGKILL);
        let lost_its_lease = is_late(outcome);
        let lost_its_index =
            outcome.code == Some(5) && is_rebuilt && outcome.stderr.contains("artifact reindex");
        let may_end = was_killed
            || outcome.code == Some(0)
            || lost_its_index
            || match &self.task {
                Task::Upload(_) | Task::Trickle(..) => lost_its_lease,
                // Its URL ends soon, and a lease after that it is given up.
                Task::Complete(..) => lost_its_lease || outcome.code == Some(3),
                // Deleted, or on its way there, or held up by another job of the kind.
                Task::Delete => outcome.code == Some(3),
                Task::Read(_, _, is_there) => outcome.code == Some(3) && !is_there,
                // What is moved, superseded or deleted by somebody else is no error.
                Task::Move | Task::HandOver => false,
                Task::Job(["gc", ..]) => outcome.code == Some(7),
                // A version whose deletion was cut off is lost, to who knows the metadata alone.
                Task::Job(["reindex", ..]) => matches!(outcome.code, Some(5 | 7)),
                // What killed processes have not written behind is a finding; lost bytes would be
                // another.
                Task::Job(_) => {
                    let finds = |word| outcome.text().contains(&format!(r#""finding":"{word}""#));
                    let is_harmless = !["damaged", "missing", "unreadable", "found"]
                        .into_iter()
                        .any(finds);
                    outcome.code == Some(5) && is_harmless
                }
            };
        assert!(may_end, "a process ended as it may not:\n{outcome}");
        assert!(!outcome.stderr.contains("panicked"), "{outcome}");
        match &self.task {
            Task::Upload(files) => account_uploads(files, outcome, ledger),
            Task::Trickle(uri, sha256, _) | Task::Complete(uri, sha256) => {
                account_uploads(&[(uri.clone(), sha256.clone())], outcome, ledger);
            }
            Task::Delete => account_deletions(outcome.text(), ledger),
            Task::Read(uri, file, _) if outcome.code == Some(0) => {
                let sha256 = sha256_of(&[file])[0].clone();
                let is_whole = ledger.was_tried(uri, &sha256);
                assert!(is_whole, "{uri} was read as nobody wrote it:\n{outcome}");
            }
            Task::Read(..) | Task::Move | Task::HandOver | Task::Job(_) => {}
        }
        Ended {
            was_killed,
            lost_its_lease,
        }
    }

    /// Starts it with its output in a file.
    pub(crate) fn start_into(&mut self, output: File) -> Running {
        Running::start_between(&mut self.command, Stdio::null(), output)
    }

    /// Tells the ledger what was acknowledged by what it had printed when the disk went.
    pub(crate) fn account_cut_off(&self, text: &str, ledger: &mut Ledger) {
        match &self.task {
            Task::Upload(_) | Task::Trickle(..) | Task::Complete(..) => {
                for record in records(text) {
                    ledger.acknowledge(&record, false);
                }
            }
            Task::Delete => account_deletions(text, ledger),
            Task::Read(..) | Task::Move | Task::HandOver | Task::Job(_) => {}
        }
    }
}

/// Whether an upload was silent for longer than its lease, and is told so.
fn is_late(outcome: &Outcome) -> bool {
    let is_told = ["lease", "is over, it is DELETED"];
    outcome.code == Some(6) && is_told.iter().any(|text| outcome.stderr.contains(text))
}

fn account_deletions(text: &str, ledger: &mut Ledger) {
    for record in records(text) {
        ledger.delete(record["uri"].as_str().expect("a record has an address"));
    }
}

fn account_uploads(files: &[(String, String)], outcome: &Outcome, ledger: &mut Ledger) {
    for record in records(outcome.text()) {
        ledger.acknowledge(&record, outcome.code.is_some());
    }
    if outcome.code == Some(0) {
        let said = records(outcome.text()).len();
        assert_eq!(said, files.len(), "not all were acknowledged:\n{outcome}");
    } else if outcome.code.is_some() {
        for (uri, sha256) in files {
            ledger.fail(uri, sha256);
        }
    }
}

/// The objects on the complete lines of what was printed: a kill may cut the last one off.
fn records(text: &str) -> Vec<Value> {
    let complete = text.rsplit_once('\n').map_or("", |(all, _)| all);
    let parse =
        |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("`{line}`: {error}"));
    complete.lines().map(parse).collect()
}

fn upload(store: &Sandbox, args: &[&str], life: Life) -> Command {
    let fixed = ["upload", "--json", "--no-progress", "--type", "data"];
    let mut command = store.command([&fixed[..], args].concat());
    let versioning = life == Life::EveryVersion;
    command.env("ARTIFACT_VERSIONING__ENABLED", versioning.to_string());
    command
}

/// One file, to an artifact that others write too.
fn writer(world: &mut World, random: &mut Random, life: Life) -> Actor {
    let (name, uri) = shared(life, random);
    let path = world.write_file(random);
    let sha256 = sha256_of(&[&path])[0].clone();
    world.ledger.try_upload(&uri, life, &sha256);
    let tag = format!("round={}", world.round);
    let path = path.to_str().expect("paths of tests are text");
    let args = [path, "--task", "shared", "--name", &name, "--tag", &tag];
    Actor {
        command: upload(&world.store, &args, life),
        task: Task::Upload(vec![(uri, sha256)]),
    }
}

/// An artifact that several write: its name and its address.
fn shared(life: Life, random: &mut Random) -> (String, String) {
    let kind = if life == Life::EveryVersion {
        "every"
    } else {
        "newest"
    };
    let name = format!("{kind}-{}", random.below(2));
    let uri = format!("artifact://default/shared/data/{name}");
    (name, uri)
}

/// A folder, to a task of its own.
fn tree(world: &mut World, random: &mut Random) -> Actor {
    let folder = format!("tree-{}", world.next_number());
    let names: Vec<_> = (0..TREE).map(|n| format!("{}/{n}", n % 3)).collect();
    let paths: Vec<_> = names
        .iter()
        .map(|name| world.write_file_as(&format!("{folder}/{name}"), random))
        .collect();
    let task = folder.clone();
    let mut files = Vec::new();
    for (name, sha256) in names.iter().zip(sha256_of(&paths)) {
        let uri = format!("artifact://default/{task}/data/{name}");
        world.ledger.try_upload(&uri, Life::Once, &sha256);
        files.push((uri, sha256));
    }
    world.tasks.push(folder.clone());
    let tag = format!("round={}", world.round);
    let args = [folder.as_str(), "--task", &task, "--tag", &tag];
    Actor {
        command: upload(&world.store, &args, Life::Once),
        task: Task::Upload(files),
    }
}

/// From a pipe that is slow, so that it can be stopped half-way.
fn trickle(world: &mut World, random: &mut Random) -> Actor {
    let life = *random.pick(&[Life::EveryVersion, Life::Newest]);
    // Nobody else is to wait for its lock.
    let name = format!("slow-{}", if life == Life::Newest { "n" } else { "e" });
    let uri = format!("artifact://default/shared/data/{name}");
    let path = world.write_file_of(20_000, random);
    let bytes = std::fs::read(&path).expect("files can be read");
    let sha256 = sha256_of(&[&path])[0].clone();
    world.ledger.try_upload(&uri, life, &sha256);
    let args = ["-", "--task", "shared", "--name", &name];
    Actor {
        command: upload(&world.store, &args, life),
        task: Task::Trickle(uri, sha256, bytes),
    }
}

/// Some of what is there, or all of a task.
fn delete(world: &mut World, random: &mut Random) -> Actor {
    let mut uris = world.ledger.deletable();
    if uris.is_empty() {
        return read(world, random);
    }
    let task = random.pick(&uris).split('/').nth(3).map(str::to_owned);
    let task = task.expect("an address has a task");
    let of_task = format!("artifact://default/{task}/");
    uris.retain(|uri| uri.starts_with(&of_task) && random.percent(80));
    if uris.is_empty() {
        return read(world, random);
    }
    for uri in &uris {
        world.ledger.try_delete(uri);
    }
    let args = [&["delete".to_owned(), "--json".to_owned()], &uris[..]].concat();
    Actor {
        command: world.store.command(&args),
        task: Task::Delete,
    }
}

fn read(world: &mut World, random: &mut Random) -> Actor {
    let (_, uri) = shared(Life::Newest, random);
    let name = format!("read-{}", world.next_number());
    let file = world.store.work(name);
    let path = file.to_str().expect("paths of tests are text").to_owned();
    let is_there = matches!(world.ledger.expected(&uri), Expected::AtLeast(_));
    let args = ["download", uri.as_str(), "-o", &path, "--no-progress"];
    Actor {
        command: world.store.command(args),
        task: Task::Read(uri, file, is_there),
    }
}

/// Archives what several write or what was just uploaded and may be deleted meanwhile, or brings it
/// back.
fn mover(world: &mut World, random: &mut Random) -> Actor {
    let verb = *random.pick(&["archive", "restore"]);
    let task = match world.tasks.last() {
        Some(own) if world.bucket.is_some() && random.percent(40) => own.clone(),
        _ => "shared".to_owned(),
    };
    world
        .ledger
        .try_move(&format!("artifact://default/{task}/"));
    let args = [verb, "--task", &task, "--json", "--no-progress"];
    Actor {
        command: world.store.command(args),
        task: Task::Move,
    }
}

fn job(world: &mut World, random: &mut Random) -> Actor {
    let args = *random.pick(&JOBS);
    Actor {
        command: world.store.command([args, &["--json"]].concat()),
        task: Task::Job(args),
    }
}
