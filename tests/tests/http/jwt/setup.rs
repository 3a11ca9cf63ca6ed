//! The keys and the settings.

use std::time::Duration;

use flashdeal_tests::folder::Folder;
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::processes::Processes;
use crate::shop::{Mode, settled};

use super::tokens;

cases!(embedded only: the_kid_chooses_among_the_keys_of_a_set, an_open_door_needs_a_lock_or_an_explicit_word);

async fn the_kid_chooses_among_the_keys_of_a_set(mode: Mode) {
    let keys = Folder::new("keys").unwrap();
    let set = keys.path().join("jwks.json");
    let key = |kid: &str, x: &str| json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x });
    let symmetric = json!({ "kty": "oct", "alg": "HS256", "kid": "secret", "k": "c2VjcmV0LW9mLXNldmVyYWwtYnl0ZXMtbW9yZS10aGFuLTMy" });
    let jwks = json!({ "keys": [key("old", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), symmetric, key("new", tokens::ED25519_X)] });
    std::fs::write(&set, jwks.to_string()).unwrap();
    let shop = Processes::start(
        mode,
        &[
            ("FLASHDEAL_AUTH", "jwt"),
            ("FLASHDEAL_JWT_ALGORITHM", "EdDSA"),
            ("FLASHDEAL_JWT_AUDIENCE", "shop"),
            ("FLASHDEAL_JWT_JWKS_FILE", set.to_str().unwrap()),
        ],
    )
    .await;
    let ask = async |algorithm: Algorithm, kid: Option<&str>, key: EncodingKey| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
        let token = tokens::bearer(&header, &tokens::claims("ada"), &key);
        settled(async || shop.call("GET", "/api/orders").header("Authorization", &token).try_send().await).await
    };
    let ours = || EncodingKey::from_ed_pem(tokens::ED25519.as_bytes()).unwrap();
    ask(Algorithm::EdDSA, Some("new"), ours()).await.is(200);
    for kid in [None, Some("old"), Some("secret"), Some(""), Some("unknown")] {
        ask(Algorithm::EdDSA, kid, ours()).await.refused(401, "unauthorized");
    }
    let secret = EncodingKey::from_secret(b"secret-of-several-bytes-more-than-32");
    ask(Algorithm::HS256, Some("secret"), secret).await.refused(401, "unauthorized");
}

async fn an_open_door_needs_a_lock_or_an_explicit_word(_mode: Mode) {
    let keys = Folder::new("keys").unwrap();
    let file = |name: &str, text: &str| {
        let path = keys.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let run = async |settings: &[(&str, &str)], arguments: &[&str]| {
        let mut options = AppOptions::new(flashdeal_binary().unwrap());
        for (name, value) in settings {
            options = options.env(name, value);
        }
        for argument in arguments {
            options = options.arg(argument);
        }
        let (status, said) = AppProcess::run_to_end(options, Duration::from_secs(30)).await.unwrap();
        assert!(!status.success() && !said.contains("panicked"), "{status}: {said}");
        (status.code(), said)
    };
    // An address of documentation's: nobody has it, so that nothing is ever served there.
    let elsewhere = ["--bind", "192.0.2.1:8080"];
    for bind in ["192.0.2.1:8080", "0.0.0.0:0", "[::]:0"] {
        let (code, said) = run(&[], &["--bind", bind]).await;
        assert!(code == Some(2) && said.contains("--insecure-no-auth"), "{bind}: {code:?}: {said}");
    }
    let (_, said) = run(&[("FLASHDEAL_INSECURE_NO_AUTH", "false")], &elsewhere).await;
    assert!(said.contains("--insecure-no-auth"), "{said}");
    let key = file("key.pem", tokens::RSA_PUBLIC);
    let jwt = [("FLASHDEAL_AUTH", "jwt"), ("FLASHDEAL_JWT_ALGORITHM", "RS256"), ("FLASHDEAL_JWT_AUDIENCE", "shop")];
    let locked = [&jwt[..], &[("FLASHDEAL_JWT_KEY_FILE", &key)]].concat();
    for settings in [&[("FLASHDEAL_INSECURE_NO_AUTH", "true")][..], &locked] {
        let (code, said) = run(settings, &elsewhere).await;
        assert!(code == Some(1) && said.contains("cannot listen on 192.0.2.1:8080"), "{code:?}: {said}");
    }
    // A lock that would not lock is none.
    let private = file("private.pem", "-----BEGIN PRIVATE KEY-----\nnot-a-key\n-----END PRIVATE KEY-----\n");
    let (short, missing) = (file("short", "too short to be a secret"), keys.path().join("missing"));
    let hs256 = [("FLASHDEAL_AUTH", "jwt"), ("FLASHDEAL_JWT_ALGORITHM", "HS256"), ("FLASHDEAL_JWT_AUDIENCE", "shop")];
    let secret = "a shared secret that nobody may read in a log";
    let wrong: [&[(&str, &str)]; 9] = [
        &jwt,
        &[&jwt[..], &[("FLASHDEAL_JWT_SECRET", secret)]].concat(),
        &[&jwt[..], &[("FLASHDEAL_JWT_KEY_FILE", &private)]].concat(),
        &[&jwt[..], &[("FLASHDEAL_JWT_KEY_FILE", missing.to_str().unwrap())]].concat(),
        &[&jwt[..], &[("FLASHDEAL_JWT_JWKS_FILE", &key)]].concat(),
        &[&locked[..], &[("FLASHDEAL_JWT_AUDIENCE", " ")]].concat(),
        &[&locked[..], &[("FLASHDEAL_JWT_ALGORITHM", "none")]].concat(),
        &[&hs256[..], &[("FLASHDEAL_JWT_KEY_FILE", &short)]].concat(),
        &[&hs256[..], &[("FLASHDEAL_JWT_SECRET", secret), ("FLASHDEAL_JWT_KEY_FILE", &key)]].concat(),
    ];
    for settings in wrong {
        let (_, said) = run(settings, &[]).await;
        assert!(!said.contains(secret) && !said.contains("not-a-key") && !said.contains("too short to be"), "{said}");
    }
}
