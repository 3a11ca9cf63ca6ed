//! To whom sold orders are told, as the settings have it.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::Url;

use crate::webhooks::{Endpoint, Secret, Webhooks};

use super::RawSettings;
use super::judging::{BadSettings, Faults, filled};

/// The most endpoints there may be.
const MOST: usize = 8;
/// The longest URL of one, in bytes.
const MAX_URL: usize = 2048;
/// The longest name of one, in bytes.
const MAX_NAME: usize = 32;

const URL: &str = "--webhook-url / FLASHDEAL_WEBHOOK_URL";
const SECRET: &str = "--webhook-secret / FLASHDEAL_WEBHOOK_SECRET";

impl Faults {
    /// `None` is a fault, as everywhere here; none at all is `Some(None)`.
    #[expect(clippy::option_option, reason = "there may be none, and there may be a fault")]
    pub(super) fn webhooks(&mut self, raw: &RawSettings) -> Option<Option<Webhooks>> {
        let urls = self.endpoints(&raw.webhook_url);
        let secret = filled(raw.webhook_secret.as_ref()).map(|text| self.secret(text));
        match (urls?, secret) {
            (urls, None) if urls.is_empty() => Some(None),
            (_, None) => {
                self.0.push(format!("{SECRET} is required with --webhook-url: {ALLOWED_SECRET}"));
                None
            }
            (urls, Some(secret)) => {
                let secret = secret?;
                Some((!urls.is_empty()).then_some(Webhooks { endpoints: urls, secret }))
            }
        }
    }

    fn endpoints(&mut self, text: &str) -> Option<Vec<Endpoint>> {
        let before = self.0.len();
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.len() > MOST {
            self.0.push(format!("{URL} has {} URLs: it must have at most {MOST}", parts.len()));
        }
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for (nth, part) in parts.into_iter().enumerate() {
            // A URL may hold a password or a token, so it is not shown.
            let nth = nth + 1;
            match parse_endpoint(part) {
                Some(endpoint) => match endpoints.iter().find(|other| other.name() == endpoint.name()) {
                    None => endpoints.push(endpoint),
                    Some(other) if other.url() == endpoint.url() => {
                        self.0.push(format!("{URL}: number {nth} is there twice"));
                    }
                    Some(_) => self.0.push(format!(
                        "{URL}: number {nth} cannot be told from another one by host and path, or by its name: give each a name of its own, such \
                         as books=https://shop.example/hooks?key=…"
                    )),
                },
                None => self.0.push(format!(
                    "{URL}: number {nth} must be a URL such as https://shop.example/hooks, with http or https, at most \
                     {MAX_URL} characters, no fragment and no comma in it; before it there may be a name of up to {MAX_NAME} \
                     letters, digits and hyphens: books=https://…"
                )),
            }
        }
        (self.0.len() == before).then_some(endpoints)
    }

    fn secret(&mut self, text: &str) -> Option<Secret> {
        let secret = parse_secret(text);
        if secret.is_none() {
            self.0.push(format!("{SECRET} {ALLOWED_SECRET}"));
        }
        secret
    }
}

/// The endpoints of `--webhook-url`, for a command that sends nothing.
///
/// # Errors
/// [`BadSettings`] with every fault there is.
pub fn parse_endpoints(urls: &str) -> Result<Vec<Endpoint>, BadSettings> {
    let mut faults = Faults::default();
    faults.endpoints(urls).ok_or(BadSettings(faults.0))
}

/// The endpoints with what they are signed with; `None` if there are none.
///
/// # Errors
/// [`BadSettings`] with every fault there is.
pub fn parse_webhooks(urls: &str, secret: Option<&str>) -> Result<Option<Webhooks>, BadSettings> {
    let raw = RawSettings {
        webhook_url: urls.to_owned(),
        webhook_secret: secret.map(str::to_owned),
        ..RawSettings::default()
    };
    let mut faults = Faults::default();
    faults.webhooks(&raw).ok_or(BadSettings(faults.0))
}

const ALLOWED_SECRET: &str =
    "must be whsec_ and 24 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)";

/// A URL, or a name, an equals sign and a URL.
fn parse_endpoint(text: &str) -> Option<Endpoint> {
    match text.split_once('=') {
        Some((name, text)) if !name.contains([':', '/']) => {
            let fits = (1..=MAX_NAME).contains(&name.len());
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            Endpoint::named(name, parse_url(text).filter(|_| fits && plain)?)
        }
        _ => Endpoint::new(parse_url(text)?),
    }
}

fn parse_url(text: &str) -> Option<Url> {
    let (scheme, _) = text.split_once("://")?;
    let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let url = Url::parse(text).ok()?;
    (known && text.len() <= MAX_URL && url.fragment().is_none()).then_some(url)
}

