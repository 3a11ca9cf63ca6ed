//! The folder: whose it is, and what may be in it.

#![expect(clippy::unwrap_used, reason = "it fails by panicking")]

#[path = "support/store.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use diesel::RunQueryDsl;
use flashdeal_domain::{ReservationLedger, StockRepository, StoreError};
use flashdeal_embedded::{EmbeddedStore, OpenError};

use support::{Folder, MovedClock, call, connect, minutes, open, product, reserve, user};

const OTHER: &str = "FLASHDEAL_TEST_OTHER";

fn try_open(path: &Path) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(path, Arc::new(MovedClock::default()))
}

fn refusal(path: &Path) -> OpenError {
    match try_open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_ends() {
    if let Ok(path) = std::env::var(OTHER) {
        let code = match try_open(&PathBuf::from(path)) {
            Ok(_) => 11,
            Err(OpenError::InUse { .. }) => 12,
            Err(_) => 13,
        };
        std::process::exit(code);
    }
    let folder = Folder::new();
    let other = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_second_process_is_refused_until_the_first_ends"])
            .env(OTHER, folder.path())
            .status()
            .unwrap()
            .code()
    };
    let store = open(&folder, Arc::new(MovedClock::default()));
    assert_eq!(other(), Some(12));
    let error = refusal(folder.path());
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    store.close().await;
    assert_eq!(other(), Some(11));
}

#[test]
fn the_folder_is_made_and_its_owners_alone() {
    let folder = Folder::new();
    let path = folder.path().join("a/b");
    drop(try_open(&path).unwrap());
    assert!(path.join("flashdeal.db").is_file());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let error = refusal(&file.join("data"));
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
    assert!(error.to_string().contains("file/data"), "{error}");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let folder = Folder::new();
    let file = folder.path().join("flashdeal.db");
    std::fs::write(&file, "Dear diary, this is not a database at all.").unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::NotADatabase { .. }));
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("Dear diary"));

    std::fs::remove_file(&file).unwrap();
    diesel::sql_query("CREATE TABLE recipes (name TEXT)").execute(&mut connect(&folder)).unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::NotADatabase { .. }));
}

#[test]
fn a_newer_schema_is_refused_by_name() {
    let folder = Folder::new();
    drop(try_open(folder.path()).unwrap());
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')";
    diesel::sql_query(newer).execute(&mut connect(&folder)).unwrap();
    let error = refusal(folder.path());
    assert!(matches!(error, OpenError::NewerSchema { .. }), "{error}");
    assert!(error.to_string().contains("29990101000000"), "{error}");
}

#[tokio::test]
async fn a_closed_store_answers_at_once_and_leaves_one_file() {
    let folder = Folder::new();
    let store = open(&folder, Arc::new(MovedClock::default()));
    let product = product(&store, 10).await;
    reserve(&store, call(product, "ada", 3, minutes(10))).await.unwrap();
    store.close().await;
    assert!(matches!(StockRepository::ping(&store).await, Err(StoreError::Unavailable { .. })));
    assert!(store.status(product).await.is_err());
    assert!(store.reserve(call(product, "bob", 1, minutes(10))).await.is_err());
    assert!(store.product(product).await.is_err());
    assert!(store.open_epoch(product).await.is_err());
    store.close().await;
    let wal = folder.path().join("flashdeal.db-wal");
    assert!(!wal.exists() || wal.metadata().unwrap().len() == 0);

    let store = open(&folder, Arc::new(MovedClock::default()));
    assert_eq!(store.hold(product, &user("ada")).await.unwrap().unwrap().quantity.get(), 3);
}

#[test]
fn migrations_go_down_and_up_again() {
    use diesel_migrations::{FileBasedMigrations, MigrationHarness};
    let folder = Folder::new();
    drop(try_open(folder.path()).unwrap());
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
    let all = FileBasedMigrations::from_path(all).unwrap();
    let mut conn = connect(&folder);
    conn.revert_all_migrations(all.clone()).unwrap();
    let tables =
        "SELECT count(*) AS value FROM sqlite_schema WHERE name NOT LIKE '%diesel%' AND name NOT LIKE 'sqlite%'";
    assert_eq!(support::value(&mut conn, tables), 0);
    drop(conn);
    drop(try_open(folder.path()).unwrap());
}
