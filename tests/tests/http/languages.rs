//! The clients in other languages, in `crates/flashdeal-client`: their example against a real server, their own tests, their types,
//! and that nothing of the API's description is missing in them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flashdeal_tests::process::{AppOptions, AppProcess};
use flashdeal_tests::programs::language_tool;
use serde_json::Value;

use crate::examples::says;
use crate::processes::Processes;
use crate::shop::Mode;

cases!(@mode embedded, Embedded, python_buys, javascript_buys);
cases!(@mode distributed, Distributed, python_buys, javascript_buys);

/// How long a program may take: type checkers are slow on a busy machine.
const LIMIT: Duration = Duration::from_mins(5);

const ADMIN: &str = "1f0c-admin-key-for-the-tests";

fn client(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/flashdeal-client").join(path).canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(client(path)).unwrap()
}

/// The files of a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(client(folder)).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

/// A program of `PATH` in a folder of its own; nothing is written into the project.
fn program(name: &str, package: &str) -> AppOptions {
    let options = AppOptions::new(language_tool(name, package).unwrap());
    // What manages several versions of an interpreter asks for it.
    let options = options.env("HOME", &std::env::var("HOME").unwrap_or_default());
    options.env("PYTHONDONTWRITEBYTECODE", "1").env("NODE_NO_WARNINGS", "1")
}

fn python() -> AppOptions {
    program("python3", "python3").env("PYTHONPATH", client("python/src").to_str().unwrap())
}

fn node() -> AppOptions {
    program("node", "nodejs")
}

/// Runs a program to its end, which must be a good one; what it said.
async fn run(options: AppOptions) -> String {
    let what = format!("{} {}", options.binary.display(), options.arguments.join(" "));
    let (status, said) = AppProcess::run_to_end(options, LIMIT).await.unwrap();
    assert!(status.success(), "{what} ended with {status}:\n{said}");
    said
}

/// Runs an example against a server that asks for a key.
async fn buys(mode: Mode, options: AppOptions, example: &str) {
    let shop = Processes::start(mode, &[("FLASHDEAL_AUTH", "keys"), ("FLASHDEAL_ADMIN_KEYS", ADMIN)]).await;
    let url = format!("http://{}", shop.next().addr());
    let said = run(options.arg(client(example).to_str().unwrap()).arg(&url).arg(ADMIN)).await;
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    let expected = [
        "Phone costs 499.90, 3 to sell",
        "live: 3 available",
        "2 held until …",
        "live: 1 available",
        "insufficient_stock: 1 left (all_held)",
        "order … for 999.80; 1 left",
        "restocked: 11 for 450.00 each",
        "bob waits for 2, 0 before him",
        "bob is called: 2 held until …",
    ];
    says(&lines, &expected);
}

async fn python_buys(mode: Mode) {
    buys(mode, python(), "python/examples/buy.py").await;
}

async fn javascript_buys(mode: Mode) {
    buys(mode, node(), "javascript/examples/buy.js").await;
}

