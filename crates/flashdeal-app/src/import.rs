//! Products out of a table, for whoever prepares a night of deals.

mod cells;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::io::{self, Write};
use std::time::Duration;

use actix_web::web::Bytes;
use flashdeal_domain::ports::IdSource;
use flashdeal_domain::{FlashSale, NewProduct, Product, ProductId, Quantity, SaleError, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::{Uuid, Variant};

use crate::environment::RandomIds;
use crate::export::Format;
use crate::extract::{Field, JsonBody};
use crate::routes::parse_new;

/// The largest table, in bytes, and the most products in one.
pub const MOST_BYTES: usize = 64 * 1024 * 1024;
const MOST_PRODUCTS: usize = 100_000;

/// The columns of a table, in the order in which they are written; in one that is read they stand in any.
const COLUMNS: [&str; 8] =
    ["id", "name", "description", "price", "totalStock", "startsAt", "endsAt", "maxPerReservation"];
/// What the API answers besides, so that its answers are tables: not looked at.
const ANSWERED: [&str; 3] = ["createdAt", "reservedStock", "availableStock"];

/// How far in the future an id may have been made, in milliseconds: until then it stands before all others in every list.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// How many products are made side by side: they share transactions.
const SIDE_BY_SIDE: usize = 64;

/// A product to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line where it begins; the first is 1.
    pub line: u64,
    /// What it is to be called by: the table's, or a new one.
    pub id: ProductId,
    /// What it is.
    pub new: NewProduct,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line; 0 if it is the whole table.
    pub line: u64,
    /// What to mend.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

/// Reads a table; products without an id get one. Each is judged as the API judges a `POST /api/products`, but a field that is not
/// known is told: somebody meant something by it. `now` bounds the ids.
///
/// # Errors
/// Every line that has to be mended.
pub fn read(table: &str, format: Format, now: Timestamp) -> Result<Vec<Row>, Vec<Fault>> {
    // Some programs mark a text as UTF-8.
    let table = table.strip_prefix('\u{feff}').unwrap_or(table);
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let mut lines_of_ids = HashMap::new();
    for (line, body) in bodies(table, format).map_err(|fault| vec![fault])? {
        match body.and_then(|body| row(line, &body, now)) {
            Err(what) => faults.push(Fault { line, what }),
            Ok(row) => {
                if let Some(earlier) = lines_of_ids.insert(row.id, line) {
                    faults.push(Fault { line, what: format!("id is that of line {earlier}") });
                }
                rows.push(row);
            }
        }
        if rows.len() + faults.len() > MOST_PRODUCTS {
            let what = format!("a table has at most {MOST_PRODUCTS} products: split it");
            return Err(vec![Fault { line: 0, what }]);
        }
    }
    if rows.is_empty() && faults.is_empty() {
        faults.push(Fault { line: 0, what: "there is no product in the table".to_owned() });
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

/// Writes the table with every id, so that it can be imported again and nothing is made twice.
///
/// # Errors
/// What was written by then is a part.
pub fn write(rows: &[Row], format: Format, out: impl Write) -> io::Result<()> {
    match format {
        Format::Csv => {
            let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
            table.write_record(COLUMNS)?;
            for Row { id, new, .. } in rows {
                let instant = |instant: Option<Timestamp>| instant.map(|at| at.to_string()).unwrap_or_default();
                let limit = new.terms.max_per_reservation().map(|limit| limit.get().to_string());
                table.write_record([
                    &*id.to_string(),
                    new.name.as_str(),
                    new.description.as_str(),
                    &new.price.to_string(),
                    &new.total_stock.get().to_string(),
                    &instant(new.terms.starts_at()),
                    &instant(new.terms.ends_at()),
                    &limit.unwrap_or_default(),
                ])?;
            }
            table.flush()
        }
        Format::Jsonl => {
            let mut out = io::BufWriter::new(out);
            for row in rows {
                serde_json::to_writer(&mut out, &Line::from(row))?;
                out.write_all(b"\n")?;
            }
            out.flush()
        }
    }
}

/// A line of JSON; the price is a text, so that no reader makes a float of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: String,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    price: String,
    total_stock: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_reservation: Option<u32>,
}

impl<'a> From<&'a Row> for Line<'a> {
    fn from(Row { id, new, .. }: &'a Row) -> Self {
        Self {
            id: id.to_string(),
            name: new.name.as_str(),
            description: new.description.as_str(),
            price: new.price.to_string(),
            total_stock: new.total_stock.get(),
            starts_at: new.terms.starts_at().map(|at| at.to_string()),
            ends_at: new.terms.ends_at().map(|at| at.to_string()),
            max_per_reservation: new.terms.max_per_reservation().map(Quantity::get),
        }
    }
}

/// What was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// How many products were made.
    pub new: usize,
    /// How many were there before and stay as they are.
    pub there: usize,
    /// How many of those have another name, description, price or other terms than in the table.
    pub differ: usize,
}

