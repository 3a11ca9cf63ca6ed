//! The description is what the code does: bounds, routes, errors, and the committed file.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::{Method, StatusCode};
use actix_web::{App, test as calls, web};
use flashdeal_domain::{Description, IdempotencyKey, PageSize, Price, ProductName, Quantity, Units, UserId};
use serde_json::Value;

use crate::error::Code;
use crate::middleware::cors::{Origins, cors};
use crate::routes;

use super::{document, schemas};

fn parsed() -> Value {
    serde_json::from_str(&document()).unwrap()
}

fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in the document"))
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    // By what they say: in which order the fields stand depends on what else is built along.
    let committed: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    assert!(
        committed == parsed(),
        "openapi.json is not what the code says. Write it anew:\n  \
         cargo run -p flashdeal-app -- openapi > crates/flashdeal-app/openapi.json"
    );
}

#[test]
fn bounds_are_those_of_the_domain() {
    let document = parsed();
    let schema = |path: &str| at(&document, &format!("/components/schemas/{path}")).clone();
    let user = schema("UserId");
    assert_eq!(
        (user["minLength"].as_u64(), user["maxLength"].as_u64()),
        (Some(1), u64::try_from(UserId::MAX_CHARS).ok())
    );
    assert_eq!(schema("IdempotencyKey")["maxLength"].as_u64(), u64::try_from(IdempotencyKey::MAX_CHARS).ok());
    let quantity = schema("Reserve/properties/quantity");
    assert_eq!(quantity["minimum"], Quantity::MIN);
    assert_eq!(quantity["maximum"], Quantity::MAX);
    assert_eq!(schema("CreateProduct/properties/totalStock")["maximum"], Units::MAX);
    assert_eq!(schema("CreateProduct/properties/totalStock")["minimum"], 0);
    assert_eq!(
        schema("CreateProduct/properties/name")["maxLength"].as_u64(),
        u64::try_from(ProductName::MAX_CHARS).ok()
    );
    let description = schema("CreateProduct/properties/description");
    assert_eq!(description["maxLength"].as_u64(), u64::try_from(Description::MAX_CHARS).ok());
    let delta = schema("ChangeProduct/allOf/0/properties/addStock");
    assert_eq!(
        (delta["minimum"].as_i64(), delta["maximum"].as_i64()),
        (Some(-i64::from(Units::MAX)), Some(i64::from(Units::MAX)))
    );
    let price = Price::parse(&schemas::MAX_PRICE.to_string()).unwrap();
    assert_eq!(price.cents(), Price::MAX_CENTS);
    assert_eq!(schema("Price/anyOf/0")["maximum"], schemas::MAX_PRICE);
    let limit = at(&document, "/paths/~1api~1orders/get/parameters/2");
    assert_eq!((limit["name"].as_str(), &limit["schema"]["maximum"]), (Some("limit"), &Value::from(PageSize::MAX)));
    let products = at(&document, "/paths/~1api~1events/get/parameters/0");
    assert_eq!(products["schema"]["maxItems"].as_u64(), u64::try_from(routes::MAX_PRODUCTS).ok());
}

/// Pages for people and their files: no part of the API.
const PAGES: [&str; 5] = ["/", "/board.css", "/board.js", "/docs", "/docs/{file:.*}"];

/// Path with its parameters' names left out, and its methods as `Allow` has them (HEAD goes with GET).
fn described(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .map(|(path, item)| {
            let path: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "{id}" } else { part }).collect();
            let mut methods: BTreeSet<_> =
                item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
            if methods.contains("GET") {
                methods.insert("HEAD".to_owned());
            }
            (path.join("/"), methods)
        })
        .collect()
}

#[actix_web::test]
async fn routes_and_description_name_each_other() {
    let described = described(&parsed());
    let app = App::new()
        .configure(|config| routes::unlimited(config, cors(&Origins::Own)))
        .service(web::scope("/api").configure(routes::api))
        .configure(routes::outside);
    let app = calls::init_service(app).await;
    let routes: BTreeMap<_, _> = routes::tests::ROUTES.take().into_iter().collect();
    let mut served = BTreeMap::new();
    for (path, allow) in &routes {
        let allowed: BTreeSet<_> = allow.split(", ").map(str::to_owned).collect();
        // What `Allow` says is what the router does: there is no state here, so what is routed fails in another way.
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let request = calls::TestRequest::with_uri(&path.replace("{id}", "x").replace("{file:.*}", "x"))
                .method(Method::from_bytes(method.as_bytes()).unwrap());
            let refused =
                calls::call_service(&app, request.to_request()).await.status() == StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(refused, !allowed.contains(method), "{method} {path}");
        }
        if !PAGES.contains(path) {
            served.insert((*path).to_owned(), allowed);
        }
    }
    assert_eq!(described, served);
}

