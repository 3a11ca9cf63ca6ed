//! Rehearse a sale before the day: virtual buyers against a server, and a report that checks its books.
//!
//! `flashdeal rehearse` is this crate on a command line. It puts a product up, lets a crowd come to it as a [`Plan`] says, and
//! every buyer behaves like a good client of the public API: looks, holds, thinks, and then checks out, gives the units back,
//! or walks away; repeats what got lost with the same key; waits as `Retry-After` asks.
//!
//! At the end the books are checked against what the server told the buyers: what is left is what was put up less the units
//! of all acknowledged orders; what is held are the holds neither bought nor given back; every acknowledged order is listed,
//! as it was acknowledged, and no other. [`Books::line`](crate::Books::line) says so in one line.
//!
//! ```no_run
//! use std::time::Duration;
//! use flashdeal_domain::{Price, Units};
//! use flashdeal_rehearse::{Arrivals, Plan, Progress, run};
//!
//! # async fn rehearse() -> Result<(), Box<dyn std::error::Error>> {
//! let plan = Plan {
//!     base_url: "http://127.0.0.1:8080".to_owned(),
//!     token: None,
//!     is_my_server: false,
//!     buyers: 5000,
//!     stock: Units::new(500)?,
//!     price: Price::parse("499.90")?,
//!     quantity: "1..3".parse()?,
//!     arrivals: Arrivals::Burst,
//!     over: Duration::from_secs(30),
//!     checkout_rate: 0.6,
//!     cancel_rate: 0.1,
//!     think: Duration::from_millis(500),
//!     concurrency: 256,
//!     seed: 1,
//! };
//! let report = run(plan, Progress::silent(), std::future::pending()).await?;
//! std::fs::write("report.html", report.html())?;
//! assert!(report.books.balance(), "{report}");
//! # Ok(()) }
//! ```

mod books;
mod buyer;
mod crowd;
mod numbers;
mod plan;
mod progress;
mod report;
mod run;
mod tally;

pub use books::Books;
pub use plan::{Arrivals, MAX_BUYERS, Plan, Quantities, parse_duration, parse_share};
pub use progress::Progress;
pub use report::{Operation, Report};
pub use run::{CannotRun, run};
pub use tally::People;
