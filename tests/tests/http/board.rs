//! The deal board in a real browser, against a real server: what its buyers and its shopkeeper see.

pub(crate) mod browser;
mod lists;
mod page;
mod terms;
mod waiting;

use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use serde_json::{Value, json};
use thirtyfour::Key;

use crate::shop::{Call, Level, Mode, Plan, Shop};

use browser::{Browsers, Screen};
use page::{Page, of_deal};

cases!(@mode embedded, Embedded,
    two_browsers_race_for_the_last_unit,
    a_hold_lapses_before_ones_eyes,
    a_server_that_goes_away_and_comes_back,
    too_many_requests_are_told_and_waited_out,
    a_deal_is_made_filled_up_and_bought_without_a_mouse,
    nothing_sticks_out_of_a_phone
);
// A browser is dear, and what is behind the two instances is their business.
cases!(@mode distributed, Distributed,
    two_browsers_race_for_the_last_unit,
    a_gate_that_is_away_is_told_and_the_reserve_counts_once
);

async fn two_browsers_race_for_the_last_unit(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(1).await;
    let browsers = Browsers::start().await;
    let servers = shop.addresses();
    let ada = Page::open(&browsers, Screen::Desk, servers[0]).await;
    let bob = Page::open(&browsers, Screen::Desk, *servers.last().unwrap()).await;
    ada.be("ada").await;
    bob.be("bob").await;

    let reserve = of_deal(&product, "reserve");
    tokio::join!(ada.click(&reserve), bob.click(&reserve));
    let answered =
        format!("!$('{reserve}').ariaDisabled && /held for you|on hold just now/.test({})", message(&product));
    tokio::join!(ada.until("ada has an answer", &answered), bob.until("bob has an answer", &answered));

    let holds = format!("$('#deal-{product}').dataset.hold === 'held'");
    let (ada_holds, bob_holds) = (ada.value(&holds).await, bob.value(&holds).await);
    assert_ne!(ada_holds, bob_holds, "exactly one of them holds the unit");
    let (winner, loser) = if ada_holds == Value::Bool(true) { (ada, bob) } else { (bob, ada) };
    assert_eq!(shop.level(&product).await, Level::of(1, 1));
    loser.says(&of_deal(&product, "message"), "Every unit is on hold just now").await;
    loser.says(&of_deal(&product, "state"), "All held").await;
    loser.picture(&format!("all held {mode:?}")).await;

    winner.click(&of_deal(&product, "checkout")).await;
    winner.says(&of_deal(&product, "message"), "Bought: 1 unit for 19.99").await;
    winner.says("#order-list [data-testid=order]", "Phone").await;
    // The loser touches nothing: the sale shows by itself.
    loser.says(&of_deal(&product, "state"), "Sold out").await;
    loser.until("the face says so too", &format!("$('#deal-{product} .gone').checkVisibility()")).await;
    loser.says(&of_deal(&product, "message"), "Nothing left to sell").await;
    loser.picture(&format!("sold out {mode:?}")).await;
    assert_eq!(shop.balance(&product, 1).await, 1);
    winner.close().await;
    loser.close().await;
}

async fn a_hold_lapses_before_ones_eyes(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { reservation_ttl: "30s", ..Plan::default() }).await;
    let product = shop.product(5).await;
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Desk, shop.next_address()).await;
    page.be("ada").await;
    let countdown = of_deal(&product, "countdown");
    page.watch("countdown", &format!("$('{countdown}')?.textContent")).await;
    page.watch("available", &format!("$('{}')?.textContent", of_deal(&product, "available"))).await;

    page.click(&of_deal(&product, "plus")).await;
    page.click(&of_deal(&product, "reserve")).await;
    page.says(&of_deal(&product, "message"), "Your hold lapsed at").await;
    page.until("it holds nothing", &format!("$('#deal-{product}').dataset.hold === 'lapsed'")).await;
    page.until("it can be reserved again", &format!("$('{}').checkVisibility()", of_deal(&product, "reserve"))).await;
    page.until("all are free", &format!("$('{}').textContent === '5'", of_deal(&product, "available"))).await;
    page.picture(&format!("lapsed {mode:?}")).await;

    let seen: Vec<String> = page.seen("countdown").await.into_iter().filter(|text| text != "00:00").collect();
    assert!(seen.len() >= 2 && seen.is_sorted_by(|left, right| left > right), "it counts down: {seen:?}");
    // The server tells its time in whole seconds.
    assert!(seen.iter().all(|text| text.as_str() <= "00:31"), "never more than there is: {seen:?}");
    let available: Vec<String> = page.seen("available").await.into_iter().filter(|text| text != "–").collect();
    assert_eq!(available, ["5", "3", "5"]);
    assert_eq!(shop.level(&product).await, Level::of(5, 0));
    page.close().await;
}

