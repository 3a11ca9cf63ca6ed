//! Just enough of HTTP/1.1 to know where an answer ends and what its status is.

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;

/// The head of an answer, and where its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// Where the body begins.
    pub(crate) body: usize,
    /// Where the answer ends.
    pub(crate) end: usize,
}

/// The longest head that is read.
const HEAD_LIMIT: usize = 16 * 1024;

/// The head of the answer that `bytes` begin with, once all of the head is there; the body may not be yet.
///
/// # Errors
/// When this is not an HTTP/1.1 answer with a `Content-Length`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(blank) = memmem::find(bytes, b"\r\n\r\n") else {
        ensure!(bytes.len() < HEAD_LIMIT, "the head of an answer is over {HEAD_LIMIT} bytes");
        return Ok(None);
    };
    let head = bytes.get(..blank).unwrap_or_default();
    let status = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(number);
    let status = status.and_then(|status| u16::try_from(status).ok()).context("not an answer of HTTP/1.1")?;
    let mut length = None;
    let mut rest = head;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        rest = rest.get(end + 1..).unwrap_or_default();
        if let Some(value) = field(rest, b"content-length:") {
            length = Some(number(value).context("a Content-Length that is no number")?);
        } else if field(rest, b"transfer-encoding:").is_some() {
            bail!("an answer in chunks, which this client does not read");
        }
    }
    let body = blank + 4;
    let length = match length {
        Some(length) => length,
        None if status == 204 || status == 304 => 0,
        None => bail!("an answer without Content-Length"),
    };
    let end = body.checked_add(length).context("an absurd Content-Length")?;
    Ok(Some(Head { status, body, end }))
}

/// The value of the line that `bytes` begin with, if its name is this one, given in small letters with the colon.
fn field<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = bytes.split_at_checked(name.len())?;
    if !found.eq_ignore_ascii_case(name) {
        return None;
    }
    let end = memchr::memchr(b'\r', rest).unwrap_or(rest.len());
    rest.get(..end).map(<[u8]>::trim_ascii)
}

/// Decimal digits and nothing else, as a number.
pub(crate) fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_usize, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(usize::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\nDate: now\r\n\r\nhello";

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let head = parse(ANSWER).unwrap().unwrap();
        assert_eq!((head.status, &ANSWER[head.body..head.end]), (201, &b"hello"[..]));
    }

    #[test]
    fn half_a_head_is_no_head_yet() {
        let blank = ANSWER.len() - 5;
        for cut in 0..blank {
            assert_eq!(parse(&ANSWER[..cut]).unwrap(), None, "{cut}");
        }
        for cut in blank..ANSWER.len() {
            assert_eq!(parse(&ANSWER[..cut]).unwrap().unwrap().end, ANSWER.len(), "{cut}");
        }
    }

    #[test]
    fn names_of_fields_are_read_in_any_case_and_only_whole() {
        let head =
            parse(b"HTTP/1.1 409 Conflict\r\nX-Content-Length: 9\r\nCONTENT-LENGTH:2  \r\n\r\n{}").unwrap().unwrap();
        assert_eq!((head.status, head.end - head.body), (409, 2));
    }

    #[test]
    fn an_answer_may_have_no_body() {
        let head = parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!((head.status, head.end - head.body), (204, 0));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in [
            &b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 2x0 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert!(parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(parse(&[b'x'; HEAD_LIMIT]).is_err());
    }
}
