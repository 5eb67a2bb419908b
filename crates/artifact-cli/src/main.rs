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
mod interrupt;
mod meta_entry;
mod progress;
mod selection;
mod service;
mod span;
mod task;
mod ui;
mod when;

use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::context::Context;
use crate::failures::Failure;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

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
    // What comes by one connection is passed on by one thread: more of them would only wake each other.
    let is_remote = matches!(service::server(&cli.global), Ok(Some(_)));
    let workers = is_remote.then_some(NonZeroUsize::MIN);
    let runtime = artifact_bootstrap::start_runtime(workers)?;
    let outcome = runtime.block_on(async {
        let interrupt = Interrupt::listen()?;
        let context = Context::new(cli.global, ui.clone(), interrupt.clone());
        let outcome = {
            let leaves_nothing = cli.verb.only_reads();
            let command = Box::pin(command::run(cli.verb, &context));
            interrupt.guard(command, leaves_nothing).await
        };
        context.settle().await;
        outcome
    });
    artifact_bootstrap::end_runtime(runtime);
    outcome
}
