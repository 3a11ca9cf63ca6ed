//! The users and roles of `docker/`, which have no more rights than they need: a sale works with them, and what would harm one
//! does not. (That everything else works, too, is shown by the contracts of both adapters, which run as these users.)

use std::time::Duration;

use flashdeal_tests::deploy::{APP, MIGRATOR, REDIS_OPERATOR, REDIS_USER, as_role, grant, make_roles, redis_settings};
use flashdeal_tests::folder::Folder;
use flashdeal_tests::postgres::{Database, PostgresOptions, PrivatePostgres, sql};
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};
use flashdeal_tests::resp::{Reply, command_as};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::processes::REQUEST_DEADLINE;
use crate::reply;
use crate::shop::{Call, checkout_path, reserve_path, settled};

/// How long a command of the binary may take.
const LIMIT: Duration = Duration::from_mins(1);

/// Roles belong to a whole server, so these cases have one to themselves.
static POSTGRES: OnceCell<PrivatePostgres> = OnceCell::const_new();

/// A database with the roles, migrated by the one and ready for the other.
async fn database() -> Database {
    let start = || PrivatePostgres::start(PostgresOptions::default());
    let server = POSTGRES.get_or_try_init(start).await.unwrap();
    let prepare = async |url: String| {
        make_roles(&url)?;
        let said = flashdeal(&["migrate", "--database-url", &as_role(&url, MIGRATOR)]).await;
        assert!(said.contains("20261122080000") && said.contains("the schema is up to date"), "{said}");
        grant(&as_role(&url, MIGRATOR))
    };
    server.fresh_database("guarded", prepare).await.unwrap()
}

/// What the binary said that did what it was asked to.
async fn flashdeal(arguments: &[&str]) -> String {
    let options = arguments.iter().fold(AppOptions::new(flashdeal_binary().unwrap()), |options, one| options.arg(one));
    let (status, said) = AppProcess::run_to_end(options, LIMIT).await.unwrap();
    assert!(status.success(), "{status}: {said}");
    said
}

/// An instance over stores with users and roles.
struct Deployed {
    app: AppProcess,
    redis: PrivateRedis,
    urls: [String; 2],
    _settings: Folder,
}

async fn deployed() -> Deployed {
    let folder = Folder::new("settings").unwrap();
    let settings = redis_settings(&folder).unwrap();
    let redis = PrivateRedis::start(RedisOptions { settings, ..RedisOptions::default() }).await.unwrap();
    let urls = [as_role(&database().await.url(), APP), redis.url().replace("://", &format!("://{REDIS_USER}@"))];
    let options = AppOptions::new(flashdeal_binary().unwrap()).env("FLASHDEAL_RATE_LIMIT", "1000/1m");
    let options = options.env("DATABASE_URL", &urls[0]).env("REDIS_URL", &urls[1]);
    let options = options.env("FLASHDEAL_REQUEST_DEADLINE", REQUEST_DEADLINE);
    Deployed { app: AppProcess::start_supervised(options).await.unwrap(), redis, urls, _settings: folder }
}

impl Deployed {
    async fn call(&self, method: &str, path: &str, body: Value) -> reply::Reply {
        let http = self.app.http().unwrap();
        settled(async || {
            let call = Call::new(http.clone(), method, path).header("Idempotency-Key", "once");
            if body.is_null() { call.try_send().await } else { call.json(&body).try_send().await }
        })
        .await
    }

    async fn operator(&self, command: &[&str]) -> Reply {
        command_as(self.redis.addr(), REDIS_OPERATOR, command).await.unwrap()
    }
}

