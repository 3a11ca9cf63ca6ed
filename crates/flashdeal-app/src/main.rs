//! `flashdeal`: flash sales over HTTP. `flashdeal --help` lists every setting.

mod commands;

use std::process::ExitCode;

use clap::Parser;

use commands::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The environment is read before any thread could see it change.
    let dotenv = dotenvy::dotenv();
    let cli = Cli::parse();
    let unreadable = dotenv.err().filter(|error| !error.not_found());
    cli.run(unreadable.map(|error| format!("the .env file cannot be read, so it is left out: {error}")))
}
