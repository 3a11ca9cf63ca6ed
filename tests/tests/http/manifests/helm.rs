//! What the chart in `docker/helm/` says, against its own schema, against `docker/kubernetes/` and against the server.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{number, read};

const CHART: &str = "../helm/flashdeal";

fn chart(path: &str) -> String {
    read(&format!("{CHART}/{path}"))
}

fn values() -> Value {
    serde_norway::from_str(&chart("values.yaml")).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&chart("values.schema.json")).unwrap()
}

/// Everything in a value that its schema does not allow. It knows the words that the chart's schema has, and no others.
fn refused(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let schema = schema.as_object().unwrap();
    let mut found = Vec::new();
    for (word, wanted) in schema {
        let fine = match word.as_str() {
            "type" => is_a(wanted.as_str().unwrap(), value),
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "minLength" => length(value).is_none_or(|length| length >= wanted.as_u64().unwrap()),
            "maxLength" => length(value).is_none_or(|length| length <= wanted.as_u64().unwrap()),
            "minItems" => {
                value.as_array().is_none_or(|items| u64::try_from(items.len()).unwrap() >= wanted.as_u64().unwrap())
            }
            "$schema" | "title" | "properties" | "additionalProperties" | "propertyNames" | "items" => true,
            other => panic!("{other} is not known here"),
        };
        if !fine {
            found.push(format!("{at}: {value} is not of {word} {wanted}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        if let Some(items) = schema.get("items") {
            found.extend(refused(items, item, at));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        if let Some(names) = schema.get("propertyNames") {
            found.extend(refused(names, &Value::from(name.as_str()), &at));
        }
        match schema.get("properties").and_then(|properties| properties.get(name)) {
            Some(property) => found.extend(refused(property, value, &at)),
            None => match schema.get("additionalProperties") {
                None | Some(Value::Bool(true)) => {}
                Some(Value::Bool(false)) => found.push(format!("{at}: there is no such value")),
                Some(other) => found.extend(refused(other, value, &at)),
            },
        }
    }
    found
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the type {other} is not known here"),
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| u64::try_from(text.chars().count()).unwrap())
}

fn settings(values: &Value) -> &Map<String, Value> {
    values["settings"].as_object().unwrap()
}

#[test]
fn the_schema_allows_the_values_and_nothing_unheard_of() {
    let (schema, values) = (schema(), values());
    assert_eq!(refused(&schema, &values, ""), Vec::<String>::new());
    for (pointer, wrong) in [
        ("/replicas", Value::from(0)),
        ("/replicas", Value::from("2")),
        ("/image/pullPolicy", Value::from("Sometimes")),
        ("/settings/FLASHDEAL_WORKERS", Value::from(2)),
        ("/networkPolicy/storePorts", Value::from(vec![70_000])),
    ] {
        let mut values = values.clone();
        *values.pointer_mut(pointer).unwrap() = wrong;
        assert_eq!(refused(&schema, &values, "").len(), 1, "{pointer}");
    }
    for (inside, name) in [("", "replica"), ("/settings", "FLASHDEAL_RATE_LIMITS"), ("/image", "tags")] {
        let mut values = values.clone();
        values.pointer_mut(inside).unwrap()[name] = Value::from("1");
        assert_eq!(refused(&schema, &values, "").len(), 1, "{inside}/{name}");
    }
}

/// Every value that the schema knows is in the file that explains them.
#[test]
fn every_value_is_explained() {
    fn missing(schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let properties = schema["properties"].as_object().into_iter().flatten();
        properties
            .filter(|(name, _)| !at.is_empty() || *name != "global")
            .flat_map(|(name, property)| match value.get(name) {
                None => vec![format!("{at}/{name}")],
                Some(value) => missing(property, value, &format!("{at}/{name}")),
            })
            .collect()
    }
    assert_eq!(missing(&schema(), &values(), ""), Vec::<String>::new());
}

#[test]
fn every_setting_of_the_chart_is_one_of_the_servers() {
    let known = read("../../.env.example");
    let known = |name: &str| known.contains(&format!("#{name}="));
    let (schema, values) = (schema(), values());
    let allowed = schema.pointer("/properties/settings/propertyNames/enum").unwrap().as_array().unwrap();
    let names = allowed.iter().map(|name| name.as_str().unwrap()).chain(settings(&values).keys().map(String::as_str));
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(known(name), "{name} is no setting");
    }
    // And the other way round, but for what is no setting of an instance, is the image's to say, or is a secret.
    let others = ["_BIND", "_DATA_DIR", "_SECRET", "_KEYS", "_HEALTH_URL", "_HEALTH_TIMEOUT", "_REHEARSE_TOKEN"];
    let lines = read("../../.env.example");
    let lines = lines.lines().filter(|line| line.starts_with("#FLASHDEAL_"));
    for name in lines.map(|line| line[1..].split('=').next().unwrap()) {
        let other = others.iter().any(|other| name.ends_with(other));
        assert_ne!(allowed.contains(&Value::from(name)), other, "{name}");
    }
    // And those that the templates name: words of capitals that begin as the server's do.
    let templates =
        ["deployment", "migrate", "secrets", "settings"].map(|name| chart(&format!("templates/{name}.yaml")));
    let words = templates.iter().flat_map(|text| text.split(|c: char| !(c.is_ascii_uppercase() || c == '_')));
    let words: BTreeSet<&str> = words.filter(|word| word.starts_with("FLASHDEAL_") || word.ends_with("_URL")).collect();
    assert!(words.contains("DATABASE_URL") && words.contains("FLASHDEAL_JWT_SECRET"), "{words:?}");
    for word in words {
        assert!(known(word) || word == "FLASHDEAL_SERVICE_HOST", "{word} is no setting");
    }
}

/// The lines from the one that begins so to the one that begins so, as they stand but for how far they are indented.
fn between<'a>(text: &'a str, first: &str, last: &str) -> Vec<&'a str> {
    let lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with(first));
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with(last)).collect();
    assert!(lines.len() > 1, "nothing between {first} and {last}");
    lines
}