#[tokio::test]
async fn a_sale_needs_no_more_rights_than_it_has() {
    let shop = deployed().await;
    let new = json!({ "name": "Phone", "price": 5, "totalStock": 10 });
    let product = shop.call("POST", "/api/products", new).await.is(201).id("id");
    let (path, status) = (format!("/api/products/{product}"), format!("/api/products/{product}/status"));
    let (reserve, checkout) = (reserve_path(&product), checkout_path(&product));
    shop.call("PATCH", &path, json!({ "addStock": 5, "price": 6, "name": "Telephone" })).await.is(200);
    shop.call("PATCH", &path, json!({ "addStock": -5 })).await.is(200);
    shop.call("PATCH", &path, json!({ "startsAt": "1970-01-01T00:00:00Z", "maxPerReservation": 9 })).await.is(200);
    for user in ["ada", "bob", "carl"] {
        shop.call("POST", &reserve, json!({ "userId": user, "quantity": 2 })).await.is(201);
        shop.call("POST", &reserve, json!({ "userId": user, "quantity": 2 })).await.is(200);
    }
    shop.call("DELETE", &reserve, json!({ "userId": "bob" })).await.is(200);
    let order = shop.call("POST", &checkout, json!({ "userId": "ada" })).await.is(201);
    shop.call("POST", &checkout, json!({ "userId": "ada" })).await.is(200);
    shop.call("GET", &format!("/api/orders/{}", order.id("orderId")), json!(null)).await.is(200);
    shop.call("GET", &format!("{reserve}?userId=carl"), json!(null)).await.is(200);

    // Neither a Redis that died nor one that was emptied needs more.
    shop.redis.kill9().await.unwrap();
    shop.redis.restart().await.unwrap();
    shop.call("GET", &status, json!(null)).await.is(200);
    shop.call("GET", &format!("{reserve}?userId=carl"), json!(null)).await.is(200);
    shop.operator(&["FLUSHALL"]).await;
    shop.call("POST", &reserve, json!({ "userId": "dora", "quantity": 8 })).await.is(201);
    shop.call("POST", &checkout, json!({ "userId": "dora" })).await.is(201);
    let level = shop.call("GET", &status, json!(null)).await.is(200);
    assert_eq!((level.count("totalStock"), level.count("reservedStock")), (0, 0), "{level}");

    let [database, redis] = &shop.urls;
    let said = flashdeal(&["verify", "--database-url", database, "--redis-url", redis]).await;
    assert!(said.contains("the books balance"), "{said}");
    flashdeal(&["rebuild", "--yes", "--database-url", database, "--redis-url", redis]).await;
    let said = flashdeal(&["orders", "--format", "jsonl", "--database-url", database]).await;
    assert_eq!(said.matches(r#""orderId":"#).count(), 2, "{said}");
    shop.call("GET", "/health/ready", json!(null)).await.is(200);
    let log = shop.app.supervised().log();
    for refusal in ["NOPERM", "permission denied", "must be owner", "Set appendfsync", "maxmemory-policy"] {
        assert!(!log.contains(refusal), "{log}");
    }
}

/// Who forgot `grants.sql` after an upgrade is told of an error, and loses nothing to it.
#[tokio::test]
async fn a_change_for_which_a_right_is_missing_takes_no_unit_off_sale() {
    let shop = deployed().await;
    let new = json!({ "name": "Phone", "price": 5, "totalStock": 10 });
    let product = shop.call("POST", "/api/products", new).await.is(201).id("id");
    let (path, status) = (format!("/api/products/{product}"), format!("/api/products/{product}/status"));
    let migrator = shop.urls[0].replace(APP, MIGRATOR);
    sql(&migrator, "REVOKE UPDATE (max_per_reservation) ON products FROM flashdeal_app").await.unwrap();
    let http = shop.app.http().unwrap();
    for _ in 0..2 {
        // Not by `call`, for which a 500 is always a fault.
        let refused = http.patch(&path).json(&json!({ "addStock": -4, "maxPerReservation": 2 })).send().await.unwrap();
        assert_eq!((refused.status, refused.code()), (500, Some("internal")), "{}", refused.text);
        let level = shop.call("GET", &status, json!(null)).await.is(200);
        assert_eq!((level.count("totalStock"), level.count("reservedStock")), (10, 0), "{level}");
    }
    shop.call("PATCH", &path, json!({ "addStock": -4 })).await.is(200);
    grant(&migrator).unwrap();
    shop.call("PATCH", &path, json!({ "addStock": -4, "maxPerReservation": 2 })).await.is(200);
    let level = shop.call("GET", &status, json!(null)).await.is(200);
    assert_eq!((level.count("totalStock"), level.count("reservedStock")), (2, 0), "{level}");
}

#[tokio::test]
async fn the_role_that_sells_can_neither_rewrite_the_ledger_nor_change_the_schema() {
    let database = database().await;
    // A clone lacks what is said of the database itself.
    make_roles(&database.url()).unwrap();
    let url = as_role(&database.url(), APP);
    sql(&url, "SELECT count(*) FROM products; SELECT count(*) FROM stock_ledger").await.unwrap();
    for statement in [
        "DELETE FROM stock_ledger",
        "UPDATE stock_ledger SET delta = 0",
        "TRUNCATE stock_ledger",
        "DROP TABLE stock_ledger",
        "ALTER TABLE stock_ledger DISABLE TRIGGER ALL",
        "DROP TRIGGER stock_ledger_is_append_only ON stock_ledger",
        "ALTER TABLE stock_ledger OWNER TO flashdeal_app",
        "DELETE FROM products",
        "UPDATE products SET id = id",
        "UPDATE products SET created_at = created_at",
        "ALTER TABLE products ADD COLUMN mine integer",
        "DROP TABLE products CASCADE",
        "DELETE FROM order_readers",
        "UPDATE order_readers SET reader = reader",
        "DELETE FROM __diesel_schema_migrations",
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('1')",
        "CREATE TABLE mine (id integer)",
        "CREATE TEMPORARY TABLE mine (id integer)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "DROP FUNCTION refuse_to_rewrite_the_ledger CASCADE",
        "COPY products TO PROGRAM 'true'",
        "SET ROLE flashdeal_migrator",
        "CREATE ROLE mine",
        "ALTER ROLE flashdeal_app SUPERUSER",
        "SET session_replication_role = replica",
    ] {
        let refusal = sql(&url, statement).await.err().map(|error| format!("{error:#}")).unwrap_or_default();
        let refused = ["permission denied", "must be owner", "must be superuser", "must be member"];
        assert!(refused.iter().any(|reason| refusal.contains(reason)), "{statement}: {refusal:?}");
    }
}

#[tokio::test]
async fn the_user_of_redis_sees_its_own_keys_and_runs_what_it_needs() {
    let shop = deployed().await;
    let (name, password) = REDIS_USER.split_once(':').unwrap();
    let ask = async |command: &[&str]| command_as(shop.redis.addr(), [name, password], command).await.unwrap();
    assert_eq!(ask(&["PING"]).await, Reply::Text("PONG".to_owned()));
    let writes = "return redis.call('SET', KEYS[1], 1)";
    for command in [
        &["FLUSHALL"][..],
        &["FLUSHDB"],
        &["CONFIG", "SET", "appendonly", "no"],
        &["CONFIG", "REWRITE"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["MONITOR"],
        &["SHUTDOWN", "NOSAVE"],
        &["REPLICAOF", "NO", "ONE"],
        &["SAVE"],
        &["BGREWRITEAOF"],
        &["SCRIPT", "FLUSH"],
        &["FUNCTION", "FLUSH"],
        &["CLIENT", "KILL", "TYPE", "normal"],
        &["ACL", "SETUSER", name, "+@all"],
        &["ACL", "LIST"],
        &["PUBLISH", "channel", "x"],
        &["SUBSCRIBE", "channel"],
        &["GET", "other"],
        &["SET", "other", "x"],
        &["EVAL", writes, "1", "other"],
        &["EVAL", "return redis.call('FLUSHALL')", "0"],
    ] {
        let Reply::Error(refusal) = ask(command).await else { panic!("{command:?} is allowed") };
        let refused = ["NOPERM", "can't run this command", "can't access"];
        assert!(refused.iter().any(|reason| refusal.contains(reason)), "{command:?}: {refusal}");
    }
    // Nobody gets in without a name.
    let Reply::Error(refusal) = flashdeal_tests::resp::command(shop.redis.addr(), &["GET", "x"]).await.unwrap() else {
        panic!("anybody may ask")
    };
    assert!(refusal.starts_with("NOAUTH"), "{refusal}");
}

#[tokio::test]
async fn a_role_that_may_not_change_the_schema_is_told_who_should() {
    let database = {
        database().await;
        POSTGRES.get().unwrap().empty_database().await.unwrap()
    };
    make_roles(&database.url()).unwrap();
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let options = AppOptions::new(flashdeal_binary().unwrap()).env("REDIS_URL", &redis.url());
    let options = options.env("DATABASE_URL", &as_role(&database.url(), APP));
    let (status, said) = AppProcess::run_to_end(options.clone(), LIMIT).await.unwrap();
    assert!(!status.success() && said.contains("flashdeal migrate"), "{status}: {said}");
    let (status, said) = AppProcess::run_to_end(options.arg("migrate"), LIMIT).await.unwrap();
    assert!(!status.success() && said.contains("may this role change it?"), "{status}: {said}");
    assert!(!said.contains("record"), "the password is not told: {said}");
}
