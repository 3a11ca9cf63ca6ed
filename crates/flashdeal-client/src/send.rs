//! One call: its attempts, the waits between them, and its end.

use std::time::Duration;

use flashdeal_domain::IdempotencyKey;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response, Url};
use tokio::time::Instant;
use uuid::Uuid;

use crate::builder::{Attempt, Observe};
use crate::error::{Code, Error, Problem};

/// The longest answer that is read, in bytes: a page of a hundred products with the longest descriptions, and some.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The first wait without a `Retry-After`, and the longest.
pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

pub(crate) struct Sender {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) attempts: u32,
    pub(crate) attempt_time: Duration,
    pub(crate) total_time: Duration,
    pub(crate) observe: Option<Observe>,
}

/// What is sent, the same in every attempt.
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) key: Option<IdempotencyKey>,
    /// Whether doing it twice is doing it once.
    pub(crate) repeatable: bool,
}

/// What was answered with a status of success.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) replayed: bool,
    pub(crate) body: Vec<u8>,
}

impl Sender {
    /// # Errors
    /// What became of the last attempt.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let begun = Instant::now();
        let mut number = 1;
        loop {
            let left = self.total_time.saturating_sub(begun.elapsed());
            let failed = match self.attempt(call, number, left).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let left = self.total_time.saturating_sub(begun.elapsed());
            if number >= self.attempts || !is_worth_repeating(&failed, call) {
                return Err(failed);
            }
            let wait = wait(&failed, number, chance());
            if wait >= left {
                return Err(failed);
            }
            tokio::time::sleep(wait).await;
            number += 1;
        }
    }

    async fn attempt(&self, call: &Call, number: u32, left: Duration) -> Result<Answer, Error> {
        let begun = Instant::now();
        let answered = self.exchange(call, left.min(self.attempt_time)).await;
        let status = answered.as_ref().ok().map(|(answer, _)| answer.status);
        if let Some(observe) = &self.observe {
            observe(&Attempt { operation: call.operation, number, status, took: begun.elapsed() });
        }
        let (answer, retry_after) = answered.map_err(|source| Error::Unreachable { attempts: number, source })?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        Err(Error::Refused(Box::new(Problem::read(answer.status, retry_after, &answer.body))))
    }

    async fn exchange(&self, call: &Call, within: Duration) -> reqwest::Result<(Answer, Option<Duration>)> {
        let mut request = self.http.request(call.method.clone(), call.url.clone()).timeout(within);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key.as_str());
        }
        let mut response = request.send().await?;
        let retry_after = retry_after(&response);
        let replayed = response.headers().get("idempotent-replayed").is_some_and(|told| told == "true");
        let status = response.status().as_u16();
        let body = read_body(&mut response).await?;
        Ok((Answer { status, replayed, body }, retry_after))
    }
}

pub(crate) async fn read_body(response: &mut Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            // Cut off, it will not parse: that is the error the caller gets.
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// In seconds; a date is taken as if there were none.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

pub(crate) fn is_worth_repeating(failed: &Error, call: &Call) -> bool {
    match failed {
        Error::Unreachable { source, .. } => source.is_connect() || (call.repeatable && !source.is_builder()),
        Error::Refused(problem) => match problem.status {
            // Turned away before anything was done.
            429 => true,
            502..=504 => call.repeatable,
            _ => problem.code == Code::CheckoutInProgress && call.operation == "checkout",
        },
        // Of live stock alone, which changes nothing.
        Error::Silent { .. } => true,
        Error::Unreadable { .. } => false,
    }
}

/// How long to wait after this attempt; `chance` is from 0 to 1.
pub(crate) fn wait(failed: &Error, number: u32, chance: f64) -> Duration {
    let asked = match failed {
        Error::Refused(problem) => problem.retry_after,
        _ => None,
    };
    if let Some(asked) = asked {
        // Never earlier, and a little later by chance: whoever was turned away together must not come back together.
        return asked.saturating_add((asked / 4).mul_f64(chance));
    }
    let doubled = FIRST_WAIT.saturating_mul(1 << number.saturating_sub(1).min(10)).min(LONGEST_WAIT);
    doubled.mul_f64(1.0 - chance / 2.0)
}

/// A key that nobody used before.
pub(crate) fn new_key() -> Option<IdempotencyKey> {
    IdempotencyKey::parse(&random().to_string()).ok()
}

pub(crate) fn chance() -> f64 {
    let [.., high, low] = random().into_bytes();
    f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the one place where the client draws by chance")]
fn random() -> Uuid {
    Uuid::now_v7()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, retry_after: Option<u64>, body: &str) -> Error {
        Error::Refused(Box::new(Problem::read(status, retry_after.map(Duration::from_secs), body.as_bytes())))
    }

    fn call(operation: &'static str, repeatable: bool) -> Call {
        let url = Url::parse("http://shop/").unwrap();
        Call { operation, method: Method::POST, url, body: None, key: None, repeatable }
    }

    #[test]
    fn waits_grow_are_bounded_and_never_undercut_what_was_asked() {
        let plain = refused(503, None, "");
        assert_eq!(wait(&plain, 1, 0.0), FIRST_WAIT);
        assert_eq!(wait(&plain, 3, 0.0), FIRST_WAIT * 4);
        assert_eq!(wait(&plain, 100, 0.0), LONGEST_WAIT);
        assert_eq!(wait(&plain, 1, 1.0), FIRST_WAIT / 2);
        let asked = refused(503, Some(4), "");
        assert_eq!((wait(&asked, 1, 0.0), wait(&asked, 9, 1.0)), (Duration::from_secs(4), Duration::from_secs(5)));
    }

    #[test]
    fn only_what_is_safe_and_may_help_is_repeated() {
        for status in [502, 503, 504] {
            assert!(is_worth_repeating(&refused(status, None, ""), &call("reserve", true)));
            assert!(!is_worth_repeating(&refused(status, None, ""), &call("create_product", false)));
        }
        assert!(is_worth_repeating(&refused(429, None, ""), &call("create_product", false)));
        for status in [400, 404, 409, 422, 500] {
            assert!(!is_worth_repeating(&refused(status, None, ""), &call("reserve", true)));
        }
        let paying = refused(409, None, r#"{"code":"checkout_in_progress"}"#);
        assert!(is_worth_repeating(&paying, &call("checkout", true)));
        assert!(!is_worth_repeating(&paying, &call("reserve", true)));
    }

    #[test]
    fn chance_is_a_fraction_and_keys_differ() {
        assert!((0..1000).all(|_| (0.0..=1.0).contains(&chance())));
        assert_ne!(new_key().unwrap(), new_key().unwrap());
    }
}
