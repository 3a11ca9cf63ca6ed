//! `flashdeal rehearse`, the real one against a real server: to its end, and ended by Ctrl-C.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use flashdeal_tests::supervised::Supervised;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

const LIMIT: Duration = Duration::from_mins(2);

/// A rehearsal under way, in a folder of its own.
struct Rehearsal(Supervised);

impl Rehearsal {
    fn start(server: &AppProcess, arguments: &[&str]) -> Self {
        let rehearsal = Supervised::new("rehearsal").unwrap();
        let mut command = Command::new(flashdeal_binary().unwrap());
        let url = format!("http://{}", server.addr());
        command.args(["rehearse", &url, "--html", "report.html"]).args(arguments).env_clear();
        rehearsal.spawn(&mut command).unwrap();
        Self(rehearsal)
    }

    /// How it ended, what it printed, and its page.
    async fn end(self) -> (ExitStatus, String, String) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.ended().unwrap() {
                let page = fs::read_to_string(Path::new(self.0.folder().path()).join("report.html")).unwrap();
                return (status, self.0.log(), page);
            }
            assert!(begun.elapsed() < LIMIT, "it runs on:\n{}", self.0.log_end());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn server() -> AppProcess {
    let options = AppOptions::new(flashdeal_binary().unwrap()).env("FLASHDEAL_RATE_LIMIT", "off");
    AppProcess::start(options).await.unwrap()
}

/// Fails, unless the books balance and both reports say so in one line.
fn balanced(status: ExitStatus, said: &str, page: &str) {
    assert!(status.success(), "{status}:\n{said}");
    let verdict = said.lines().last().unwrap();
    assert!(verdict.starts_with("The books balance: 40 for sale - "), "{said}");
    assert!(page.contains(&format!("✓ {verdict}")) && page.matches("<svg").count() == 4, "{page}");
}

#[tokio::test]
async fn every_kind_of_arrival_is_rehearsed_to_its_end() {
    let server = server().await;
    for arrivals in ["burst", "ramp", "poisson"] {
        let plan = ["--buyers", "100", "--stock", "40", "--over", "1s", "--think", "20ms", "--arrivals", arrivals];
        let (status, said, page) = Rehearsal::start(&server, &plan).end().await;
        balanced(status, &said, &page);
        assert!(said.contains(&format!("100 buyers ({arrivals} over 1.0 s, seed 1), 40 units")), "{said}");
        let came = said.lines().find_map(|line| line.trim().strip_prefix("came")).unwrap();
        assert_eq!(came.trim(), "100", "{said}");
    }
}

#[tokio::test]
async fn ctrl_c_gives_the_report_so_far() {
    let server = server().await;
    // An hour of buyers: it ends by the signal, or this test by its limit.
    let plan = ["--buyers", "36000", "--stock", "40", "--over", "1h", "--think", "20ms", "--arrivals", "poisson"];
    let rehearsal = Rehearsal::start(&server, &plan);
    let http = server.http().unwrap();
    let begun = Instant::now();
    while http.get("/api/orders?limit=5").send().await.unwrap().json["items"].as_array().unwrap().len() < 3 {
        assert!(begun.elapsed() < LIMIT, "nobody buys:\n{}", rehearsal.0.log_end());
        sleep(Duration::from_millis(50)).await;
    }
    rehearsal.0.signal(Signal::INT).unwrap();
    let (status, said, page) = rehearsal.end().await;
    balanced(status, &said, &page);
    assert!(said.contains("It was stopped after ") && said.contains(" of 36000 buyers"), "{said}");
    assert!(page.contains("It was stopped after "), "{page}");
}

#[tokio::test]
async fn a_server_elsewhere_needs_a_word_and_one_that_is_not_there_is_named() {
    for (url, reason) in [("http://203.0.113.9", "--yes-this-is-my-server"), ("http://127.0.0.1:9", "127.0.0.1:9")] {
        let options = AppOptions::new(flashdeal_binary().unwrap()).arg("rehearse").arg(url);
        let (status, said) = AppProcess::run_to_end(options, LIMIT).await.unwrap();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.starts_with("flashdeal: ") && said.contains(reason), "{said}");
    }
}
