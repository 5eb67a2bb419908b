//! `artifact completions`: a completion script for a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failures::Failure;

/// Which shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  artifact completions bash > ~/.local/share/bash-completion/completions/artifact
  artifact completions zsh > ~/.zfunc/_artifact")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "artifact", &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(())
}
