//! Money in: prices as text and as JSON, exact to the last digit.

use flashdeal_domain::Price;

use crate::extract::Decimal;

use super::text;

/// A price is taken if and only if it is a decimal of at most two places within the bounds, and then it is exactly that one. What
/// is shown of it is the same price again.
pub fn money(data: &[u8]) {
    let text = text(data);
    let plain = Price::parse(text).ok();
    let few = text.split_once('.').is_none_or(|(_, fraction)| (1..=2).contains(&fraction.len()));
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let whole = text.split('.').next().unwrap_or("").len();
    let expected = exact(text).filter(|_| few && digits && whole <= 10);
    assert_eq!(plain.map(Price::cents), expected, "{text:?} as text");
    shown(plain);

    let Ok(decimal) = serde_json::from_str::<Decimal<'_>>(text) else { return };
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.starts_with('"') {
        let inner = text.trim_matches('"');
        let price = decimal.price().ok().flatten();
        assert_eq!(price, Price::parse(inner).ok(), "{text:?} as a JSON string");
        shown(price);
    } else if text == "null" {
        assert_eq!(decimal.price(), Ok(None));
    } else {
        let price = decimal.price().ok().flatten();
        assert_eq!(price.map(Price::cents), exact(text), "{text:?} as JSON");
        shown(price);
    }
}

fn shown(price: Option<Price>) {
    let Some(price) = price else { return };
    assert!(price.cents() <= Price::MAX_CENTS);
    let text = price.to_string();
    assert_eq!(Price::parse(&text), Ok(price), "{text}");
    let json = serde_json::from_str::<Decimal<'_>>(&text).map(|decimal| decimal.price());
    assert!(matches!(json, Ok(Ok(Some(again))) if again == price), "{text}");
}

/// The hundredths of a decimal number with an exponent or without, digit by digit: `None` unless they are whole and within bounds.
fn exact(number: &str) -> Option<u64> {
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !digits(whole) || !digits(fraction) || !digits(unsigned) {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    // Nothing of worth has an exponent that does not fit.
    let exponent: i64 = exponent.parse().ok()?;
    let trailing = i64::try_from(all.len() - all.trim_end_matches('0').len()).ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let power = exponent.checked_add(trailing)?.checked_sub(places)?.checked_add(2)?;
    let power = u32::try_from(power).ok().filter(|power| *power <= 12)?;
    let cents = significant.parse::<u64>().ok()?.checked_mul(10_u64.pow(power))?;
    (!negative && cents <= Price::MAX_CENTS).then_some(cents)
}