impl Made {
    fn and(self, other: Self) -> Self {
        Self { new: self.new + other.new, there: self.there + other.there, differ: self.differ + other.differ }
    }
}

/// Why not all products were made.
#[derive(Debug, thiserror::Error)]
#[error("it is not known whether the product {id} was made: {cause}")]
pub struct Stopped {
    id: ProductId,
    cause: SaleError,
}

/// Makes the products, and waits until their gates are open; of those that are there nothing is changed.
///
/// # Errors
/// [`Stopped`], at the first that may not have been made; some of those around it were. To repeat the call makes the rest.
pub async fn make(sale: &FlashSale, rows: Vec<Row>) -> Result<Made, Stopped> {
    let made = stream::iter(rows).map(|Row { id, new, .. }| async move {
        let created = sale.create_product_as(id, new.clone()).await.map_err(|cause| Stopped { id, cause })?;
        let differs = created.earlier && !is_as(&created.product, &new);
        let there = usize::from(created.earlier);
        Ok(Made { new: 1 - there, there, differ: usize::from(differs) })
    });
    let made = made.buffered(SIDE_BY_SIDE).try_fold(Made::default(), |all, one| ready(Ok(all.and(one)))).await;
    // A gate that does not open now is opened for its first caller.
    let _ = tokio::time::timeout(OPENINGS, sale.openings_over()).await;
    made
}

/// How long the gates may take to open.
const OPENINGS: Duration = Duration::from_secs(10);

/// Whether a product is what the table says, its stock aside: sales lower that. Somebody may wait for one, which is no term of the table.
fn is_as(product: &Product, new: &NewProduct) -> bool {
    (&product.name, &product.description, product.price) == (&new.name, &new.description, new.price)
        && product.terms.with_queue(false) == new.terms.with_queue(false)
}

type Bodies = Vec<(u64, Result<JsonBody, String>)>;

/// The products of a table, each as the body that would make it.
fn bodies(table: &str, format: Format) -> Result<Bodies, Fault> {
    match format {
        Format::Csv => cells::bodies(table),
        Format::Jsonl => {
            let lines = (1..).zip(table.lines()).filter(|(_, line)| !line.trim().is_empty());
            let body = |(nth, line): (u64, &str)| (nth, Ok(Bytes::copy_from_slice(line.as_bytes()).into()));
            Ok(lines.take(MOST_PRODUCTS + 1).map(body).collect())
        }
    }
}

fn is_known(column: &str) -> bool {
    COLUMNS.contains(&column) || ANSWERED.contains(&column)
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(default, borrow)]
    id: Field<Cow<'a, str>>,
}

