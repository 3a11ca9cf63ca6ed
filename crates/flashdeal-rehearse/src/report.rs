//! What the rehearsal showed, as numbers; as text for the terminal and as a page in the modules below.

mod charts;
mod html;
mod text;

use std::time::Duration;

use flashdeal_domain::{Product, ProductId, Timestamp};

use crate::books::Books;
use crate::plan::Plan;
use crate::tally::{Counts, OPERATIONS, People};

/// The answers to one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its name, such as `reserve`.
    pub name: &'static str,
    /// How many attempts were made.
    pub attempts: u64,
    /// How many of them were repeats.
    pub repeats: u64,
    /// How many got no answer or a 5xx.
    pub failures: u64,
    /// Half of them took no longer than this; then nine of ten, 99 of 100, and all.
    pub p50: Duration,
    /// See [`Self::p50`].
    pub p90: Duration,
    /// See [`Self::p50`].
    pub p99: Duration,
    /// See [`Self::p50`].
    pub max: Duration,
}

/// The report.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was rehearsed.
    pub plan: Plan,
    /// The product that was put up.
    pub product: ProductId,
    /// When, by the server's clock.
    pub at: Timestamp,
    /// From the opening until the last buyer was out.
    pub took: Duration,
    /// Whether the operator ended it.
    pub stopped_early: bool,
    /// How it ended for whom.
    pub people: People,
    /// When buyers came, after the opening.
    pub arrivals: Vec<Duration>,
    /// When units were sold, and how many.
    pub sales: Vec<(Duration, u32)>,
    /// The operations that were made, in the order of a visit.
    pub operations: Vec<Operation>,
    /// How often which error was what a call came to, most frequent first.
    pub refusals: Vec<(String, u64)>,
    /// Answers of 429, repeats included.
    pub rate_limited: u64,
    /// The longest that a buyer waited for the first call, because as many as may were under way.
    pub latest: Duration,
    /// The first error that does not belong to a busy sale.
    pub first_failure: Option<String>,
    /// Whether everything adds up.
    pub books: Books,
}

impl Report {
    pub(crate) fn new(
        plan: Plan,
        product: &Product,
        took: Duration,
        stopped_early: bool,
        counts: Counts,
        books: Books,
    ) -> Self {
        let mut refusals: Vec<_> = counts.refusals.into_iter().collect();
        refusals.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let operations = OPERATIONS.into_iter().filter_map(|name| {
            let latency = counts.latencies.get(name)?;
            let at = |quantile| Duration::from_micros(latency.times.value_at_quantile(quantile));
            Some(Operation {
                name,
                attempts: latency.times.len(),
                repeats: latency.repeats,
                failures: latency.failures,
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                max: Duration::from_micros(latency.times.max()),
            })
        });
        Self {
            plan,
            product: product.id,
            at: product.created_at,
            took,
            stopped_early,
            people: counts.people,
            arrivals: counts.arrivals,
            sales: counts.sales,
            operations: operations.collect(),
            refusals,
            rate_limited: counts.rate_limited,
            latest: counts.latest,
            first_failure: counts.first_failure,
            books,
        }
    }

    /// What the operator should know besides the numbers, one sentence each.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if self.stopped_early {
            advice.push(format!(
                "It was stopped after {} of {} buyers: this is the report so far.",
                self.people.arrived, self.plan.buyers
            ));
        }
        if self.rate_limited > 0 {
            advice.push(format!("{} answers were 429: {}.", self.rate_limited, crate::run::RATE_LIMIT_ADVICE));
        }
        if self.latest > Duration::from_secs(1) {
            advice.push(format!(
                "Buyers waited up to {} for their first call, because {} calls were under way: raise --concurrency, or the server cannot keep up.",
                crate::numbers::shown(self.latest),
                self.plan.concurrency
            ));
        }
        if let Some(failure) = &self.first_failure {
            advice.push(format!("The first error that is not part of a busy sale: {failure}"));
        }
        advice
    }
}

/// A report with numbers that can be told apart.
#[cfg(test)]
pub(crate) fn example() -> Report {
    use crate::tally::Tally;
    use flashdeal_client::Attempt;
    use flashdeal_domain::{Description, ProductName, Terms};

    let plan = crate::plan::example();
    let tally = Tally::default();
    for millis in 1..=100 {
        let took = Duration::from_millis(millis);
        tally.attempt(&Attempt { operation: "reserve", number: 1, status: Some(201), took });
    }
    tally.attempt(&Attempt { operation: "status", number: 2, status: Some(429), took: Duration::from_millis(3) });
    let mut counts = tally.lock().clone();
    counts.people =
        People { arrived: 4321, bought: 211, cancelled: 31, walked_away: 101, lapsed: 0, turned_away: 3977, failed: 1 };
    counts.arrivals = (0..4321).map(Duration::from_millis).collect();
    counts.sales = (0..211).map(|n| (Duration::from_millis(n * 10), 2)).collect();
    counts.refusals = [("sold_out".to_owned(), 3000), ("all_held".to_owned(), 977), ("<b>&".to_owned(), 1)].into();
    counts.first_failure = Some("500 <script>alert(\"1\")</script>".to_owned());
    let product = Product {
        id: ProductId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap(),
        name: ProductName::parse("Rehearsal").unwrap(),
        description: Description::parse("").unwrap(),
        price: plan.price,
        total_stock: plan.stock,
        terms: Terms::NONE,
        created_at: Timestamp::from_millis(1_795_348_800_000),
    };
    let books = Books { stock: 500, units_sold: 422, orders: 211, total: 78, ..Books::default() };
    Report::new(plan, &product, Duration::from_secs(31), false, counts, books)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_orders_of_refusals_are_right() {
        let report = example();
        let [status, reserve] = report.operations.as_slice() else { panic!("not two operations") };
        assert_eq!((status.name, status.repeats, reserve.name, reserve.attempts), ("status", 1, "reserve", 100));
        let near =
            |found: Duration, millis: u64| found.abs_diff(Duration::from_millis(millis)) < Duration::from_millis(1);
        assert!(near(reserve.p50, 50) && near(reserve.p90, 90) && near(reserve.p99, 99) && near(reserve.max, 100));
        assert_eq!(report.refusals[0], ("sold_out".to_owned(), 3000));
        assert_eq!(report.refusals[2].1, 1);
    }

    #[test]
    fn advice_is_given_where_there_is_something_to_do() {
        let advice = example().advice().join("\n");
        assert!(advice.contains("FLASHDEAL_RATE_LIMIT=off") && !advice.contains("stopped"), "{advice}");
        let stopped = Report { stopped_early: true, latest: Duration::from_secs(3), ..example() }.advice().join("\n");
        assert!(stopped.contains("4321 of 5000") && stopped.contains("--concurrency"), "{stopped}");
    }
}
