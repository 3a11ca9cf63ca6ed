//! Queries: `limit`, `cursor`, `userId`, `productId`, percent-encoded.

use actix_web::HttpRequest;
use actix_web::http::Uri;
use actix_web::test::TestRequest;
use flashdeal_domain::{OrderFilter, OrderId, PageRequest, PageSize, UserId};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::access::Access;
use crate::error::Problem;
use crate::routes::parsers::{page_request, parse_holder};

use super::{is_refusal, text};

const PRODUCT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A page that is taken is bounded, and written out as a query it is the same page; so is whose hold is asked for. What is refused
/// names its fields.
pub(super) fn pages(data: &[u8]) {
    let query = text(data);
    let Some(request) = asked(query) else { return };
    match listed(&request) {
        Ok((page, of)) => {
            assert!((1..=PageSize::MAX).contains(&page.size.get()), "{query:?}");
            let after = page.after.map(|after| format!("&cursor={after}")).unwrap_or_default();
            let by = of.user.as_ref().map(|user| format!("&{}", user_id(user))).unwrap_or_default();
            let product = of.product.map(|product| format!("&productId={product}")).unwrap_or_default();
            let again = format!("limit={}{after}{by}{product}", page.size.get());
            let reparsed = asked(&again).map(|request| listed(&request));
            assert!(matches!(reparsed, Some(Ok(same)) if same == (page, of)), "{query:?} and {again:?}");
        }
        Err(problem) => is_refusal(&problem),
    }
    match parse_holder(&Access::Anyone, &request, None) {
        Ok((product, user)) => {
            assert_eq!(product.to_string(), PRODUCT);
            let again = user_id(&user);
            let reparsed = asked(&again).map(|request| parse_holder(&Access::Anyone, &request, None));
            assert!(matches!(reparsed, Some(Ok(same)) if same == (product, user)), "{query:?} and {again:?}");
        }
        Err(problem) => is_refusal(&problem),
    }
}

fn user_id(user: &UserId) -> String {
    format!("userId={}", utf8_percent_encode(user.as_str(), NON_ALPHANUMERIC))
}

fn listed(request: &HttpRequest) -> Result<(PageRequest<OrderId>, OrderFilter), Problem> {
    page_request(request, OrderId::parse, true)
}

/// A request with this query, if it may stand in a request line at all.
fn asked(query: &str) -> Option<HttpRequest> {
    let uri: Uri = format!("/?{query}").parse().ok()?;
    Some(TestRequest::default().uri(&uri.to_string()).param("id", PRODUCT).to_http_request())
}
