//! Whose pages may call the API, as the settings have it.

use actix_web::http::Uri;
use url::Url;

use crate::middleware::cors::Origins;

use super::judging::Faults;
use super::{Auth, RawSettings};

impl Faults {
    pub(super) fn origins(&mut self, raw: &RawSettings, auth: Option<&Auth>) -> Option<Origins> {
        let origins = self.take("--cors-origins / FLASHDEAL_CORS_ORIGINS", &raw.cors_origins, parse_origins)?;
        // A token keeps strangers' pages out. Without one, whoever opens such a page from within a closed network lets it in.
        if origins == Origins::Any && auth == Some(&Auth::None) && !raw.insecure_no_auth {
            self.0.push(
                "--cors-origins is * while --auth is none: whatever page somebody here opens could do anything. Name the \
                 origins, set FLASHDEAL_AUTH=keys or jwt, or pass --insecure-no-auth (FLASHDEAL_INSECURE_NO_AUTH=true)"
                    .to_owned(),
            );
            return None;
        }
        Some(origins)
    }
}

/// `https://shop.example,http://localhost:3000`, or `*`.
pub(crate) fn parse_origins(text: &str) -> Result<Origins, &'static str> {
    const ALLOWED: &str = "must be origins (scheme, host and port, no path), comma-separated, such as \
                           https://shop.example,http://localhost:3000, or * alone for any";
    if text == "*" {
        return Ok(Origins::Any);
    }
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let origins: Vec<_> = parts.map(parse_origin).collect::<Option<_>>().ok_or(ALLOWED)?;
    Ok(if origins.is_empty() { Origins::Own } else { Origins::These(origins) })
}

/// An origin as browsers write it: in lower case, international names encoded, without the scheme's own port.
fn parse_origin(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once("://")?;
    let url = Url::parse(text).ok()?;
    let origin = url.origin().ascii_serialization();
    let whole = url.as_str().strip_suffix('/') == Some(&origin) && !text.ends_with(['/', '\\']);
    // A pattern would never match.
    let plain = !origin.contains('*') && origin.parse::<Uri>().is_ok();
    (whole && plain && ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn these(origins: &[&str]) -> Origins {
        Origins::These(origins.iter().map(|&origin| origin.to_owned()).collect())
    }

    #[test]
    fn origins_are_what_browsers_write() {
        assert_eq!(parse_origins(""), Ok(Origins::Own));
        assert_eq!(parse_origins("*"), Ok(Origins::Any));
        assert_eq!(
            parse_origins("https://shop.example, http://localhost:3000,"),
            Ok(these(&["https://shop.example", "http://localhost:3000"]))
        );
        for (written, origin) in [
            ("HTTPS://Shop.Example", "https://shop.example"),
            ("https://shop.example:443", "https://shop.example"),
            ("http://shop.example:443", "http://shop.example:443"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://127.0.0.1", "http://127.0.0.1"),
        ] {
            assert_eq!(parse_origins(written), Ok(these(&[origin])), "{written}");
        }
    }

    #[test]
    fn what_no_browser_would_send_is_refused() {
        for bad in [
            "shop.example",
            "//shop.example",
            "https:shop.example",
            "https://",
            "https://shop.example/",
            "https://shop.example/deals",
            "https://shop.example?a=b",
            "https://shop.example#deals",
            "https://ada@shop.example",
            "https://ada:secret@shop.example",
            "https://shop.example:99999",
            "https://shop example",
            "https://*.shop.example",
            "https://a{b}.example",
            "https://shop.example,*",
            "https://shop.example https://other.example",
            "null",
            "file:///",
            "ftp://shop.example",
            "data://shop",
        ] {
            assert!(parse_origins(bad).is_err(), "{bad}");
        }
    }
}
