//! Requests in: bodies, paths, queries and headers become domain types, every broken field at once.

mod body;
mod field;
mod huge;

use flashdeal_domain::{IdempotencyKey, Invalid};

pub(crate) use body::JsonBody;
#[cfg(any(test, fuzzing))]
pub(crate) use body::is_json;
pub(crate) use field::{Change, Decimal, Field};

use crate::error::{Code, FieldError, Problem};

/// Gathers the broken fields of one request.
#[derive(Default)]
pub(crate) struct Broken(Vec<FieldError>);

impl Broken {
    /// The value, or a note that this field is broken.
    pub(crate) fn take<T>(&mut self, field: &str, value: Result<T, Invalid>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(invalid) => {
                self.note(field, invalid.message());
                None
            }
        }
    }

    pub(crate) fn note(&mut self, field: &str, message: impl Into<String>) {
        // A field is told once: a query that cannot be read is not missing as well.
        if !self.0.iter().any(|error| error.field == field) {
            self.0.push(FieldError { field: field.to_owned(), message: message.into() });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what garde found, under the names that the body has.
    pub(crate) fn report(&mut self, report: &garde::Report) {
        for (path, error) in report.iter() {
            self.note(&camel_case(&path.to_string()), error.message());
        }
    }

    /// The answer that names them all.
    pub(crate) fn into_problem(self) -> Problem {
        Problem::invalid(self.0)
    }

    /// The idempotency key, if the request has one.
    pub(crate) fn idempotency_key(&mut self, request: &actix_web::HttpRequest) -> Option<IdempotencyKey> {
        let mut values = request.headers().get_all("idempotency-key");
        let value = values.next()?;
        // Two keys are no key: which of them a proxy would keep is anyone's guess.
        let text = if values.next().is_some() { "" } else { value.to_str().unwrap_or("") };
        self.take("Idempotency-Key", IdempotencyKey::parse(text))
    }
}

/// The query string, as far as a route knows its fields; others are ignored. A field that stands twice is refused.
pub(crate) fn query(text: &str, known: &[&'static str], broken: &mut Broken) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for (name, value) in form(text) {
        let Some(name) = known.iter().find(|known| **known == name) else { continue };
        if found.iter().any(|(seen, _)| seen == name) {
            broken.note(name, "must stand once");
        } else {
            match value {
                Ok(value) => found.push((name, value)),
                Err(()) => broken.note(name, "must be percent-encoded UTF-8"),
            }
        }
    }
    found
}

fn form(text: &str) -> impl Iterator<Item = (String, Result<String, ()>)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name).unwrap_or_default(), decode(value))
    })
}

fn decode(text: &str) -> Result<String, ()> {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().map(Into::into).map_err(|_| ())
}

/// `user_id` as it stands in JSON: `userId`.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for part in name.split('_') {
        let mut chars = part.chars();
        match chars.next() {
            Some(first) if !camel.is_empty() => camel.extend(first.to_uppercase().chain(chars)),
            first => camel.extend(first.into_iter().chain(chars)),
        }
    }
    camel
}

/// A garde rule that is a parser of the domain.
pub(crate) fn rule<F: ?Sized, T>(parse: impl Fn(&F) -> Result<T, Invalid>) -> impl Fn(&F, &()) -> garde::Result {
    move |field, ()| parse(field).map(drop).map_err(|invalid| garde::Error::new(invalid.message()))
}

/// A body that is not what the route takes.
pub(crate) fn malformed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}