fn row(line: u64, body: &JsonBody, now: Timestamp) -> Result<Row, String> {
    let fields = body.object::<Map<String, Value>>().map_err(|problem| problem.in_words())?;
    let mut unknown: Vec<&str> = fields.keys().map(String::as_str).filter(|field| !is_known(field)).collect();
    unknown.sort_unstable();
    if !unknown.is_empty() {
        return Err(format!("there is no field {}; there are {}", unknown.join(", "), COLUMNS.join(", ")));
    }
    let new = parse_new(body).map_err(|problem| problem.in_words());
    let id = body.object::<Named<'_>>().map_err(|problem| problem.in_words()).and_then(|named| id_of(&named, now));
    match (new, id) {
        (Ok(new), Ok(id)) => Ok(Row { line, id, new }),
        (Err(broken), Ok(_)) | (Ok(_), Err(broken)) => Err(broken),
        (Err(broken), Err(id)) if broken == id => Err(broken),
        (Err(broken), Err(id)) => Err(format!("{id}; {broken}")),
    }
}

/// Lists are in the order of the ids, so those that somebody else made must be in the order of time, too.
fn id_of(named: &Named<'_>, now: Timestamp) -> Result<ProductId, String> {
    const BAD: &str = "id must be a UUID of version 7, made before tomorrow; without one the product gets one";
    let Some(text) = named.id.optional(BAD).map_err(|_| BAD.to_owned())? else {
        return Ok(ProductId::from_uuid(RandomIds.next_id()));
    };
    match ProductId::parse(text) {
        Ok(id) if is_of_version_7(id.as_uuid()) && made_at(id.as_uuid()) <= now.as_millis().saturating_add(DAY) => {
            Ok(id)
        }
        _ => Err(BAD.to_owned()),
    }
}

fn is_of_version_7(id: &Uuid) -> bool {
    id.get_version_num() == 7 && id.get_variant() == Variant::RFC4122
}