async fn a_server_that_goes_away_and_comes_back(mode: Mode) {
    assert_eq!(mode, Mode::Embedded);
    let options = AppOptions::new(flashdeal_binary().unwrap()).env("FLASHDEAL_RATE_LIMIT", "off");
    let app = AppProcess::start(options).await.unwrap();
    let body = json!({ "name": "Phone", "price": "19.99", "totalStock": 5 });
    let product = Call::new(app.http().unwrap(), "POST", "/api/products").json(&body).send().await.is(201).id("id");
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Desk, app.addr()).await;
    page.be("ada").await;
    page.says("#connection", "Live").await;
    page.click(&of_deal(&product, "reserve")).await;
    page.says(&of_deal(&product, "message"), "held for you").await;

    app.kill9().await.unwrap();
    page.says("#banner", "The server cannot be reached.").await;
    page.until("the notice is seen", "$('#banner').checkVisibility({ visibilityProperty: true })").await;
    page.says("#connection", "Offline").await;
    page.picture("server away").await;
    // Pressed while nobody answers: it waits, and counts once.
    page.click(&of_deal(&product, "hold-plus")).await;
    page.click(&of_deal(&product, "change")).await;
    page.says(&of_deal(&product, "message"), "No answer").await;

    app.restart().await.unwrap();
    page.until("the notice goes", "/back|none/.test($('#banner').dataset.kind)").await;
    page.says("#connection", "Live").await;
    // Whoever's patience ended first, that of the page or that of a slow machine: pressing again is the same request.
    let changed = format!("$('{}').textContent.includes('2 units')", of_deal(&product, "holding"));
    let given_up = format!("{}.includes('Press again')", message(&product));
    page.until("the change is settled", &format!("{changed} || {given_up}")).await;
    if page.value(&given_up).await == Value::Bool(true) {
        page.click(&of_deal(&product, "change")).await;
    }
    page.until("two are held", &changed).await;
    page.says(&of_deal(&product, "available"), "3").await;
    page.picture("server back").await;
    page.close().await;
}

async fn a_gate_that_is_away_is_told_and_the_reserve_counts_once(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Desk, shop.next_address()).await;
    page.be("ada").await;
    page.says("#connection", "Live").await;
    page.watch("notice", "$('#banner').dataset.kind").await;
    shop.redis().pause();
    page.click(&of_deal(&product, "reserve")).await;
    page.says("#banner", "Not available at the moment.").await;
    page.says(&of_deal(&product, "message"), "it counts once").await;
    page.picture("gate away").await;
    shop.redis().resume();
    page.says(&of_deal(&product, "message"), "1 unit held for you").await;
    page.until("the notice goes", "$('#banner').dataset.kind === 'none'").await;
    assert_eq!(page.seen("notice").await, ["none", "offline", "back", "none"]);
    assert_eq!(shop.level(&product).await, Level::of(5, 1));
    page.close().await;
}

async fn too_many_requests_are_told_and_waited_out(mode: Mode) {
    let plan = Plan { rate_limit: "8/80s", ..Plan::default() };
    let shop = Shop::set_up(mode, plan).await;
    let product = shop.product(5).await;
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Desk, shop.next_address()).await;
    page.be("ada").await;
    page.watch(
        "notice",
        &format!("$('#banner').dataset.kind + ' ' + $('{}').ariaDisabled", of_deal(&product, "reserve")),
    )
    .await;
    for _ in 0..8 {
        page.click("#refresh").await;
    }
    let limited = "window.seen.notice.includes('limited true')";
    page.until("the notice and the button say so", limited).await;
    page.picture("rate limited").await;
    // It goes by itself, and what may be asked then is left to the buyer.
    page.until("it may go on", "!$('#banner').dataset.kind.startsWith('limited')").await;
    page.until("the button works", &format!("!$('{}').ariaDisabled", of_deal(&product, "reserve"))).await;
    page.click(&of_deal(&product, "reserve")).await;
    page.says(&of_deal(&product, "message"), "1 unit held for you").await;
    let seen = page.seen("notice").await;
    assert!(seen.starts_with(&["none null".to_owned(), "limited true".to_owned()]), "{seen:?}");
    page.close().await;
}

