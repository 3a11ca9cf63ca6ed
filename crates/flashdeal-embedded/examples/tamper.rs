//! Runs SQL on the file of a store that nobody has open, around its triggers and constraints: to see what `flashdeal verify`
//! says of a file that somebody wrote into.
//!
//! ```sh
//! cargo run -p flashdeal-embedded --example tamper FOLDER 'UPDATE products SET total_stock = total_stock + 1'
//! ```

use std::error::Error;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(sql)) = (arguments.next(), arguments.next()) else {
        return Err("usage: tamper FOLDER SQL".into());
    };
    let file = Path::new(&folder).join("flashdeal.db");
    if !file.is_file() {
        return Err(format!("there is no store in {folder}").into());
    }
    let mut store = SqliteConnection::establish(&file.to_string_lossy())?;
    let around = "PRAGMA ignore_check_constraints = ON;
        PRAGMA foreign_keys = OFF;
        DROP TRIGGER IF EXISTS stock_ledger_is_never_changed;
        DROP TRIGGER IF EXISTS stock_ledger_is_never_shortened;";
    store.batch_execute(around)?;
    store.batch_execute(&sql)?;
    Ok(())
}
