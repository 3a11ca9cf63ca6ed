//! The terms of a sale on the board: a countdown, an end, and the form they are planned in.

use serde_json::{Value, json};
use thirtyfour::Key;

use crate::shop::{Level, Mode, Shop};

use super::browser::{Browsers, Screen};
use super::message;
use super::page::{Page, of_deal};

cases!(@mode embedded, Embedded,
    a_sale_starts_and_ends_before_ones_eyes,
    a_sale_is_planned_without_a_mouse
);

/// Nobody touches the page between the countdown and the moment it can be bought.
async fn a_sale_starts_and_ends_before_ones_eyes(mode: Mode) {
    let shop = Shop::open(mode).await;
    let in_ms = |ms: i64| jiff::Timestamp::from_millisecond(shop.clock().millis() + ms).unwrap().to_string();
    let body = json!({
        "name": "Phone", "price": "19.99", "totalStock": 9, "startsAt": in_ms(3_600_000), "maxPerReservation": 2,
    });
    let product = shop.post("/api/products", &body).await.is(201).id("id");
    let path = format!("/api/products/{product}");
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Desk, shop.next_address()).await;
    page.be("ada").await;
    page.says(&of_deal(&product, "state"), "Soon").await;
    page.until("the countdown shows", &format!("$('{}').checkVisibility()", of_deal(&product, "soon"))).await;
    let invisible = |part: &str| format!("getComputedStyle($('{}')).visibility === 'hidden'", of_deal(&product, part));
    page.until("it cannot be reserved", &invisible("reserve")).await;
    let starts_in = of_deal(&product, "starts-in");
    page.watch("starts", &format!("$('{starts_in}')?.textContent")).await;
    page.watch("kinds", &format!("$('#deal-{product}').dataset.state")).await;
    page.until("it counts down", "window.seen.starts.length > 3").await;
    page.picture("soon").await;

    // It is to begin earlier: the page hears of it once, and does the rest by itself.
    shop.patch(&path, &json!({ "startsAt": in_ms(15_000) })).await.is(200);
    page.click("#refresh").await;
    page.until("it is on sale", &format!("$('#deal-{product}').dataset.state === 'available'")).await;
    page.until("it can be reserved", &format!("!({})", invisible("reserve"))).await;
    assert_eq!(page.seen("kinds").await, ["upcoming", "available"]);
    let seen: Vec<i64> = page.seen("starts").await.iter().map(|text| seconds(text)).collect();
    // What the page knows of the server's clock gets better meanwhile, by less than a second.
    assert!(seen.is_sorted_by(|left, right| left + 1 >= *right), "it counts down: {seen:?}");
    assert!(seen[0] <= 3_601, "never more than there is: {seen:?}");

    // No more than the limit, with the buttons and by typing.
    for _ in 0..3 {
        page.click(&of_deal(&product, "plus")).await;
    }
    page.until("it is two", &format!("$('{}').value === '2'", of_deal(&product, "quantity"))).await;
    page.find(&of_deal(&product, "quantity")).await.send_keys("0").await.unwrap();
    page.click(&of_deal(&product, "reserve")).await;
    page.says(&of_deal(&product, "message"), "The quantity must be at most 2.").await;
    page.click(&of_deal(&product, "less")).await;
    let held = format!("{}.includes('2 units held for you')", message(&product));
    let early = format!("{}.includes('not started')", message(&product));
    for _ in 0..5 {
        page.until("it can be reserved", &format!("$('#deal-{product}').dataset.state === 'available'")).await;
        page.click(&of_deal(&product, "reserve")).await;
        // A browser knows the server's clock to a second; a press that comes too early is told so, and may be made again.
        page.until("there is an answer", &format!("{held} || {early}")).await;
        if page.value(&held).await == Value::Bool(true) {
            break;
        }
    }
    page.until("two are held", &held).await;

    // It ends: the hold stands, and may become less.
    shop.patch(&path, &json!({ "startsAt": null, "endsAt": in_ms(0) })).await.is(200);
    page.click("#refresh").await;
    page.says(&of_deal(&product, "state"), "Ended").await;
    page.click(&of_deal(&product, "hold-plus")).await;
    page.until("not more", &format!("$('{}').value === '2'", of_deal(&product, "hold-quantity"))).await;
    page.click(&of_deal(&product, "hold-less")).await;
    page.click(&of_deal(&product, "change")).await;
    page.says(&of_deal(&product, "message"), "You now hold 1 unit").await;
    page.picture("ended hold").await;
    page.click(&of_deal(&product, "checkout")).await;
    page.says(&of_deal(&product, "message"), "Bought: 1 unit").await;
    page.until("it is over", &format!("!({})", invisible("over"))).await;
    page.until("nobody can reserve", &invisible("reserve")).await;
    page.picture("ended").await;
    assert_eq!(shop.level(&product).await, Level::of(8, 0));
    page.close().await;
}

/// `1 d 02:03:04`, `02:03:04` or `03:04`.
fn seconds(text: &str) -> i64 {
    let time = text.rsplit(' ').next().unwrap();
    time.split(':').fold(0, |all, part| all * 60 + part.parse::<i64>().unwrap())
}

async fn a_sale_is_planned_without_a_mouse(mode: Mode) {
    let shop = Shop::open(mode).await;
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Phone, shop.next_address()).await;
    let enter = char::from(Key::Enter).to_string();
    for (field, text) in [("name", "Lamp"), ("price", "12.50"), ("stock", "7")] {
        page.tab_to(&format!("#create-{field}")).await;
        page.press(text).await;
    }
    // Nobody types a year of more than four digits here, so the hour is next by itself.
    page.tab_to("#create-start").await;
    page.press("01022098090000AM").await;
    page.tab_to("#create-end").await;
    page.press("01022098083000AM").await;
    page.tab_to("#create-limit").await;
    page.press(format!("3{enter}")).await;
    page.says("#create-end-note", "later than the start").await;
    page.until("the focus is on the mistake", "document.activeElement.id === 'create-end'").await;
    page.press(format!("01032098083000AM{enter}")).await;
    page.says("#create-result", "Planned: Lamp.").await;
    let product = page.value("$('[data-testid=deal]').dataset.productId").await.as_str().unwrap().to_owned();
    page.says(&of_deal(&product, "state"), "Soon").await;
    page.says(&of_deal(&product, "starts-in"), " d ").await;
    page.says(&of_deal(&product, "message"), "at most 3 units each").await;
    page.fits("phone soon").await;
    let made = shop.get(&format!("/api/products/{product}")).await.is(200);
    // Typed by the clock of whoever sits there: the day is theirs, the instant everyone's.
    let local = "new Date('2098-01-02T09:00:00').toISOString()";
    assert_eq!(made.json()["startsAt"], page.value(local).await, "{made}");
    assert_eq!(made.millis("endsAt") - made.millis("startsAt"), (23 * 60 + 30) * 60_000, "{made}");
    assert_eq!(made.count("maxPerReservation"), 3, "{made}");
    page.close().await;
}
