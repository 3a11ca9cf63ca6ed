//! A table of cells, as a spreadsheet writes it.

use actix_web::web::Bytes;
use serde_json::{Map, Value};

use super::{Bodies, COLUMNS, Fault, MOST_PRODUCTS, is_known};

/// Those that are numbers in JSON. A price is read as text, so that it is exact.
const INTEGERS: [&str; 2] = ["totalStock", "maxPerReservation"];
/// Those whose blanks are their own.
const TEXTS: [&str; 2] = ["name", "description"];

/// The products of a CSV table, each as the body that would make it.
pub(super) fn bodies(table: &str) -> Result<Bodies, Fault> {
    quotes_end(table)?;
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().map_err(|error| Fault { line: 1, what: error.to_string() })?.clone();
    for (nth, column) in header.iter().enumerate() {
        let what = if column.is_empty() {
            "a column has no name: there may be a comma too many".to_owned()
        } else if !is_known(column) {
            format!(
                "there is no column {column:?}; written just so, with commas between, there are {}",
                COLUMNS.join(", ")
            )
        } else if header.iter().take(nth).any(|earlier| earlier == column) {
            format!("the column {column} is there twice")
        } else {
            continue;
        };
        return Err(Fault { line: 1, what });
    }
    let mut lines = Lines { of: table.as_bytes(), at: 0, line: 1 };
    let records = reader.records().take(MOST_PRODUCTS + 1).map(|record| match record {
        Ok(record) => {
            let line = lines.begun_at(record.position());
            let filled = header.iter().zip(&record).filter(|(_, cell)| !cell.is_empty());
            let object: Map<String, Value> =
                filled.map(|(column, cell)| (column.to_owned(), value(column, cell))).collect();
            (line, Ok(Bytes::from(Value::Object(object).to_string()).into()))
        }
        Err(error) => {
            let line = lines.begun_at(error.position());
            (line, Err(format!("it has not one cell for each of the {} columns", header.len())))
        }
    });
    Ok(records.collect())
}

/// The reader takes a quote that does not end for a cell with all the rest of the table in it.
fn quotes_end(table: &str) -> Result<(), Fault> {
    let (mut line, mut opened, mut cell_begins) = (1, None, true);
    let mut bytes = table.bytes().peekable();
    while let Some(byte) = bytes.next() {
        line += u64::from(byte == b'\n');
        match (byte, opened) {
            (b'"', None) if cell_begins => opened = Some(line),
            (b'"', Some(_)) if bytes.next_if_eq(&b'"').is_some() => {}
            (b'"', Some(begun)) => match bytes.peek() {
                None | Some(b',' | b'\r' | b'\n') => opened = None,
                Some(_) => {
                    let what = "after the quote that ends a cell comes a comma or a new line; a quote within a cell is written twice";
                    return Err(Fault { line: begun, what: what.to_owned() });
                }
            },
            _ => {}
        }
        cell_begins = opened.is_none() && matches!(byte, b',' | b'\r' | b'\n');
    }
    match opened {
        None => Ok(()),
        Some(line) => Err(Fault { line, what: "a cell begins with a quote, and no quote ends it".to_owned() }),
    }
}

/// The reader begins a record with what is left of the line before it, and with empty lines: whoever looks for it counts those, too.
struct Lines<'a> {
    of: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn begun_at(&mut self, position: Option<&csv::Position>) -> u64 {
        let begun = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.at);
        while let Some(byte) = self.of.get(self.at)
            && (self.at < begun || matches!(byte, b'\r' | b'\n'))
        {
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}

/// What is no integer stays the text that it is, and is refused as such.
fn value(column: &str, cell: &str) -> Value {
    let cell = if TEXTS.contains(&column) { cell } else { cell.trim() };
    match cell.parse::<i64>() {
        Ok(number) if INTEGERS.contains(&column) => number.into(),
        _ => cell.into(),
    }
}
