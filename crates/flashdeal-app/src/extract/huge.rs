//! Numbers that JSON allows and no float holds, such as `1e400`: the parser gives up at the first of them, but a field that has
//! one is to be told beside all the others.

use serde::de::IgnoredAny;

/// What stands for them: as long as the shortest of them, which is `2e308`.
const INSTEAD: &str = "false";

/// The text with a `false` in the place of each such number, which no field may be either; the rest stays where it was.
/// `None` if there is no such number.
pub(super) fn tamed(text: &str) -> Option<String> {
    let mut tamed = String::with_capacity(text.len());
    let mut found = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => length_of_string(rest),
            '-' | '0'..='9' => length_of_number(rest),
            other => other.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if first != '"' && is_beyond(token) {
            found = true;
            tamed.push_str(INSTEAD);
            tamed.extend(std::iter::repeat_n(' ', length - INSTEAD.len()));
        } else {
            tamed.push_str(token);
        }
        rest = after;
    }
    found.then_some(tamed)
}

/// Both quotes included; all of a text whose string does not end.
fn length_of_string(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |inner| inner + 2)
}

fn length_of_number(text: &str) -> usize {
    text.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')).count()
}

/// Whether the parser knows this for a number, but cannot say which.
fn is_beyond(token: &str) -> bool {
    token.len() >= INSTEAD.len()
        && serde_json::from_str::<IgnoredAny>(token).is_ok()
        && serde_json::from_str::<f64>(token).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_beyond_all_floats_are_replaced() {
        let digits = "9".repeat(400);
        for (text, expected) in [
            (r#"{"a":1e400,"b":"1e400"}"#, Some(r#"{"a":false,"b":"1e400"}"#.to_owned())),
            (r#"["\"2E+0308", -2E+0308 ,"é\\", 9e999]"#, Some(r#"["\"2E+0308", false    ,"é\\", false]"#.to_owned())),
            (&digits, Some(format!("{:<400}", "false"))),
            ("1.7e308 -1.7e308 0e400 1e-400 1.5 18446744073709551616", None),
            // What is no number stays as it is, for the parser to refuse.
            ("[1e400e1, 01e400, 1e400.0, --1e400, -, 1e+, é, \"1e400", None),
            ("", None),
        ] {
            assert_eq!(tamed(text), expected, "{text}");
        }
    }
}