/// Every object in a value.
fn objects<'a>(value: &'a Value, seen: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Object(fields) => {
            seen.push(fields);
            fields.values().for_each(|value| objects(value, seen));
        }
        Value::Array(items) => items.iter().for_each(|item| objects(item, seen)),
        _ => {}
    }
}

#[test]
fn every_code_has_an_example_and_every_reference_a_target() {
    let document = parsed();
    let mut all = Vec::new();
    objects(&document, &mut all);
    let told: BTreeSet<_> = all.iter().filter_map(|object| object.get("value")?.get("code")?.as_str()).collect();
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(told, codes);
    for reference in all.iter().filter_map(|object| object.get("$ref")?.as_str()) {
        at(&document, reference.strip_prefix('#').unwrap());
    }
}

#[test]
fn every_answer_of_the_api_has_an_example_and_its_headers() {
    let document = parsed();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let answers = operation["responses"].as_object().unwrap();
            for (status, answer) in answers {
                let answer =
                    answer["$ref"].as_str().map_or(answer, |name| at(&document, name.strip_prefix('#').unwrap()));
                for (kind, content) in answer["content"].as_object().unwrap() {
                    assert!(
                        content["examples"].as_object().is_some_and(|all| !all.is_empty()),
                        "{method} {path} {status} {kind}"
                    );
                }
                assert!(answer["headers"]["X-Request-Id"].is_object(), "{method} {path} {status}");
            }
            let limited = path.starts_with("/api/") && path != "/api/openapi.json";
            for status in ["429", "500", "503"] {
                assert!(answers.contains_key(status) == limited || path == "/health/ready", "{method} {path} {status}");
            }
            let takes_body = operation.get("requestBody").is_some();
            assert!(
                answers.contains_key("413") == takes_body && answers.contains_key("415") == takes_body,
                "{method} {path}"
            );
        }
    }
}

/// The shapes that an answer may have, by name.
fn names(schema: &Value) -> Vec<&str> {
    let one = std::slice::from_ref(schema);
    let shapes = schema["oneOf"].as_array().map_or(one, Vec::as_slice);
    shapes.iter().filter_map(|shape| shape["$ref"].as_str()?.strip_prefix("#/components/schemas/")).collect()
}

/// Generated clients call their types and functions by these names.
#[test]
fn every_operation_and_every_error_has_a_name() {
    let document = parsed();
    let mut operations = BTreeSet::new();
    let mut all = Vec::new();
    objects(&document, &mut all);
    for content in all.iter().filter_map(|object| object.get("application/problem+json")) {
        let names = names(&content["schema"]);
        let shapes = names.iter().map(|name| at(&document, &format!("/components/schemas/{name}")));
        let codes: BTreeSet<_> = shapes.filter_map(|shape| shape["properties"]["code"]["enum"][0].as_str()).collect();
        let told = content["examples"].as_object().unwrap().values().map(|example| &example["value"]["code"]);
        assert_eq!(codes, told.filter_map(Value::as_str).collect(), "{names:?}");
        assert!(names.iter().all(|name| name.ends_with("Problem")) && names.len() == codes.len(), "{names:?}");
    }
    for operation in document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
    {
        assert!(operations.insert(operation["operationId"].as_str().unwrap()), "{}", operation["operationId"]);
    }
    assert_eq!(names(at(&document, "/components/schemas/Problem")).len(), Code::ALL.len());
    assert!(operations.contains("reserve") && operations.contains("checkout"));
}

/// What a schema requires and what it knows besides, its references followed.
fn fields(document: &Value, schema: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fields(document, at(document, reference.strip_prefix('#').unwrap()));
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let required: BTreeSet<_> = required.iter().filter_map(|field| Some(field.as_str()?.to_owned())).collect();
    let known: BTreeSet<_> =
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let besides = known.difference(&required).cloned().collect();
    (required, besides)
}

#[test]
fn answers_have_exactly_the_fields_that_the_handlers_write() {
    let document = parsed();
    let mut compared = 0;
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            for content in operation["responses"]
                .as_object()
                .unwrap()
                .values()
                .map(|answer| &answer["content"]["application/json"])
            {
                let (wanted, besides) = fields(&document, &content["schema"]);
                let examples = content["examples"].as_object().into_iter().flatten();
                for (name, example) in examples.filter(|_| !wanted.is_empty()) {
                    let written: BTreeSet<_> = example["value"].as_object().unwrap().keys().cloned().collect();
                    // What a schema does not require is there in an example that says so by its name, and then all of it.
                    let wanted = if name == "withTerms" { &wanted | &besides } else { wanted.clone() };
                    assert_eq!(written, wanted, "{name} of {}", operation["operationId"]);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared >= 14, "{compared}");
}
