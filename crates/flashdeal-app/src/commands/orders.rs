//! `flashdeal orders`: what was sold, as a table.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use flashdeal_app::export::{self, Format};
use flashdeal_app::startup::OrderBook;
use flashdeal_domain::ProductId;

use super::output::Output;

/// Write what was sold, as CSV or JSON lines: every order, or those of one product, oldest first, while the sale goes on.
///
/// Every order that is there when it begins is written once. One that is made meanwhile is written once or not at all: run it again
/// when the sale is over. It reads the record alone, of a live shop or a stopped one, embedded or not, and changes nothing.
///
/// CSV is as in RFC 4180: orderId, createdAt, productId, userId, quantity, unitPrice, total, reservationId, with a header line.
/// Money is exact, with two decimals; times are UTC. A userId that a spreadsheet might take for a formula (it begins with = + - @ or
/// an apostrophe, or with blanks before that) has an apostrophe in front: take one off to have it back. Jsonl has every userId as it
/// is, and the fields of the API.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// PostgreSQL, the permanent record: `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,

    /// Without it: where the embedded mode keeps its file.
    #[arg(long, env = "FLASHDEAL_DATA_DIR", value_name = "FOLDER", default_value = "./data")]
    data_dir: PathBuf,

    /// Only of this product.
    #[arg(long, value_name = "ID", value_parser = |id: &str| ProductId::parse(id).map_err(|invalid| invalid.to_string()))]
    product: Option<ProductId>,

    /// How to write them.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,

    /// Where to; standard output, if it is not given. FILE is there only when it is whole: until then it is FILE.partial.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal orders > orders.csv               of ./data, also while it is served
  flashdeal orders --output phones.csv \\
      --product 01890a5d-ac96-774b-bcce-b302099a8057
  DATABASE_URL=postgres://… flashdeal orders --format jsonl \\
      | jq -s 'map(.quantity) | add'

Exit status: 0 all orders are written, 1 they are not; what was written by then is a part.";

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Standard output is for the orders. The adapter's own warnings would be one for each attempt.
    tracing_subscriber::fmt()
        .with_env_filter("flashdeal_app=warn")
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // An empty variable is one that is not set, as for the server.
    let database_url = arguments.database_url.as_deref().filter(|url| !url.trim().is_empty());
    runtime.block_on(async {
        let mut book = OrderBook::open(database_url, &arguments.data_dir).await?;
        if let Some(product) = arguments.product
            && !book.knows(product).await?
        {
            anyhow::bail!("there is no product {product}");
        }
        match &arguments.output {
            None => {
                export::orders(&mut book, arguments.product, arguments.format, io::stdout().lock()).await?;
            }
            Some(path) => {
                let failed = || format!("cannot write {}", path.display());
                let mut file = Output::create(path).with_context(failed)?;
                let orders = export::orders(&mut book, arguments.product, arguments.format, &mut file).await?;
                file.keep().with_context(failed)?;
                let are = if orders == 1 { "order is" } else { "orders are" };
                eprintln!("flashdeal: {orders} {are} in {}", path.display());
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
