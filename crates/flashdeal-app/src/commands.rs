//! The command line: one file per subcommand, each with its arguments, its examples and what it does.

mod backup;
mod completions;
mod health;
mod import;
mod migrate;
mod openapi;
mod orders;
mod output;
mod rebuild;
mod rehearse;
mod serve;
mod shop;
mod verify;
mod webhooks;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flashdeal_app::settings::RawSettings;

/// The flash-sale engine: reserve, check out, never oversell.
///
/// Without a command it serves. With neither --database-url nor --redis-url it is embedded: one process, one file, no
/// services. With both it is distributed: any number of instances over PostgreSQL and Redis.
#[derive(Parser)]
#[command(name = "flashdeal", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: RawSettings,
}

#[derive(Subcommand)]
enum Command {
    Serve(Box<serve::Arguments>),
    Health(health::Arguments),
    Migrate(migrate::Arguments),
    Import(import::Arguments),
    Rehearse(rehearse::Arguments),
    Orders(orders::Arguments),
    Backup(backup::Arguments),
    Verify(verify::Arguments),
    Rebuild(rebuild::Arguments),
    Webhooks(webhooks::Arguments),
    Openapi(openapi::Arguments),
    Completions(completions::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  flashdeal                                   a sale on this machine, kept in ./data
  flashdeal --bind 127.0.0.1:9000 --rate-limit 300/1m
  DATABASE_URL=postgres://… REDIS_URL=redis://… flashdeal
                                              one of any number of instances
  flashdeal health                            is the server ready? (exit status)
  flashdeal migrate                           bring PostgreSQL's schema up to date
  flashdeal import deals.csv -o made.csv      the night's products, out of a table
  flashdeal rehearse                          5000 virtual buyers against it
  flashdeal orders > orders.csv               what was sold, as a table
  flashdeal backup shop.db                    a copy of the embedded store, while it serves
  flashdeal verify                            do the books balance? (exit status)
  flashdeal webhooks status                   are sold orders told to whom they should be?
  flashdeal help health                       more about one command

Every flag is also an environment variable; a .env file in the working folder is read first.
FLASHDEAL_LOG says how much is logged: info (the default), debug, or flashdeal_app=debug,warn";

impl Cli {
    /// Does what was asked for. `warning` is what went wrong before there was a log.
    pub(crate) fn run(self, warning: Option<String>) -> ExitCode {
        let done = match self.command {
            None => return serve::run(&self.settings, warning),
            Some(Command::Serve(arguments)) => return serve::run(&arguments.settings, warning),
            Some(Command::Rehearse(arguments)) => return rehearse::run(arguments),
            Some(Command::Health(arguments)) => health::run(&arguments),
            Some(Command::Migrate(arguments)) => migrate::run(&arguments),
            Some(Command::Openapi(arguments)) => openapi::run(&arguments),
            Some(Command::Completions(arguments)) => completions::run(&arguments),
            Some(Command::Import(arguments)) => import::run(&arguments),
            Some(Command::Orders(arguments)) => orders::run(&arguments),
            Some(Command::Backup(arguments)) => backup::run(&arguments),
            Some(Command::Verify(arguments)) => verify::run(&arguments),
            Some(Command::Rebuild(arguments)) => rebuild::run(&arguments),
            Some(Command::Webhooks(arguments)) => webhooks::run(&arguments),
        };
        if let Some(warning) = warning {
            eprintln!("flashdeal: {warning}");
        }
        done.unwrap_or_else(|error| {
            eprintln!("flashdeal: {error:#}");
            ExitCode::FAILURE
        })
    }
}

/// Writes text for a pipe. A reader that has seen enough (`| head`) is no error.
fn print(text: &[u8]) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default_and_takes_the_same_flags_either_way() {
        let bare = Cli::try_parse_from(["flashdeal", "--rate-limit", "off"]).unwrap();
        assert!(bare.command.is_none() && bare.settings.rate_limit == "off");
        let named = Cli::try_parse_from(["flashdeal", "serve", "--rate-limit", "off"]).unwrap();
        assert!(matches!(named.command, Some(Command::Serve(serve)) if serve.settings.rate_limit == "off"));
        assert!(Cli::try_parse_from(["flashdeal", "--rate-limit", "off", "health"]).is_err());
    }

    #[test]
    fn help_has_every_flag_every_command_and_examples() {
        let help = Cli::command().render_long_help().to_string();
        for expected in
            ["--bind", "FLASHDEAL_RATE_LIMIT", "--jwt-key-file", "FLASHDEAL_ADMIN_KEYS", "health", "rehearse", "verify"]
        {
            assert!(help.contains(expected), "{expected} is not in:\n{help}");
        }
        for command in Cli::command().get_subcommands_mut() {
            let listed = help.lines().any(|line| line.trim_start().starts_with(&format!("{} ", command.get_name())));
            assert!(listed, "{} is not in:\n{help}", command.get_name());
            let help = command.render_long_help().to_string();
            assert!(help.contains("Examples:"), "no examples in:\n{help}");
        }
    }
}
