//! How a line of the log looks: as tracing writes it, and the request it belongs to.

use std::fmt::{self, Write};

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::mark::{Mark, Trace};

/// Lines with `request_id` and `trace_id`, where there are such.
pub(super) struct Marked<F> {
    inner: Format<F>,
    /// What a line ends with, before and after the ids are put in.
    end: &'static str,
    write_id: fn(&mut String, &str, &str) -> fmt::Result,
}

impl Marked<Full> {
    pub(super) fn text(inner: Format<Full>) -> Self {
        Self { inner, end: "\n", write_id: |line, name, id| write!(line, " {name}={id}") }
    }
}

impl Marked<Json> {
    /// The ids are of letters, digits and `-_.` only, so nothing in them needs an escape.
    pub(super) fn json(inner: Format<Json>) -> Self {
        Self { inner, end: "}\n", write_id: |line, name, id| write!(line, ",\"{name}\":\"{id}\"") }
    }
}

impl<F, S, N> FormatEvent<S, N> for Marked<F>
where
    Format<F>: FormatEvent<S, N>,
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(mark) = Mark::current() else { return self.inner.format_event(context, writer, event) };
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        if line.ends_with(self.end) {
            line.truncate(line.len() - self.end.len());
            (self.write_id)(&mut line, "request_id", mark.id())?;
            if let Some(trace) = mark.trace().map(Trace::id) {
                (self.write_id)(&mut line, "trace_id", trace)?;
            }
            line.push_str(self.end);
        }
        writer.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Paper {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn mark() -> Mark {
        let mut headers = HeaderMap::new();
        let parent = HeaderValue::from_str(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
        headers.insert(HeaderName::from_static("traceparent"), parent);
        Mark::new(&HeaderValue::from_static("r-1"), &headers)
    }

    /// One line of a request, one of nobody.
    fn write_two() {
        mark().over_sync(|| tracing::warn!(store = "redis", "slow"));
        tracing::info!("idle");
    }

    #[test]
    fn text_lines_end_with_the_ids() {
        let paper = Paper::default();
        let format = Marked::text(Format::default().with_ansi(false));
        let log = tracing_subscriber::fmt().event_format(format).with_writer(paper.clone()).finish();
        tracing::subscriber::with_default(log, write_two);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let [of_request, of_nobody] = lines[..] else { panic!("{text}") };
        assert!(of_request.ends_with(&format!("slow store=\"redis\" request_id=r-1 trace_id={TRACE}")), "{text}");
        assert!(of_nobody.ends_with(": idle"), "{text}");
    }

    #[test]
    fn json_lines_have_the_ids_among_their_fields() {
        let paper = Paper::default();
        let format = Marked::json(Format::default().json().flatten_event(true));
        let log = tracing_subscriber::fmt().json().event_format(format).with_writer(paper.clone()).finish();
        tracing::subscriber::with_default(log, write_two);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!((&lines[0]["message"], &lines[0]["store"]), (&"slow".into(), &"redis".into()));
        assert_eq!((&lines[0]["request_id"], &lines[0]["trace_id"]), (&"r-1".into(), &TRACE.into()));
        assert!(lines[1]["message"] == "idle" && lines[1].get("request_id").is_none(), "{text}");
    }
}
