//! The deal board as somebody sees it who sits in front of it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use thirtyfour::{By, Key, WebDriver, WebElement};
use tokio::time::{Instant, sleep};

use super::browser::{Browsers, Screen, picture};

/// How long anything may take to show: a busy machine draws late.
const PATIENCE: Duration = Duration::from_mins(1);

/// The board in a browser of its own.
pub(crate) struct Page {
    driver: WebDriver,
    base: String,
}

impl Page {
    /// Opens the board and waits until its deals are there and live.
    pub(crate) async fn open(browsers: &Browsers, screen: Screen, server: SocketAddr) -> Self {
        let page = Self { driver: browsers.open(screen).await, base: format!("http://{server}/") };
        page.load().await;
        page.until("the deals are listed", "!document.querySelector('#deal-list[aria-busy]')").await;
        page
    }

    /// Goes to the board, or loads it anew.
    pub(crate) async fn load(&self) {
        self.driver.goto(self.base.as_str()).await.unwrap();
    }

    /// Types a name, and waits until the page goes by it.
    pub(crate) async fn be(&self, buyer: &str) {
        let field = self.find("#buyer-name").await;
        field.send_keys(buyer.to_owned() + Key::Enter).await.unwrap();
        self.until("the name is taken", &format!("$('#buyer-note').textContent.includes('{buyer}')")).await;
    }

    /// One of the parts of the page, by a CSS selector.
    pub(crate) async fn find(&self, css: &str) -> WebElement {
        self.driver.find(By::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// Clicks what is there, where it is.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.find(css).await;
        // Smooth scrolling would still be under way when the click is aimed.
        self.script(
            "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })",
            element.to_json().unwrap(),
        )
        .await;
        element.click().await.unwrap_or_else(|error| panic!("click on {css}: {error}"));
    }

    /// The value of an expression of JavaScript, with `$` for `querySelector`.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let code = format!("const $ = (css) => document.querySelector(css); return {expression}");
        self.script(&code, Value::Null).await
    }

    async fn script(&self, code: &str, argument: Value) -> Value {
        let answer = self.driver.execute(code, vec![argument]).await;
        answer.unwrap_or_else(|error| panic!("{code}: {error}")).json().clone()
    }

    /// Waits until an expression of JavaScript is true.
    pub(crate) async fn until(&self, what: &str, expression: &str) {
        let begun = Instant::now();
        while self.value(&format!("Boolean({expression})")).await != Value::Bool(true) {
            if begun.elapsed() > PATIENCE {
                let shown = self.value("document.body.innerText").await;
                panic!("not within {PATIENCE:?}: {what} ({expression})\nThe page says:\n{}", shown.as_str().unwrap());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until a part of the page has this in its text.
    pub(crate) async fn says(&self, css: &str, text: &str) {
        self.until(&format!("{css} says {text:?}"), &format!("$('{css}')?.textContent.includes('{text}')")).await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: impl AsRef<str>) {
        self.driver.action_chain().send_keys(keys.as_ref()).perform().await.unwrap();
    }

    /// Presses Tab until the focus is on this part.
    pub(crate) async fn tab_to(&self, css: &str) {
        for _ in 0..100 {
            if self.value(&format!("document.activeElement.matches('{css}')")).await == Value::Bool(true) {
                return;
            }
            self.press(char::from(Key::Tab).to_string()).await;
        }
        panic!("{css} cannot be reached by Tab");
    }

    /// Watches an expression from now on, within the page, so that nothing is missed however slow we are.
    pub(crate) async fn watch(&self, name: &str, expression: &str) {
        let code = format!(
            "const $ = (css) => document.querySelector(css); \
             const seen = (window.seen ??= {{}}).{name} = [{expression}]; \
             new MutationObserver(() => {{ \
                 const now = {expression}; \
                 if (now !== seen.at(-1)) seen.push(now); \
             }}).observe(document.body, {{ subtree: true, childList: true, characterData: true, attributes: true }})"
        );
        self.script(&code, Value::Null).await;
    }

    /// What was watched, each change once.
    pub(crate) async fn seen(&self, name: &str) -> Vec<String> {
        let seen = self.value(&format!("window.seen.{name}")).await;
        seen.as_array().unwrap().iter().map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Fails, if anything sticks out of the screen to the side.
    pub(crate) async fn fits(&self, what: &str) {
        let out = self
            .value(
                "[...document.querySelectorAll('body *')].filter((el) => { \
                     const { left, right, width } = el.getBoundingClientRect(); \
                     const hidden = el.closest('.sr, .skip, dialog') || getComputedStyle(el).visibility === 'hidden'; \
                     return width && !hidden && (right > innerWidth + 1 || left < -1); \
                 }).map((el) => el.outerHTML.slice(0, 120)).join('\\n') \
                 + (document.documentElement.scrollWidth > innerWidth ? 'the page scrolls sideways' : '')",
            )
            .await;
        assert_eq!(out, "", "{what}");
        self.picture(what).await;
    }

    /// Keeps a picture, where they are asked for.
    pub(crate) async fn picture(&self, name: &str) {
        picture(&self.driver, &name.replace(' ', "-")).await;
    }

    /// Closes the browser. Fails, if a script of the page failed or the page asked for what its policy forbids.
    pub(crate) async fn close(self) {
        for entry in self.driver.browser_log().await.unwrap() {
            // A refusal and a server that is gone are network errors to Chromium, and part of the tests.
            let allowed = entry.level != "SEVERE" || entry.source.as_deref() == Some("network");
            assert!(allowed, "the browser complains: {entry:?}");
        }
        self.driver.quit().await.unwrap();
    }
}

/// A selector for a part of the deal with this id.
pub(crate) fn of_deal(id: &str, part: &str) -> String {
    format!("#deal-{id} [data-testid={part}]")
}
