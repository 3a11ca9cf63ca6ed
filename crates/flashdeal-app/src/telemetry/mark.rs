//! Which request the work at hand is done for.
//!
//! A request's mark travels with its future, on the stack: nothing is allocated and no span is kept for it. Only a line of the log
//! that is written meanwhile reads it.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderValue};

tokio::task_local! {
    static MARK: Mark;
}

/// A request as the log knows it: its id and, if it came with one, its W3C trace.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    id: Short<64>,
    trace: Option<Trace>,
}

/// A trace, and the span of it that a request belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    /// 32 hexadecimal digits.
    id: Short<32>,
    /// 16 hexadecimal digits.
    parent: Short<16>,
    sampled: bool,
}

/// A text of at most `N` bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Short<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Short<N> {
    /// `None` if it is too long.
    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: text.len() })
    }

    fn as_str(&self) -> &str {
        let written = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default()
    }
}

impl Mark {
    /// The mark of a request that has this id.
    pub(crate) fn new(id: &HeaderValue, headers: &HeaderMap) -> Self {
        let id = id.to_str().ok().and_then(Short::new).unwrap_or(Short { bytes: [0; 64], length: 0 });
        let trace = headers.get("traceparent").and_then(|value| Trace::parse(value.to_str().ok()?));
        Self { id, trace }
    }

    /// The mark of the request that is being answered here, if one is.
    pub(crate) fn current() -> Option<Self> {
        MARK.try_with(|mark| *mark).ok()
    }

    /// Does asynchronous work under this mark.
    pub(crate) fn over<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        MARK.scope(self, work)
    }

    /// Does work under this mark.
    pub(crate) fn over_sync<T>(self, work: impl FnOnce() -> T) -> T {
        MARK.sync_scope(self, work)
    }

    pub(crate) fn id(&self) -> &str {
        self.id.as_str()
    }

    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }
}

impl Trace {
    /// Reads a `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`, the ids not all zeros; of later versions what they share with this.
    pub(crate) fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let names_something = |text: &str| text.bytes().any(|byte| byte != b'0');
        let sound = hex(version, 2)
            && version != "ff"
            && (version != "00" || parts.next().is_none())
            && hex(id, 32)
            && names_something(id)
            && hex(parent, 16)
            && names_something(parent)
            && hex(flags, 2);
        if !sound {
            return None;
        }
        let sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
        Some(Self { id: Short::new(id)?, parent: Short::new(parent)?, sampled })
    }

    pub(crate) fn id(&self) -> &str {
        self.id.as_str()
    }

    /// The span of the caller.
    #[cfg(feature = "otlp")]
    pub(crate) fn parent(&self) -> &str {
        self.parent.as_str()
    }

    /// Whether the caller records its trace.
    #[cfg(feature = "otlp")]
    pub(crate) fn is_sampled(&self) -> bool {
        self.sampled
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mark").field("id", &self.id()).field("trace", &self.trace().map(Trace::id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_is_read_strictly() {
        let (id, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let trace = Trace::parse(&format!("00-{id}-{parent}-01")).unwrap();
        assert_eq!((trace.id(), trace.parent.as_str(), trace.sampled), (id, parent, true));
        assert!(!Trace::parse(&format!("00-{id}-{parent}-00")).unwrap().sampled);
        assert!(Trace::parse(&format!("01-{id}-{parent}-03-more")).is_some());
        let zeros = "0".repeat(32);
        for bad in [
            String::new(),
            "00".to_owned(),
            format!("00-{id}"),
            format!("00-{id}-{parent}"),
            format!("00-{id}-short-01"),
            format!("00-{}-{parent}-01", id.to_uppercase()),
            format!("00-{zeros}-{parent}-01"),
            format!("00-{id}-0000000000000000-01"),
            format!("00-{id}-{parent}-01-more"),
            format!("ff-{id}-{parent}-01"),
            format!("00-{id}-{parent}-0g"),
        ] {
            assert!(Trace::parse(&bad).is_none(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_mark_is_there_for_the_work_it_covers_and_only_there() {
        let mark = Mark::new(&HeaderValue::from_static("r-1"), &HeaderMap::new());
        assert!(Mark::current().is_none());
        let seen = mark.over(async {
            tokio::task::yield_now().await;
            Mark::current().map(|mark| mark.id().to_owned())
        });
        assert_eq!(seen.await.as_deref(), Some("r-1"));
        assert_eq!(mark.over_sync(|| Mark::current().map(|mark| mark.id().len())), Some(3));
        assert!(Mark::current().is_none());
    }
}
