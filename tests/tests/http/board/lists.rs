//! The list of deals on the board: page by page, and up to date.

use serde_json::json;

use crate::shop::{Mode, Shop};

use super::browser::{Browsers, Screen};
use super::page::{Page, of_deal};

cases!(@mode embedded, Embedded, every_deal_that_is_shown_is_kept_up_to_date);

/// The oldest as well as the newest; and those that are not shown are not news.
async fn every_deal_that_is_shown_is_kept_up_to_date(mode: Mode) {
    let shop = Shop::open(mode).await;
    let mut products = Vec::new();
    // A page has twelve.
    for _ in 0..26 {
        products.push(shop.product(1).await);
    }
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Desk, shop.next_address()).await;
    let shown = |deals: usize| format!("document.querySelectorAll('#deal-list > [id^=deal-]').length === {deals}");
    page.until("a page is shown", &shown(12)).await;
    page.click("#load-more").await;
    page.until("two pages are shown", &shown(24)).await;

    let oldest = &products[2];
    page.says(&of_deal(oldest, "name"), "Phone").await;
    for product in [oldest, &products[0]] {
        let new = json!({ "name": "Tablet", "price": "5.00" });
        shop.patch(&format!("/api/products/{product}"), &new).await.is(200);
    }
    page.click("#refresh").await;
    page.says(&of_deal(oldest, "name"), "Tablet").await;
    page.until("its price too", &format!("/5[.,]00/.test($('{}').textContent)", of_deal(oldest, "price"))).await;
    page.until("nothing is new", "!$('#show-new').classList.contains('on')").await;
    page.until("no more are shown", &shown(24)).await;

    let newest = shop.product(1).await;
    page.click("#refresh").await;
    page.says("#show-new", "Show 1 new").await;
    page.click("#show-new").await;
    page.says(&of_deal(&newest, "name"), "Phone").await;
    // The two that are older than all these are where they were.
    page.click("#load-more").await;
    page.until("all are shown", &shown(27)).await;
    page.says(&of_deal(&products[0], "name"), "Tablet").await;
    page.until("there are no more", "$('#load-more').hidden").await;
    page.close().await;
}