/// Its settings and its secrets are the kustomization's, name by name, and the settings say the same.
#[test]
fn the_chart_sets_what_the_kustomization_sets() {
    let lines = read("settings.env");
    let lines = lines.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let theirs: Map<String, Value> = lines.map(|(name, set)| (name.to_owned(), set.into())).collect();
    assert_eq!(settings(&values()), &theirs);

    let ours = chart("templates/secrets.yaml");
    let theirs = read("secret.example.yaml");
    let names = theirs.lines().filter_map(|line| Some(line.strip_prefix("  ")?.split_once(": ")?.0));
    let variable = |name: &&str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let names: Vec<&str> = names.filter(variable).collect();
    assert!(names.len() > 3, "{names:?}");
    for name in names {
        assert!(ours.contains(&format!("\n  {name}: ")), "{name}");
    }
}

/// Whoever goes from one to the other gets the same.
#[test]
fn the_chart_says_what_the_kustomization_says() {
    let (ours, theirs) = (chart("templates/deployment.yaml"), read("deployment.yaml"));
    for (first, last) in
        [("ports:", "resources:"), ("strategy:", "template:"), ("automountServiceAccountToken", "terminationG")]
    {
        assert_eq!(between(&ours, first, last), between(&theirs, first, last));
    }
    let name = "terminationGracePeriodSeconds";
    assert_eq!(number(&ours, name), number(&theirs, name));
    let helpers = chart("templates/_helpers.tpl");
    assert_eq!((number(&helpers, "runAsUser"), number(&helpers, "runAsGroup")), (10001, 10001));
    assert!(helpers.contains("runAsNonRoot: true") && helpers.contains("readOnlyRootFilesystem: true"));

    let values = values();
    let (scaler, job) = (read("autoscaler.yaml"), read("migrate.yaml"));
    for (inside, name, text) in [
        ("autoscaler", "minReplicas", &scaler),
        ("autoscaler", "maxReplicas", &scaler),
        ("autoscaler", "averageUtilization", &scaler),
        ("disruption", "maxUnavailable", &read("disruption.yaml")),
        ("migrate", "backoffLimit", &job),
        ("migrate", "activeDeadlineSeconds", &job),
        ("service", "port", &read("service.yaml")),
    ] {
        assert_eq!(values[inside][name].as_u64(), Some(number(text, name)), "{inside}.{name}");
    }
    for (resources, text) in [(&values["resources"], &theirs), (&values["migrate"]["resources"], &job)] {
        for kind in ["requests", "limits"] {
            for (name, quantity) in resources[kind].as_object().unwrap() {
                let quantity = format!("{name}: {}", quantity.as_str().unwrap());
                let line = text.lines().find(|line| line.trim().starts_with(&format!("{kind}:"))).unwrap();
                assert!(line.contains(&quantity), "{quantity} is not in {line}");
            }
        }
    }
    assert!(job.contains(&format!("image: {}\n", values["migrate"]["grantsImage"].as_str().unwrap())));
    assert_eq!(chart("files/grants.sql"), read("../postgres/grants.sql"));
    assert!(chart("Chart.yaml").contains(&format!("\nappVersion: \"{}\"\n", env!("CARGO_PKG_VERSION"))));
}
