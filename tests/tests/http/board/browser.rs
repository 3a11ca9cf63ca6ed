//! A headless Chromium, driven through chromedriver.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flashdeal_tests::programs;
use flashdeal_tests::supervised::Supervised;
use rustls::crypto::ring;
use serde_json::json;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};

/// How long the driver may take to listen, and a browser to open or to answer one command.
const LIMIT: Duration = Duration::from_mins(2);

/// What makes Chromium start as any user, on a machine without a screen, and ask nobody on the internet for anything.
const SWITCHES: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--lang=en-US",
    "--window-size=1280,1000",
];

/// One chromedriver, and the browsers it opens. Dropping it ends them all.
pub(crate) struct Browsers {
    driver: Supervised,
    url: String,
}

/// How wide the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    Desk,
    /// The narrowest that is still sold, with a finger for a mouse.
    Phone,
}

impl Browsers {
    pub(crate) async fn start() -> Self {
        let (program, _) = programs::chromium().unwrap();
        let driver = Supervised::new("browser").unwrap();
        let folder = driver.folder().path().to_owned();
        let mut command = Command::new(program);
        // Whatever a browser keeps for its user goes with the folder.
        command.args(["--port=0", "--log-level=WARNING"]).env("HOME", &folder).env("TMPDIR", &folder);
        driver.spawn(&mut command).unwrap();
        driver.wait_until(LIMIT, async || port_in(&driver.log()).is_some()).await.unwrap();
        let url = format!("http://127.0.0.1:{}", port_in(&driver.log()).unwrap());
        Self { driver, url }
    }

    /// Opens a browser of its own, with nothing remembered.
    pub(crate) async fn open(&self, screen: Screen) -> WebDriver {
        let (_, program) = programs::chromium().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary(program.to_str().unwrap()).unwrap();
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        for switch in SWITCHES {
            wanted.add_arg(switch).unwrap();
        }
        if screen == Screen::Phone {
            let metrics = json!({ "deviceMetrics": { "width": 360, "height": 740, "pixelRatio": 2, "touch": true } });
            wanted.add_experimental_option("mobileEmulation", metrics).unwrap();
        }
        // One that is there already stays.
        let _ = ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
        let opened = WebDriver::builder(self.url.as_str(), wanted).client(client).await;
        opened.unwrap_or_else(|error| panic!("no browser: {error}\n{}", self.driver.log_end()))
    }
}

/// The port that chromedriver says it listens on.
fn port_in(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("started successfully on port ")?;
    let (port, _) = rest.split_once(|letter: char| !letter.is_ascii_digit())?;
    port.parse().ok()
}

/// Keeps a picture in the folder `FLASHDEAL_SCREENSHOTS`, if it is set: a page is judged by looking at it.
pub(crate) async fn picture(page: &WebDriver, name: &str) {
    if let Some(folder) = env::var_os("FLASHDEAL_SCREENSHOTS") {
        page.screenshot(&Path::new(&folder).join(format!("{name}.png"))).await.unwrap();
    }
}
