//! `flashdeal completions`: what the shell needs to complete the command line.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// Print the completion script of a shell.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell to write it for.
    #[arg(value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal completions bash > ~/.local/share/bash-completion/completions/flashdeal
  flashdeal completions zsh > ~/.zfunc/_flashdeal
                                              with fpath+=(~/.zfunc) before compinit
  flashdeal completions fish > ~/.config/fish/completions/flashdeal.fish";

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "flashdeal", &mut script);
    super::print(&script)
}