async fn a_deal_is_made_filled_up_and_bought_without_a_mouse(mode: Mode) {
    let shop = Shop::open(mode).await;
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Desk, shop.next_address()).await;
    page.until("there is nothing yet", "$('#deals-empty').checkVisibility()").await;
    page.picture("no deals").await;
    let enter = char::from(Key::Enter).to_string();

    page.tab_to("#buyer-name").await;
    page.press(format!("ada{enter}")).await;
    page.says("#buyer-note", "You are buying as ada.").await;
    // What is wrong is told at its field, and what is right stays.
    page.tab_to("#create-name").await;
    page.press("Lamp").await;
    page.tab_to("#create-price").await;
    page.press("a lot").await;
    page.tab_to("#create-stock").await;
    page.press(format!("0{enter}")).await;
    page.says("#create-price-note", "a number like 19.90").await;
    page.until("the focus is on the mistake", "document.activeElement.id === 'create-price'").await;
    let rub_out = |letters: usize| {
        let backspaces = char::from(Key::Backspace).to_string().repeat(letters);
        format!("{}{backspaces}", char::from(Key::End))
    };
    page.press(format!("{}12.50{enter}", rub_out("a lot".len()))).await;
    page.says("#create-result", "On sale: Lamp.").await;
    let product = page.value("$('[data-testid=deal]').dataset.productId").await.as_str().unwrap().to_owned();
    page.says(&of_deal(&product, "state"), "Sold out").await;

    page.tab_to("#restock-units").await;
    page.press(format!("3{enter}")).await;
    page.says("#restock-result", "3 units added to Lamp.").await;
    page.says(&of_deal(&product, "state"), "Last 3").await;
    assert_eq!(shop.level(&product).await, Level::of(3, 0));

    page.tab_to(&of_deal(&product, "quantity")).await;
    page.press(format!("{}2", rub_out(1))).await;
    page.tab_to(&of_deal(&product, "reserve")).await;
    page.press(&enter).await;
    page.says(&of_deal(&product, "message"), "2 units held for you").await;
    let focused = "document.activeElement.dataset.testid === 'hold'";
    page.until("the focus follows to the hold", focused).await;
    page.picture("keyboard hold").await;
    page.tab_to(&of_deal(&product, "checkout")).await;
    page.press(&enter).await;
    page.says(&of_deal(&product, "message"), "Bought: 2 units for 25.00").await;
    page.until("the focus is not lost", &format!("$('#deal-{product}').contains(document.activeElement)")).await;
    page.says("#order-list [data-testid=order]", "2 × 12.50").await;
    assert_eq!(shop.balance(&product, 3).await, 2);

    // The last one is held, now by Enter in the field, and given back.
    page.tab_to(&of_deal(&product, "quantity")).await;
    page.press(format!("{}1{enter}", rub_out(1))).await;
    page.says(&of_deal(&product, "message"), "1 unit held for you").await;
    page.tab_to(&of_deal(&product, "cancel")).await;
    page.press(&enter).await;
    page.says(&of_deal(&product, "message"), "Hold cancelled").await;
    assert_eq!(shop.level(&product).await, Level::of(1, 0));
    page.close().await;
}

async fn nothing_sticks_out_of_a_phone(mode: Mode) {
    let shop = Shop::open(mode).await;
    let long = "Überwältigungsversuchsanordnungskommissionsvorsitzendenstellvertretung".repeat(3);
    let long: String = long.chars().take(200).collect();
    let make = async |name: &str, price: &str, units: u64| {
        let text = "A line that goes on and on. ".repeat(40);
        let body = json!({ "name": name, "description": text, "price": price, "totalStock": units });
        shop.post("/api/products", &body).await.is(201).id("id")
    };
    let huge = make(&long, "9999999999.99", 1_000_000_000).await;
    let code = make("<img src=x onerror=document.title='mine'>", "1", 3).await;
    make("Gone", "5", 0).await;
    shop.reserve(&huge, "bob", 1_000_000).await.is(201);
    let browsers = Browsers::start().await;
    let page = Page::open(&browsers, Screen::Phone, shop.next_address()).await;
    page.be("ada").await;
    page.says(&of_deal(&huge, "reserved"), "1,000,000").await;
    page.fits("phone deals").await;
    page.says(&of_deal(&code, "name"), "<img src=x").await;
    assert_eq!(page.value("document.title").await, "flashdeal: the deal board", "a name is text, never code");

    for part in ["quantity", "reserve"] {
        let css = of_deal(&huge, part);
        let height = page.value(&format!("$('{css}').getBoundingClientRect().height")).await;
        assert!(height.as_f64().unwrap() >= 44.0, "a finger hits {part}: {height}");
    }
    page.click(&of_deal(&huge, "reserve")).await;
    page.says(&of_deal(&huge, "message"), "1 unit held for you").await;
    page.fits("phone hold").await;
    page.click(&of_deal(&huge, "checkout")).await;
    page.says(&of_deal(&huge, "message"), "Bought").await;
    page.until("the order is listed", "$('[data-testid=order]')").await;
    page.find("#create-submit").await.scroll_into_view().await.unwrap();
    page.fits("phone manage").await;
    page.click("a[href=docs]").await;
    page.until("the API's operations are listed", "document.querySelectorAll('.opblock').length > 10").await;
    page.fits("phone docs").await;
    page.close().await;
}

/// What the page says below a deal, as an expression.
fn message(product: &str) -> String {
    format!("$('{}').textContent", of_deal(product, "message"))
}
