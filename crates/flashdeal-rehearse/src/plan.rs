//! What is to be rehearsed, and the words people use for it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use flashdeal_domain::{Price, Quantity, Units};
use reqwest::Url;

/// How the buyers come. All of them come within the time given, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// As at noon sharp: most at the opening, fewer and fewer afterwards; half of them in the first 7 % of the time.
    Burst,
    /// More and more, from none at the beginning.
    Ramp,
    /// Independently of each other, evenly over the time.
    Poisson,
}

impl FromStr for Arrivals {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "burst" => Ok(Self::Burst),
            "ramp" => Ok(Self::Ramp),
            "poisson" => Ok(Self::Poisson),
            _ => Err("must be burst, ramp or poisson".to_owned()),
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Burst => "burst",
            Self::Ramp => "ramp",
            Self::Poisson => "poisson",
        })
    }
}

/// How many units a buyer wants: `1`, or evenly one of `1..3`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantities {
    pub(crate) low: u32,
    pub(crate) high: u32,
}

impl FromStr for Quantities {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bound = |text: &str| {
            let number = text.trim().parse::<u32>().ok().and_then(|number| Quantity::new(number).ok());
            number.map(Quantity::get).ok_or_else(|| "must be like 1 or 1..3, from 1 to 1000000".to_owned())
        };
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        let (low, high) = (bound(low)?, bound(high.trim_start_matches('='))?);
        if low > high { Err("must begin with the smaller number".to_owned()) } else { Ok(Self { low, high }) }
    }
}

impl fmt::Display for Quantities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high { write!(f, "{}", self.low) } else { write!(f, "{} to {}", self.low, self.high) }
    }
}

/// Reads `500ms`, `30s`, `5m` or `1h`.
///
/// # Errors
/// A sentence that says what it must be.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    match number.parse::<u64>() {
        Ok(number) if millis > 0 => Ok(Duration::from_millis(number.saturating_mul(millis))),
        _ => Err("must be like 500ms, 30s, 5m or 1h".to_owned()),
    }
}

/// Reads a share: a number from 0 to 1.
///
/// # Errors
/// A sentence that says what it must be.
pub fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

/// The most buyers of one rehearsal.
pub const MAX_BUYERS: u32 = 1_000_000;

/// A rehearsal to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server's base URL, without `/api`.
    pub base_url: String,
    /// A bearer token, for a proxy that wants one.
    pub token: Option<String>,
    /// Whether the operator said that a server that is not on this machine is theirs.
    pub is_my_server: bool,
    /// How many buyers come: 1 to [`MAX_BUYERS`].
    pub buyers: u32,
    /// How many units the deal has.
    pub stock: Units,
    /// What a unit costs.
    pub price: Price,
    /// How many units a buyer wants.
    pub quantity: Quantities,
    /// How they come.
    pub arrivals: Arrivals,
    /// Within what time they come; at most a day.
    pub over: Duration,
    /// The share of holders who check out.
    pub checkout_rate: f64,
    /// The share of holders who give their units back. Whoever does neither walks away, and the hold lapses.
    pub cancel_rate: f64,
    /// How long a buyer thinks between holding and deciding: half of this to all of it.
    pub think: Duration,
    /// How many calls are under way at the same time at most; who only thinks or waits does not count.
    pub concurrency: u32,
    /// The same seed makes the same buyers with the same wishes.
    pub seed: u64,
}

impl Plan {
    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// A sentence that says what to change.
    pub fn check(&self) -> Result<(), String> {
        if self.buyers == 0 || self.buyers > MAX_BUYERS {
            return Err(format!("--buyers must be from 1 to {MAX_BUYERS}"));
        }
        if self.concurrency == 0 || self.concurrency > 10_000 {
            return Err("--concurrency must be from 1 to 10000".to_owned());
        }
        if self.over > Duration::from_hours(24) {
            return Err("--over must be a day at most".to_owned());
        }
        if self.checkout_rate + self.cancel_rate > 1.0 + f64::EPSILON {
            return Err("--checkout-rate and --cancel-rate must be 1 together at most".to_owned());
        }
        let url = Url::parse(&self.base_url)
            .map_err(|error| format!("{:?} is no base URL such as http://127.0.0.1:8080: {error}", self.base_url))?;
        if !self.is_my_server && !is_loopback(&url) {
            let host = url.host_str().unwrap_or("this server");
            return Err(format!(
                "{host} is not this machine. A rehearsal is a load test and leaves a product and orders behind: if the server \
                 is yours and nobody is buying there, say --yes-this-is-my-server"
            ));
        }
        Ok(())
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
pub(crate) fn example() -> Plan {
    Plan {
        base_url: "http://127.0.0.1:8080".to_owned(),
        token: None,
        is_my_server: false,
        buyers: 5000,
        stock: Units::new(500).unwrap(),
        price: Price::parse("499.90").unwrap(),
        quantity: "1..3".parse().unwrap(),
        arrivals: Arrivals::Burst,
        over: Duration::from_secs(30),
        checkout_rate: 0.6,
        cancel_rate: 0.1,
        think: Duration::from_millis(500),
        concurrency: 256,
        seed: 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_people_write_them() {
        let quantities = |text: &str| text.parse::<Quantities>();
        assert_eq!(quantities("1..3").unwrap(), Quantities { low: 1, high: 3 });
        assert_eq!(quantities("2").unwrap(), Quantities { low: 2, high: 2 });
        assert_eq!(quantities("1..=3").unwrap(), quantities("1..3").unwrap());
        assert!(["", "0", "3..1", "a", "1..", "1..2000000"].into_iter().all(|bad| quantities(bad).is_err()));
        assert_eq!(parse_duration("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(parse_duration("5m").unwrap(), Duration::from_mins(5));
        assert!(["", "30", "s", "-1s", "1.5s", "1 s"].into_iter().all(|bad| parse_duration(bad).is_err()));
        assert!(parse_share("0.6").is_ok() && parse_share("1.1").is_err() && parse_share("NaN").is_err());
        assert!("noon".parse::<Arrivals>().is_err());
    }

    #[test]
    fn a_server_elsewhere_needs_a_word() {
        let plan = |url: &str, is_my_server| Plan { base_url: url.to_owned(), is_my_server, ..example() };
        for here in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9"] {
            assert_eq!(plan(here, false).check(), Ok(()), "{here}");
        }
        for elsewhere in ["http://10.0.0.1", "https://shop.example", "http://localhost.example", "http://0.0.0.0"] {
            assert!(plan(elsewhere, false).check().unwrap_err().contains("--yes-this-is-my-server"), "{elsewhere}");
            assert_eq!(plan(elsewhere, true).check(), Ok(()));
        }
        assert!(plan("shop", true).check().is_err());
    }

    #[test]
    fn bounds_are_kept() {
        assert!(Plan { buyers: 0, ..example() }.check().is_err());
        assert!(Plan { concurrency: 0, ..example() }.check().is_err());
        assert!(Plan { cancel_rate: 0.5, ..example() }.check().is_err());
        assert!(Plan { cancel_rate: 0.4, ..example() }.check().is_ok());
    }
}
