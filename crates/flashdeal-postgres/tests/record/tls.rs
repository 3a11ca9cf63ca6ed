//! Encrypted connections, and whom they trust.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use flashdeal_domain::StockRepository;
use flashdeal_postgres::{ConnectError, PostgresConfig, PostgresStore};
use flashdeal_tests::folder::Folder;
use flashdeal_tests::postgres::{PostgresOptions, PrivatePostgres};
use flashdeal_tests::programs::user_ids;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::support::{database, database_on, product, sale, sold, value};

/// A server whose certificate, for `localhost`, the authority in the file signed; and the file of another authority.
struct Secured {
    server: PrivatePostgres,
    authority: PathBuf,
    stranger: PathBuf,
    _folder: Folder,
}

fn authority(file: &Path) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(file, issuer.pem()).unwrap();
    issuer
}

async fn secured() -> Secured {
    let folder = Folder::new("certificates").unwrap();
    let file = |name: &str| folder.path().join(name);
    let issuer = authority(&file("authority.pem"));
    authority(&file("stranger.pem"));
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(file("server.pem"), certificate.pem()).unwrap();
    fs::write(file("server.key"), key.serialize_pem()).unwrap();
    fs::set_permissions(file("server.key"), Permissions::from_mode(0o600)).unwrap();
    // PostgreSQL wants a key of its own, and as root it runs as this user.
    if let Ok((uid, gid)) = user_ids("postgres") {
        let _ = chown(file("server.key"), Some(uid), Some(gid));
    }
    let setting = |name: &str, file: PathBuf| (name.to_owned(), file.to_str().unwrap().to_owned());
    let settings = vec![
        ("ssl".to_owned(), "on".to_owned()),
        setting("ssl_cert_file", file("server.pem")),
        setting("ssl_key_file", file("server.key")),
    ];
    let server = PrivatePostgres::start(PostgresOptions { settings, ..PostgresOptions::default() }).await.unwrap();
    Secured { server, authority: file("authority.pem"), stranger: file("stranger.pem"), _folder: folder }
}

#[tokio::test]
async fn each_mode_encrypts_and_checks_what_it_says() {
    let secured = secured().await;
    let database = database_on(&secured.server).await;
    let url = |host: &str, query: &str| format!("{}?{query}", database.url().replace("127.0.0.1", host));
    let trusting = |mode: &str, file: &Path| format!("sslmode={mode}&sslrootcert={}", file.display());
    let encrypted = "SELECT string_agg(DISTINCT ssl::text, ' ') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE datname = current_database() AND application_name = 'flashdeal'";

    for (host, query, ssl) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), "false"),
        ("127.0.0.1", "sslmode=prefer".to_owned(), "true"),
        ("127.0.0.1", "sslmode=require".to_owned(), "true"),
        ("127.0.0.1", trusting("require", &secured.authority), "true"),
        ("127.0.0.1", trusting("verify-ca", &secured.authority), "true"),
        ("localhost", trusting("verify-full", &secured.authority), "true"),
    ] {
        let store = PostgresStore::connect(PostgresConfig::new(url(host, &query))).await.unwrap();
        let product = product(&store, 1).await;
        sold(store.commit(sale(product, "ada")).await);
        assert_eq!(value(&database, encrypted).await, ssl, "{host} {query}");
        drop(store);
        let gone = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'flashdeal'";
        while value(&database, gone).await != "0" {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    for (host, query) in [
        ("127.0.0.1", trusting("verify-full", &secured.authority)),
        ("localhost", trusting("verify-full", &secured.stranger)),
        ("localhost", trusting("verify-ca", &secured.stranger)),
        ("localhost", trusting("require", &secured.stranger)),
        // The system's authorities did not sign it.
        ("localhost", "sslmode=verify-full".to_owned()),
    ] {
        let error = PostgresStore::connect(PostgresConfig::new(url(host, &query))).await.err().unwrap();
        assert!(
            matches!(error, ConnectError::Unreachable(_) | ConnectError::Config(_))
                && error.to_string().contains("certificate"),
            "{host} {query}: {error}"
        );
    }
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_where_it_is_required() {
    let url = format!("{}?sslmode=require", database().await.url());
    let error = PostgresStore::connect(PostgresConfig::new(url)).await.err().unwrap();
    assert!(error.to_string().contains("does not support TLS"), "{error}");
}
