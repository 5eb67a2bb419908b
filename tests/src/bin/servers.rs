//! Starts the servers of the tests once, runs a command that can use them, and ends them with it:
//! `servers COMMAND…`. What `E2E_WITHOUT` names is not started, nor is Garage but in the long mode.

use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;

use e2e::servers::{Garage, GcpEmulator, Moto, Rgw, Server, is_long, is_wanted};

/// A server, kept running, and the variable that hands it over.
type Started = (Box<dyn Send>, String, String);

#[expect(clippy::print_stderr, reason = "it says what it does")]
fn start<S: Server + Send + 'static>() -> Option<Started> {
    if !is_wanted(S::NAME) {
        return None;
    }
    let begun = Instant::now();
    let server = S::start();
    eprintln!("servers: {} after {:.1?}", S::NAME, begun.elapsed());
    let given = server.hand_over().to_string();
    Some((Box::new(server), S::variable(), given))
}

#[expect(clippy::print_stderr, reason = "it says what it does")]
fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("servers COMMAND…: runs a command beside the servers of the tests");
        return ExitCode::from(2);
    };
    let mut starts: Vec<fn() -> Option<Started>> =
        vec![start::<Moto>, start::<GcpEmulator>, start::<Rgw>];
    if is_long() {
        starts.push(start::<Garage>);
    }
    let threads: Vec<_> = starts.into_iter().map(thread::spawn).collect();
    // One that does not start has said why, and so does every test that then starts its own.
    let started: Vec<Started> = threads
        .into_iter()
        .filter_map(|thread| thread.join().ok().flatten())
        .collect();
    let mut command = Command::new(program);
    command.args(words);
    for (_, variable, given) in &started {
        command.env(variable, given);
    }
    match command.status() {
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("servers: the command cannot be run: {error}");
            ExitCode::from(127)
        }
    }
}
