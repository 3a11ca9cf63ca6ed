//! Server-sent events, from bytes as they come: bounded, and with a meaning for every byte.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

/// The longest line, and the most data of one message, in bytes; ours have some 200.
const MAX_BYTES: usize = 64 * 1024;
/// The longest id that is kept, in bytes: it goes into a header. Ours have up to some 60.
const MAX_ID: usize = 256;

/// What one message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The last id that was named, in this message or before.
    pub(crate) id: String,
    pub(crate) data: String,
}

/// A line or a message of more than [`MAX_BYTES`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Reads one connection. Messages of other types than `stock` are passed over, and so is one that is not finished.
#[derive(Default)]
pub(crate) struct Messages {
    line: Vec<u8>,
    /// A line feed after a carriage return belongs to it.
    after_return: bool,
    /// The mark of the byte order, which only the first line may have.
    begun: bool,
    id: String,
    kind: String,
    data: String,
    has_data: bool,
    retry: Option<Duration>,
}

impl Messages {
    /// Appends the messages that these bytes finish. After [`TooLong`] the rest means nothing any more.
    pub(crate) fn feed(&mut self, bytes: &[u8], finished: &mut VecDeque<Message>) -> Result<(), TooLong> {
        for &byte in bytes {
            let is_second = mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
            if is_second {
                continue;
            }
            if matches!(byte, b'\r' | b'\n') {
                let line = mem::take(&mut self.line);
                self.end_line(&line, finished)?;
                // Its memory serves the next line.
                self.line = line;
                self.line.clear();
            } else if self.line.len() < MAX_BYTES {
                self.line.push(byte);
            } else {
                return Err(TooLong);
            }
        }
        Ok(())
    }

    /// How long the server asks to be left alone after a connection was lost.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    fn end_line(&mut self, line: &[u8], finished: &mut VecDeque<Message>) -> Result<(), TooLong> {
        let text = String::from_utf8_lossy(line);
        let text = if mem::replace(&mut self.begun, true) { &*text } else { text.trim_start_matches('\u{feff}') };
        if text.is_empty() {
            self.end_message(finished);
            return Ok(());
        }
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" if value.len() <= MAX_ID && !value.contains('\0') => value.clone_into(&mut self.id),
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                if self.data.len() + value.len() >= MAX_BYTES {
                    return Err(TooLong);
                }
                if mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry);
            }
            // A comment, or a field of tomorrow.
            _ => {}
        }
        Ok(())
    }

    fn end_message(&mut self, finished: &mut VecDeque<Message>) {
        let (kind, data) = (mem::take(&mut self.kind), mem::take(&mut self.data));
        if mem::take(&mut self.has_data) && kind == "stock" {
            finished.push_back(Message { id: self.id.clone(), data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> (Vec<(String, String)>, Result<(), TooLong>, Messages) {
        let (mut messages, mut finished) = (Messages::default(), VecDeque::new());
        let ended = chunks.iter().try_for_each(|chunk| messages.feed(chunk, &mut finished));
        (finished.into_iter().map(|message| (message.id, message.data)).collect(), ended, messages)
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(id, data)| ((*id).to_owned(), (*data).to_owned())).collect()
    }

    #[test]
    fn it_does_not_matter_how_lines_end_and_where_they_are_cut() {
        let text = "\u{feff}retry: 2000\n\n: keep-alive\n\nid: a\nevent: stock\ndata: {\ndata:1}\n\nevent:stock\ndata:  ü\nnew: x\n\n";
        let expected = pairs(&[("a", "{\n1}"), ("a", " ü")]);
        for text in [text.to_owned(), text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
            for size in [1, 2, 3, 7, 1000] {
                let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                let (told, ended, messages) = read(&chunks);
                assert_eq!((told, ended), (expected.clone(), Ok(())), "{size} {text:?}");
                assert_eq!(messages.retry(), Some(Duration::from_secs(2)));
            }
        }
    }

    #[test]
    fn what_is_no_stock_or_not_finished_is_passed_over() {
        let (told, _, messages) = read(&[
            b"data: x\n\nevent: news\ndata: x\n\nevent: stock\n\nevent: stock\ndata\n\nid: b\nevent: stock\ndata: {",
        ]);
        assert_eq!(told, pairs(&[("", "")]));
        assert_eq!(messages.retry(), None);
    }

    #[test]
    fn odd_waits_and_ids_are_passed_over() {
        let long = "x".repeat(MAX_ID + 1);
        let text = format!("retry: 7\nretry: -1\nretry: 1e3\nretry: {}\nretry: \n", "9".repeat(40));
        let text = format!("{text}id: a\nid: b\0\nid: {long}\nevent: stock\ndata: 1\n\nid\nevent: stock\ndata: 2\n\n");
        let (told, ended, messages) = read(&[text.as_bytes()]);
        assert_eq!((told, ended), (pairs(&[("a", "1"), ("", "2")]), Ok(())));
        assert_eq!(messages.retry(), Some(Duration::from_millis(7)));
    }

    #[test]
    fn lines_and_messages_are_bounded() {
        let endless = vec![b'x'; MAX_BYTES + 1];
        assert_eq!(read(&[&endless[1..]]).1, Ok(()));
        assert_eq!(read(&[&endless]).1, Err(TooLong));
        let line = format!("data: {}\n", "x".repeat(1000));
        let (told, ended, _) = read(&[b"event: stock\ndata: 1\n\n", line.repeat(66).as_bytes()]);
        assert_eq!((told, ended), (pairs(&[("", "1")]), Err(TooLong)));
    }

    /// Every byte after every other, and no panic.
    #[test]
    fn garbage_is_only_garbage() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Often one of those that mean something.
            *b"\r\n\n:: \xffid:data".get(usize::from(state.to_be_bytes()[0] % 32)).unwrap_or(&state.to_be_bytes()[1])
        })
        .take(200_000)
        .collect();
        let (told, _, messages) = read(&[&bytes]);
        assert!(told.is_empty() && messages.line.len() <= MAX_BYTES && messages.data.len() <= MAX_BYTES);
    }
}
