//! What `docker/kubernetes/` says of the server, against what the server says of itself.

mod helm;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/kubernetes")
}

fn read(path: &str) -> String {
    fs::read_to_string(folder().join(path)).unwrap()
}

fn is_manifest(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "yaml")
}

/// The number behind `name:`, which must stand there once.
fn number(text: &str, name: &str) -> u64 {
    let mut found = text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
    let number = found.next().and_then(|number| number.trim().parse().ok());
    assert!(found.next().is_none(), "{name} stands twice");
    number.unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn every_manifest_is_in_the_kustomization_or_applied_by_hand() {
    let kustomization = read("kustomization.yaml");
    let listed: BTreeSet<_> = kustomization.lines().filter_map(|line| line.strip_prefix("  - ")).collect();
    let listed: BTreeSet<_> = listed.into_iter().filter(|name| is_manifest(name)).map(str::to_owned).collect();
    let by_hand = ["kustomization.yaml", "podmonitor.yaml", "secret.example.yaml", "secret.yaml"];
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = files.filter(|name| is_manifest(name) && !by_hand.contains(&name.as_str())).collect();
    assert_eq!(listed, files);
    assert!(kustomization.contains("  - ../postgres\n") && folder().join("../postgres/kustomization.yaml").is_file());
}

#[test]
fn every_setting_is_one_of_the_servers() {
    let known = read("../../.env.example");
    let settings = read("settings.env");
    let names = settings.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let names: Vec<&str> = names.map(|line| line.split_once('=').unwrap().0).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names.into_iter().chain(["DATABASE_URL", "REDIS_URL", "FLASHDEAL_JWT_SECRET"]) {
        assert!(known.contains(&format!("#{name}=")), "{name} is no setting");
    }
}

/// The server ends within ten seconds of SIGTERM, which comes when `preStop` is over; and it is the user that its image has.
#[test]
fn a_pod_has_the_time_and_the_user_that_the_server_needs() {
    let (server, image) = (read("deployment.yaml"), read("../Dockerfile"));
    assert!(server.contains(r#"command: [sleep, "5"]"#));
    assert!(number(&server, "terminationGracePeriodSeconds") >= 5 + 10 + 5);
    for (text, name) in [(&server, "deployment"), (&read("migrate.yaml"), "migrate")] {
        assert_eq!((number(text, "runAsUser"), number(text, "runAsGroup")), (10001, 10001), "{name}");
        assert!(text.contains("runAsNonRoot: true") && text.contains("readOnlyRootFilesystem: true"), "{name}");
    }
    assert!(image.contains("USER 10001:10001") && image.contains("FLASHDEAL_BIND=0.0.0.0:8080"));
    assert!(server.contains("containerPort: 8080") && server.contains("mountPath: /data"));
    assert!(image.contains("WORKDIR /data"));
}