/// Of version 7 the first six bytes are milliseconds.
fn made_at(id: &Uuid) -> i64 {
    i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of 2027.
    const NOW: Timestamp = Timestamp::from_millis(1_830_000_000_000);

    fn faults(table: &str, format: Format) -> Vec<String> {
        read(table, format, NOW).unwrap_err().iter().map(ToString::to_string).collect()
    }

    const TABLE: &str = "\u{feff}totalStock,name,price,startsAt,maxPerReservation,description\r\n\
        200,Phone,499.90,2026-12-01T12:00:00Z,2,\"two lines,\r\nsaid \"\"he\"\"\"\r\n\
        \r\n\
        0,=1+1,0,,,\r\n";

    #[test]
    fn what_was_written_reads_as_what_was_read() {
        let rows = read(TABLE, Format::Csv, NOW).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(rows[0].new.description.as_str(), "two lines,\r\nsaid \"he\"");
        assert_eq!(rows[0].new.price.to_string(), "499.90");
        assert_eq!(rows[1].new.name.as_str(), "=1+1");
        assert_ne!(rows[0].id, rows[1].id);
        let products = |rows: &[Row]| rows.iter().map(|row| (row.id, row.new.clone())).collect::<Vec<_>>();
        for format in [Format::Csv, Format::Jsonl] {
            let mut written = Vec::new();
            write(&rows, format, &mut written).unwrap();
            let again = read(std::str::from_utf8(&written).unwrap(), format, NOW).unwrap();
            assert_eq!(products(&again), products(&rows), "{format:?}");
        }
    }

    #[test]
    fn every_line_that_is_wrong_is_told() {
        let table = "id,name,price,totalStock\n\
            ,Phone,1.999,-1\n\
            ,Phone,1,1\n\
            ,,1,many\n\
            01890a5d-ac96-4774-abce-b302099a8057,Phone,1,1\n\
            ,Phone,1\n\
            01890a5d-ac96-774b-bcce-b302099a8057,Phone,1,1\n\
            01890a5d-ac96-774b-bcce-b302099a8057,Phone,1,\n\
            01890a5d-ac96-774b-bcce-b302099a8057,Phone,1,1\n";
        let told = faults(table, Format::Csv);
        let begins = [
            "line 2: price must be",
            "line 4: name is required; totalStock must be an integer",
            "line 5: id must be a UUID of version 7",
            "line 6: it has not one cell for each of the 4 columns",
            "line 8: totalStock is required",
            "line 9: id is that of line 7",
        ];
        assert_eq!(told.len(), begins.len(), "{told:?}");
        for (told, begins) in told.iter().zip(begins) {
            assert!(told.starts_with(begins), "{told}");
        }
        assert!(told[0].contains("totalStock must be"), "{}", told[0]);
    }

    #[test]
    fn an_answer_of_the_api_is_a_table_and_so_is_what_a_hand_wrote() {
        let answer = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","name":"P","description":"","price":1.50,"totalStock":3,
            "reservedStock":1,"availableStock":2,"createdAt":"2026-11-23T07:49:51.386Z"}"#;
        let rows = read(&answer.replace('\n', ""), Format::Jsonl, NOW).unwrap();
        assert_eq!((rows[0].new.total_stock.get(), rows[0].new.price.to_string()), (3, "1.50".to_owned()));
        let hand = "totalStock,createdAt,price,name,startsAt\n 5 ,x, 1.50 , A 5\" phone , 2026-12-01T12:00:00Z\n";
        let rows = read(hand, Format::Csv, NOW).unwrap();
        assert_eq!((rows[0].new.total_stock.get(), rows[0].new.price.to_string()), (5, "1.50".to_owned()));
        assert_eq!(rows[0].new.name.as_str(), "A 5\" phone");
    }

    #[test]
    fn a_table_that_is_none_is_told() {
        for (table, format, told) in [
            ("", Format::Csv, "there is no product in the table"),
            ("name,price,totalStock\n", Format::Csv, "there is no product in the table"),
            ("\n \n", Format::Jsonl, "there is no product in the table"),
            ("name,price,stock\nPhone,1,1\n", Format::Csv, "line 1: there is no column \"stock\"; written just so"),
            ("name;price;totalStock\nPhone;1;1\n", Format::Csv, "line 1: there is no column \"name;price;totalStock\""),
            ("name,name,price,totalStock\na,b,1,1\n", Format::Csv, "line 1: the column name is there twice"),
            ("name,price,totalStock,\nPhone,1,1,\n", Format::Csv, "line 1: a column has no name"),
            (
                "name,price,totalStock\nPhone,1,\"5\nTablet,1,1\n",
                Format::Csv,
                "line 2: a cell begins with a quote, and no",
            ),
            ("name,price,totalStock\n\n\"55\" TV\",1,1\n", Format::Csv, "line 3: after the quote that ends a cell"),
            (
                "{\"name\":\"P\",\"price\":1,\"totalStock\":1,\"startAt\":\"x\"}",
                Format::Jsonl,
                "line 1: there is no field startAt",
            ),
            (
                "id,name,price,totalStock\nffffffff-ffff-7fff-bfff-ffffffffffff,P,1,1\n",
                Format::Csv,
                "line 2: id must be",
            ),
            (
                "id,name,price,totalStock\n01890a5d-ac96-774b-7cce-b302099a8057,P,1,1\n",
                Format::Csv,
                "line 2: id must be",
            ),
            ("{\"name\":\"Phone\",\n", Format::Jsonl, "line 1: The body is not valid JSON"),
            ("\n[1]\n", Format::Jsonl, "line 2: The body must be a JSON object."),
        ] {
            let faults = faults(table, format);
            assert!(faults.len() == 1 && faults[0].starts_with(told), "{faults:?}");
        }
        let many = "{\"name\":\"Phone\",\"price\":1,\"totalStock\":1}\n".repeat(MOST_PRODUCTS + 1);
        assert_eq!(faults(&many, Format::Jsonl), ["a table has at most 100000 products: split it"]);
    }
}
