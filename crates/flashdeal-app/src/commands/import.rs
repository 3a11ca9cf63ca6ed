//! `flashdeal import`: products out of a table.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use flashdeal_app::environment::SystemClock;
use flashdeal_app::export::Format;
use flashdeal_app::import::{self, Fault, MOST_BYTES, Row};
use flashdeal_domain::ports::Clock;

use super::output::Output;
use super::shop::{Shop, with_new_shop};

/// Make the products of a night out of a table: CSV with a header line, or JSON lines.
///
/// First the whole table is read. If lines of it have to be mended, each of them is told, and nothing is made. Then it is written out
/// with the ids that its products get, and only then are they made. So whatever happens, run it again with what was written: of
/// products that are there already nothing is changed, and none is made twice.
///
/// The columns are those of POST /api/products: name, description, price, totalStock, startsAt, endsAt, maxPerReservation, in any
/// order, and id for a table that was written before. An empty cell is a field that is not there. Lines of JSON are such bodies, one a
/// line; what the API answers for a product is one, too. The rate limit does not count here. Texts are written as they are: a name
/// that begins with = is a formula to a spreadsheet.
///
/// A distributed shop may be selling meanwhile. Of an embedded one the server must be stopped; if there is none yet, it is made.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    shop: Shop,

    /// The table; - is standard input.
    #[arg(value_name = "FILE")]
    table: PathBuf,

    /// What the table is, and what is written; if it is not given, jsonl where the name of FILE ends so, else csv.
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Where the table goes with its ids; standard output, if it is not given. No file is written over but the table itself.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Only read the table and say what has to be mended.
    #[arg(long)]
    check: bool,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal import deals.csv --check          what has to be mended?
  flashdeal import deals.csv -o made.csv      into ./data, while no server has it
  flashdeal import made.csv -o made.csv       goes on where it was cut off
  DATABASE_URL=postgres://… REDIS_URL=redis://… \\
      flashdeal import deals.jsonl --output made.jsonl

A table:
  name,price,totalStock,startsAt,maxPerReservation
  Phone,499.90,200,2026-12-01T12:00:00Z,2
  Tablet,1299,50,,

Exit status: 0 all products are there, 1 they are not: the table must be mended, or a store is down.";

/// How many lines that have to be mended are told.
const TOLD: usize = 100;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = &arguments.table;
    let format = arguments.format.unwrap_or_else(|| format_of(path));
    let table = text(path)?;
    let rows = match import::read(&table, format, SystemClock.now()) {
        Ok(rows) => rows,
        Err(faults) => {
            tell(&faults);
            return Ok(ExitCode::FAILURE);
        }
    };
    if arguments.check {
        eprintln!("flashdeal: nothing has to be mended: {}", products(rows.len()));
        return Ok(ExitCode::SUCCESS);
    }
    with_new_shop(&arguments.shop, async |sale| {
        write(&rows, format, arguments)?;
        let made = import::make(sale, rows).await.context(
            "not all products are made; when the stores are well, import the table that was written just now: \
             nothing is made twice",
        )?;
        match made.there {
            0 => eprintln!("flashdeal: {} made", products(made.new)),
            there => eprintln!("flashdeal: {} made; {} there before", products(made.new), products(there)),
        }
        if made.differ > 0 {
            eprintln!(
                "flashdeal: {} not as in the table, and left so: PATCH what is to be changed",
                products(made.differ)
            );
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn format_of(path: &Path) -> Format {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    if matches!(&*ending, "jsonl" | "ndjson") { Format::Jsonl } else { Format::Csv }
}

fn text(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST_BYTES)?;
    let cannot_read = || format!("cannot read {}", path.display());
    let input: &mut dyn Read = if path == Path::new("-") {
        &mut io::stdin().lock()
    } else {
        &mut File::open(path).with_context(cannot_read)?
    };
    input.take(most + 1).read_to_end(&mut bytes).with_context(cannot_read)?;
    if bytes.len() > MOST_BYTES {
        anyhow::bail!("{} has more than {} MiB: split it", path.display(), MOST_BYTES / 1024 / 1024);
    }
    let not_utf8 = || format!("{} is not UTF-8: a spreadsheet can save it as CSV UTF-8", path.display());
    String::from_utf8(bytes).with_context(not_utf8)
}

/// The ids must be out, and on the disk, before a product has one.
fn write(rows: &[Row], format: Format, arguments: &Arguments) -> anyhow::Result<()> {
    let Some(path) = &arguments.output else {
        let mut out = io::stdout().lock();
        import::write(rows, format, &mut out).and_then(|()| out.flush()).context("cannot write the table")?;
        // Only a file can be synced; a pipe is for its reader to keep.
        let _ = out.as_fd().try_clone_to_owned().map(File::from).and_then(|file| file.sync_all());
        return Ok(());
    };
    // The ids of a run that was cut off are in such a file, and nowhere else.
    if fs::metadata(path).is_ok_and(|there| there.is_file()) && !is_same(path, &arguments.table) {
        anyhow::bail!(
            "{} is there already: if a run that was cut off wrote it, import it to finish that; else name another file",
            path.display()
        );
    }
    let failed = || format!("cannot write {}", path.display());
    let mut file = Output::create(path).with_context(failed)?;
    import::write(rows, format, &mut file).with_context(failed)?;
    file.keep().with_context(failed)
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn tell(faults: &[Fault]) {
    for fault in faults.iter().take(TOLD) {
        eprintln!("flashdeal: {fault}");
    }
    if let Some(more @ 1..) = faults.len().checked_sub(TOLD) {
        eprintln!("flashdeal: and {more} more");
    }
    eprintln!("flashdeal: no product was made");
}

fn products(count: usize) -> String {
    if count == 1 { "1 product".to_owned() } else { format!("{count} products") }
}