/// The first program of a README, against a server that asks for a key; `settings` is what is said about the token.
async fn readme_of(folder: &str, language: &str, settings: [&str; 2], run_it: impl Fn(String) -> AppOptions) {
    let shop = Processes::start(Mode::Embedded, &[("FLASHDEAL_AUTH", "keys"), ("FLASHDEAL_ADMIN_KEYS", ADMIN)]).await;
    let text = read(&format!("{folder}/README.md"));
    let (_, program) = text.split_once(&format!("```{language}\n")).unwrap();
    let (program, _) = program.split_once("```\n").unwrap();
    let address = shop.next().addr().to_string();
    let changed = program.replace("127.0.0.1:8080", &address).replace(settings[0], &settings[1].replace("KEY", ADMIN));
    assert!(changed.contains(ADMIN) && changed.contains(&address), "{changed}");
    let said = run(run_it(changed)).await;
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    says(&lines, &["order … for 999.80", "insufficient_stock: 1 left (all_held)"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_readme_is_true() {
    // More patient than by default: a busy machine is no failure.
    let settings = ["token=None", "token='KEY', attempt_time=60, total_time=200"];
    readme_of("python", "python", settings, |program| python().arg("-c").arg(&program)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn javascripts_readme_is_true() {
    let settings = ["token: undefined", "token: 'KEY', attemptTimeMs: 60_000, totalTimeMs: 200_000"];
    let index = client("javascript/src/index.js");
    readme_of("javascript", "js", settings, |program| {
        let program = program.replace("from \"flashdeal\"", &format!("from \"file://{}\"", index.display()));
        node().arg("--input-type=module").arg("--eval").arg(&program)
    })
    .await;
}

#[tokio::test]
async fn python_tests_itself() {
    let tests = client("python/tests");
    let discover = ["-W", "error", "-m", "unittest", "discover", "-s", tests.to_str().unwrap()];
    let said = run(discover.iter().fold(python(), |options, argument| options.arg(argument))).await;
    let ran = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split_once(' ')?.0.parse().ok());
    assert!(ran.is_some_and(|ran: u32| ran >= 30), "{said}");
    assert!(!said.contains("skipped"), "{said}");
}

#[tokio::test]
async fn javascript_tests_itself() {
    let tests = files("javascript/test", ".test.js");
    assert!(tests.len() >= 4);
    let options = tests.iter().fold(node().arg("--test"), |options, test| options.arg(test.to_str().unwrap()));
    let said = run(options).await;
    let count = |what: &str| said.lines().find_map(|line| line.split_once(what)?.1.trim().parse::<u32>().ok());
    assert!(count(" pass ").is_some_and(|passed| passed >= 29), "{said}");
    assert_eq!(count(" skipped "), Some(0), "{said}");
}

#[tokio::test]
async fn python_has_the_types_it_says() {
    let options = program("mypy", "mypy").arg("--strict").arg("--cache-dir=/dev/null").arg("--config-file");
    let options = options.arg(client("python/pyproject.toml").to_str().unwrap());
    let folders = ["src", "tests", "examples"].map(|folder| client(&format!("python/{folder}")));
    run(folders.iter().fold(options, |options, folder| options.arg(folder.to_str().unwrap()))).await;
}

#[tokio::test]
async fn javascript_has_the_types_it_says() {
    let options = program("tsc", "node-typescript").arg("--project");
    run(options.arg(client("javascript/tsconfig.json").to_str().unwrap())).await;
}

/// Fails, unless the text has the name as a word of its own.
fn has(text: &str, name: &str, whose: &str) {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let found = text.match_indices(name).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| text.as_bytes().get(at));
        !is_word(before) && !is_word(text.as_bytes().get(at + name.len()))
    });
    assert!(found, "{name} is in openapi.json, and not in the client for {whose}");
}

#[test]
fn nothing_of_the_description_is_missing() {
    let described: Value = serde_json::from_str(&read("../flashdeal-app/openapi.json")).unwrap();
    let routes: BTreeSet<String> = described["paths"].as_object().unwrap().iter().flat_map(routes_of).collect();
    let known = [
        "DELETE /api/products/{productId}/reserve",
        "DELETE /api/products/{productId}/waitlist",
        "GET /api/events",
        "GET /api/openapi.json",
        "GET /api/orders",
        "GET /api/orders/{orderId}",
        "GET /api/products",
        "GET /api/products/{productId}",
        "GET /api/products/{productId}/events",
        "GET /api/products/{productId}/reserve",
        "GET /api/products/{productId}/status",
        "GET /api/products/{productId}/waitlist",
        "PATCH /api/products/{productId}",
        "POST /api/products",
        "POST /api/products/{productId}/checkout",
        "POST /api/products/{productId}/reserve",
        "POST /api/products/{productId}/waitlist",
    ];
    assert_eq!(routes, known.map(str::to_owned).into(), "give the clients a method for a new route, and name it here");

    let python: String =
        files("python/src/flashdeal", ".py").iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let javascript = read("javascript/types/index.d.ts");
    for (name, schema) in described["components"]["schemas"].as_object().unwrap() {
        let Some(properties) =
            schema["properties"].as_object().or_else(|| schema["allOf"][0]["properties"].as_object())
        else {
            continue;
        };
        // Of the rest nothing is read, or it is made of the same fields.
        let unread = ["type", "title", "failing", "store", "event", "data", "timestamp"];
        for property in properties.keys().filter(|property| name != "Health" && !unread.contains(&property.as_str())) {
            has(&python, &format!("\"{property}\""), "Python");
            has(&javascript, property, "JavaScript");
        }
        for code in properties.get("code").and_then(|code| code["enum"].as_array()).into_iter().flatten() {
            has(&javascript, &format!("\"{}\"", code.as_str().unwrap()), "JavaScript");
        }
    }
}

fn routes_of((path, methods): (&String, &Value)) -> Vec<String> {
    let all = methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase()));
    all.filter(|_| path.starts_with("/api/")).collect()
}

#[test]
fn they_have_the_version_of_the_server() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("python/pyproject.toml").contains(&format!("\nversion = \"{version}\"\n")));
    assert!(read("javascript/package.json").contains(&format!("\"version\": \"{version}\",\n")));
}
