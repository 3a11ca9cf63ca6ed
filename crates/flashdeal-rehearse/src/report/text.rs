//! The report for the terminal.

use std::fmt;

use crate::numbers::shown;

use super::Report;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, people) = (&self.plan, self.people);
        writeln!(f, "\nRehearsal at {} · product {}", plan.base_url, self.product)?;
        writeln!(
            f,
            "{} buyers ({} over {}, seed {}), {} units at {}, {} each; it took {}\n",
            plan.buyers,
            plan.arrivals,
            shown(plan.over),
            plan.seed,
            plan.stock.get(),
            plan.price,
            plan.quantity,
            shown(self.took)
        )?;
        for (what, number) in [
            ("came", people.arrived),
            ("bought", people.bought),
            ("cancelled", people.cancelled),
            ("walked away", people.walked_away),
            ("lost their hold", people.lapsed),
            ("turned away", people.turned_away),
            ("failed", people.failed),
        ] {
            writeln!(f, "  {what:<16}{number:>9}")?;
        }
        if !self.operations.is_empty() {
            let head = ["attempts", "repeats", "no/5xx", "p50", "p90", "p99", "max"];
            write!(f, "\n  {:<10}", "")?;
            for title in head {
                write!(f, "{title:>10}")?;
            }
            writeln!(f)?;
        }
        for operation in &self.operations {
            write!(f, "  {:<10}", operation.name)?;
            write!(f, "{:>10}{:>10}{:>10}", operation.attempts, operation.repeats, operation.failures)?;
            for time in [operation.p50, operation.p90, operation.p99, operation.max] {
                write!(f, "{:>10}", shown(time))?;
            }
            writeln!(f)?;
        }
        if !self.refusals.is_empty() {
            writeln!(f, "\n  refused because")?;
            for (reason, number) in &self.refusals {
                writeln!(f, "  {reason:<24}{number:>9}")?;
            }
        }
        writeln!(f)?;
        for advice in self.advice() {
            writeln!(f, "Note: {advice}")?;
        }
        writeln!(f, "{}", self.books.line())
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;

    #[test]
    fn the_text_has_the_numbers_and_ends_with_the_books() {
        let text = example().to_string();
        for expected in ["4321", "211", "3977", "sold_out", "3000", "reserve", "100 ms", "seed 7", "499.90"] {
            assert!(text.contains(expected), "{expected} is not in:\n{text}");
        }
        assert!(text.lines().last().unwrap().starts_with("The books balance: 500 for sale - 422 sold = 78 left"));
    }
}
