//! The waiting list on the board: joining, seeing one's place, leaving, and being called before one's eyes.

use serde_json::json;
use thirtyfour::Key;

use crate::shop::{Level, Mode, Shop};

use super::browser::{Browsers, Screen};
use super::page::{Page, of_deal};

cases!(@mode embedded, Embedded,
    who_waits_is_called_before_ones_eyes,
    a_place_is_had_and_left_without_a_mouse
);
cases!(@mode distributed, Distributed, who_waits_is_called_before_ones_eyes);

async fn who_waits_is_called_before_ones_eyes(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(2).await;
    shop.reserve(&product, "eve", 2).await.is(201);
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Desk, shop.next_address()).await;
    page.be("ada").await;
    page.says(&of_deal(&product, "state"), "All held").await;
    page.click(&of_deal(&product, "wait-plus")).await;
    page.click(&of_deal(&product, "join")).await;
    page.says(&of_deal(&product, "waiting"), "You wait for 2 units: you are next.").await;
    page.picture(&format!("waits {mode:?}")).await;
    // Nobody touches the page from here on.
    shop.release(&product, "eve").await.is(200);
    page.says(&of_deal(&product, "message"), "It is your turn: 2 units held for you until").await;
    page.until("it is held", &format!("$('#deal-{product}').dataset.hold === 'held'")).await;
    page.until("the line is gone", &format!("$('{}').classList.contains('off')", of_deal(&product, "line"))).await;
    page.picture(&format!("called {mode:?}")).await;
    page.click(&of_deal(&product, "checkout")).await;
    page.says(&of_deal(&product, "message"), "Bought: 2 units").await;
    assert_eq!(shop.level(&product).await, Level::of(0, 0));

    // Sold out is no reason not to wait, and a page that is loaded anew knows of it.
    page.says(&of_deal(&product, "state"), "Sold out").await;
    page.click(&of_deal(&product, "wait-less")).await;
    page.click(&of_deal(&product, "join")).await;
    page.says(&of_deal(&product, "waiting"), "You wait for 1 unit: you are next.").await;
    page.load().await;
    page.says(&of_deal(&product, "waiting"), "You wait for 1 unit: you are next.").await;
    shop.patch(&format!("/api/products/{product}"), &json!({ "addStock": 1 })).await.is(200);
    page.says(&of_deal(&product, "message"), "It is your turn: 1 unit held for you until").await;
    page.close().await;
}

async fn a_place_is_had_and_left_without_a_mouse(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(3).await;
    shop.reserve(&product, "eve", 2).await.is(201);
    let wish = json!({ "userId": "bob", "quantity": 2 });
    shop.post(&format!("/api/products/{product}/waitlist"), &wish).await.is(201);
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Phone, shop.next_address()).await;
    page.be("ada").await;
    let enter = char::from(Key::Enter).to_string();
    // One is free, and it is bob's turn: the page is told so, and offers a place behind him.
    page.tab_to(&of_deal(&product, "reserve")).await;
    page.press(&enter).await;
    page.says(&of_deal(&product, "message"), "Others wait for units").await;
    page.tab_to(&of_deal(&product, "wait-quantity")).await;
    page.press(format!("10{enter}")).await;
    page.says(&of_deal(&product, "waiting"), "You wait for 10 units: 1 before you.").await;
    page.fits("phone waits").await;
    page.tab_to(&of_deal(&product, "leave")).await;
    page.press(&enter).await;
    page.says(&of_deal(&product, "message"), "You wait no more.").await;
    let waits = shop.get(&format!("/api/products/{product}/waitlist?userId=ada")).await;
    waits.refused(404, "not_waiting");
    page.close().await;
}
