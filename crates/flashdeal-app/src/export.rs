//! Orders as a table, for whoever packs and books them.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

use clap::ValueEnum;
use flashdeal_domain::{Order, ProductId, StoreError};

use crate::json::OrderBody;
use crate::startup::OrderBook;

/// How orders are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// RFC 4180, with a header line; lines end in CR LF.
    Csv,
    /// One JSON object a line, as the API has it.
    Jsonl,
}

/// Why not all orders were written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The record did not answer.
    #[error("cannot read the orders: {0}")]
    Read(#[from] StoreError),
    /// What was to be written did not go out.
    #[error("cannot write the orders: {0}")]
    Write(#[from] io::Error),
}

/// How many orders are in memory at once.
const PAGE: usize = 1000;

/// What is gathered before it is written out, in bytes.
const BUFFER: usize = 64 * 1024;

const HEADER: [&str; 8] =
    ["orderId", "createdAt", "productId", "userId", "quantity", "unitPrice", "total", "reservationId"];

/// Writes the orders of a product, or all of them, oldest first; answers how many there were.
///
/// Each order that was there at the beginning is written once; one that is made meanwhile is written once or not at all. Memory is
/// bounded, however many there are.
///
/// # Errors
/// [`ExportError`]: what was written by then is a part.
pub async fn orders(
    book: &mut OrderBook,
    product: Option<ProductId>,
    format: Format,
    out: impl Write,
) -> Result<u64, ExportError> {
    let mut table = Table::begin(format, out)?;
    let (mut written, mut after) = (0, None);
    loop {
        let orders = book.orders_after(product, after, PAGE).await?;
        for order in &orders {
            table.add(order)?;
            written += 1;
        }
        if orders.len() < PAGE {
            table.end()?;
            return Ok(written);
        }
        after = orders.last().map(|order| order.id);
    }
}

enum Table<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Jsonl(BufWriter<W>),
}

impl<W: Write> Table<W> {
    fn begin(format: Format, out: W) -> io::Result<Self> {
        Ok(match format {
            Format::Jsonl => Self::Jsonl(BufWriter::with_capacity(BUFFER, out)),
            Format::Csv => {
                let mut settings = csv::WriterBuilder::new();
                let settings = settings.terminator(csv::Terminator::CRLF).buffer_capacity(BUFFER);
                let mut table = settings.from_writer(out);
                table.write_record(HEADER)?;
                Self::Csv(Box::new(table))
            }
        })
    }

    fn add(&mut self, order: &Order) -> io::Result<()> {
        match self {
            Self::Csv(table) => {
                let [id, created, product, quantity, price, total, reservation] = [
                    order.id.to_string(),
                    order.created_at.to_string(),
                    order.product.to_string(),
                    order.quantity.get().to_string(),
                    order.unit_price.to_string(),
                    order.total().to_string(),
                    order.reservation.to_string(),
                ];
                let user = no_formula(order.user.as_str());
                table.write_record([&id, &created, &product, &*user, &quantity, &price, &total, &reservation])?;
            }
            Self::Jsonl(lines) => {
                serde_json::to_writer(&mut *lines, &OrderBody::from(order))?;
                lines.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// Whether all of it went out is known only now.
    fn end(self) -> io::Result<()> {
        match self {
            Self::Csv(mut table) => table.flush(),
            Self::Jsonl(mut lines) => lines.flush(),
        }
    }
}

/// A buyer chooses their user id, and a spreadsheet takes what begins like this for a formula and computes it. In front of such a
/// text goes an apostrophe; also of one that has it already, so that one apostrophe less is what it was.
fn no_formula(text: &str) -> Cow<'_, str> {
    if text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\'']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_compute_is_text_and_can_be_told_from_what_it_was() {
        for (user, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30 1234", "'+49 30 1234"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" =cmd|' /C calc'!A0", "' =cmd|' /C calc'!A0"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("ada", "ada"),
            ("ada=1", "ada=1"),
            ("a'b", "a'b"),
            ("", ""),
        ] {
            assert_eq!(no_formula(user), cell);
            assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), user);
        }
    }
}
