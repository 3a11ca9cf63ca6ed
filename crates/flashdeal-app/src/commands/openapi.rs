//! `flashdeal openapi`: the API's description, without a server.

use std::process::ExitCode;

use clap::Args;

/// Print the OpenAPI 3.1 document of the HTTP API.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {}

const EXAMPLES: &str = "\
Examples:
  flashdeal openapi > openapi.json
  flashdeal openapi | jq '.paths | keys'

A running server has the same document at /api/openapi.json, and a page to browse it at /docs.";

pub(super) fn run(_: &Arguments) -> anyhow::Result<ExitCode> {
    super::print(flashdeal_app::openapi::document().as_bytes())
}