fn parse_secret(text: &str) -> Option<Secret> {
    // Some makers of such secrets leave the padding out.
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    let bytes = BASE64.decode(text.strip_prefix("whsec_")?).ok()?;
    (24..=64).contains(&bytes.len()).then(|| Secret::new(&bytes))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

    fn judged(urls: &str, secret: Option<&str>) -> Result<Option<Webhooks>, Vec<String>> {
        parse_webhooks(urls, secret).map_err(|BadSettings(faults)| faults)
    }

    #[test]
    fn none_by_default_and_any_number_up_to_eight() {
        assert!(judged("", None).unwrap().is_none());
        assert!(judged(" , ", Some("")).unwrap().is_none());
        assert!(judged("", Some(GOOD)).unwrap().is_none(), "a secret alone does nothing");
        let one = judged("https://shop.example/hooks?key=1", Some(GOOD)).unwrap().unwrap();
        assert_eq!(one.endpoints.len(), 1);
        let url = |nth| format!("http://user:pass@127.0.0.1:9/{nth}");
        let eight: Vec<_> = (0..8).map(url).collect();
        assert_eq!(judged(&eight.join(" , "), Some(GOOD)).unwrap().unwrap().endpoints.len(), 8);
        let nine: Vec<_> = (0..9).map(url).collect();
        assert!(judged(&nine.join(","), Some(GOOD)).unwrap_err()[0].contains("at most 8"));
    }

    #[test]
    fn every_fault_is_told_and_no_secret_is() {
        let faults =
            judged("ftp://secret@h, https://h/a, HTTPS://h:443/a, https://h/#b", Some("whsec_c2hvcnQ=")).unwrap_err();
        assert_eq!(faults.len(), 4, "{faults:#?}");
        for (fault, says) in
            faults.iter().zip(["number 1 must", "number 3 is there twice", "number 4 must", "24 to 64"])
        {
            assert!(fault.contains(says), "{fault}");
            assert!(!fault.contains("secret@") && !fault.contains("c2hvcnQ"), "{fault}");
        }
        assert!(judged("https://h", None).unwrap_err()[0].contains("is required"));
        assert!(judged("https:h", Some(GOOD)).is_err() && judged("https://", Some(GOOD)).is_err());
    }

    #[test]
    fn a_name_tells_apart_what_host_and_path_do_not() {
        let names = |urls: &str| -> Result<Vec<String>, Vec<String>> {
            let webhooks = judged(urls, Some(GOOD))?.unwrap();
            Ok(webhooks.endpoints.iter().map(|endpoint| endpoint.name().to_string()).collect())
        };
        let faults = names("https://h/a?key=1,https://u:p@h/a?key=2").unwrap_err();
        assert!(faults[0].contains("number 2 cannot be told from another") && faults.len() == 1, "{faults:?}");
        let two = names("a=https://h/?key=1, b-2=https://h/?key=2").unwrap();
        assert_eq!(two, ["https://h#a", "https://h#b-2"]);
        assert_eq!(names("b-2=https://h/moved?key=3").unwrap(), two[1..]);
        assert!(names("a=https://h/1,a=https://h/2").unwrap_err()[0].contains("number 2 cannot be told from another"));
        assert!(names("a=https://h/1,a=https://g/1").is_ok() && names("https://h/?a=b").is_ok());
        let long = "x".repeat(MAX_NAME + 1);
        for bad in
            ["=https://h", "a b=https://h", "ü=https://h", "a=", "a=h", "a=b=https://h", &format!("{long}=https://h")]
        {
            assert!(names(bad).unwrap_err()[0].contains("number 1 must be"), "{bad}");
        }
    }

    #[test]
    fn secrets_are_of_the_standard_form() {
        let bytes = |count: usize| base64::engine::general_purpose::STANDARD.encode(vec![7_u8; count]);
        for count in [24, 25, 32, 64] {
            let text = format!("whsec_{}", bytes(count));
            assert!(parse_secret(&text).is_some(), "{count}");
            assert!(parse_secret(text.trim_end_matches('=')).is_some(), "{count}");
        }
        let bad = [bytes(32), format!("whsec_{}", bytes(23)), format!("whsec_{}", bytes(65)), "whsec_".to_owned()];
        for bad in bad.iter().map(String::as_str).chain(["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3OD-_MTIz", "whpk_MDEyMzQ1"]) {
            assert!(parse_secret(bad).is_none(), "{bad}");
        }
        assert!(!format!("{:?}", parse_secret(GOOD)).contains("MDEy"));
    }
}
