//! The command line of the artifact store: parse, load the settings, wire the store, run one use
//! case, render what it gives. Data goes to stdout, talk to stderr.

mod about;
mod args;
mod attributes;
mod bucket_changes;
mod changing;
mod command;
mod context;
mod exit;
mod failures;
mod filter;
mod guess;
mod interrupt;
mod meta_entry;
mod progress;
mod selection;
mod span;
mod task;
mod ui;
mod when;

use std::panic;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::args::Cli;
use crate::context::Context;
use crate::failures::Failure;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// How long the threads may take to end that are at work still. One that waits for standard input
/// never does. The others are waited for: glibc (seen in 2.36) may read a thread that is let go just
/// as it ends after its memory has gone, and the process dies of it with its work done.
const LAST_STEPS: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(&cli.global);
    ui::log_to_stderr(&cli.global);
    match run(cli, &ui) {
        // A broken pipe is success: whoever read our output has seen enough.
        Ok(()) | Err(Failure::BrokenPipe) => exit::OK,
        Err(Failure::Interrupted) => {
            ui.note("interrupted");
            ExitCode::from(exit::INTERRUPTED)
        }
        Err(Failure::Reported(kind)) => exit::code(kind),
        Err(Failure::Error(error)) => {
            ui.error(&error);
            exit::code(error.kind())
        }
    }
}

fn run(cli: Cli, ui: &Ui) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| exit::internal("the runtime could not start", cause))?;
    let outcome = runtime.block_on(async {
        let interrupt = Interrupt::listen()?;
        let context = Context::new(cli.global, ui.clone(), interrupt.clone());
        let outcome = {
            let command = Box::pin(command::run(cli.verb, &context));
            interrupt.guard(command).await
        };
        context.settle().await;
        outcome
    });
    // A thread that is let go in the midst of its work finds the runtime's clock gone, and panics.
    panic::set_hook(Box::new(|_| ()));
    runtime.shutdown_timeout(LAST_STEPS);
    let _ = panic::take_hook();
    outcome
}
