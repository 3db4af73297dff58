//! Holds answers against `docs/openapi.json`. Stricter than JSON Schema in one thing: an object has no properties but those
//! listed, unless `additionalProperties` is `true`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use serde_json::{Map, Value};

pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap());

/// Where in the document something was used: `pointer to the schema` + property.
pub(crate) static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Follows a `$ref`: where it leads, and what is there.
fn resolve(pointer: &str) -> (String, &'static Value) {
    let mut pointer = pointer.to_owned();
    for _ in 0..10 {
        let value = DOCUMENT.pointer(&pointer).unwrap_or_else(|| panic!("the document has no {pointer}"));
        match value.get("$ref") {
            Some(reference) => pointer = reference.as_str().unwrap().strip_prefix('#').unwrap().to_owned(),
            None => return (pointer, value),
        }
    }
    panic!("{pointer}: references lead in a circle");
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The operation for a method and a path without its query, as the template in the document.
pub(crate) fn template(path: &str) -> Option<&'static str> {
    let fits = |template: &str| {
        let (one, other): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a == b || (a.starts_with('{') && !b.is_empty()))
    };
    DOCUMENT["paths"].as_object().unwrap().keys().find(|template| fits(template)).map(String::as_str)
}

/// Panics when an answer is not as the document says.
pub(crate) fn check_answer(method: &str, path: &str, status: u16, content_type: Option<&str>, body: &[u8]) {
    let essence = content_type.map(|full| full.split(';').next().unwrap());
    let method = if method == "HEAD" { "get".into() } else { method.to_lowercase() };
    let operation =
        template(path).map(|template| format!("/paths/{}/{method}", escaped(template))).filter(|at| DOCUMENT.pointer(at).is_some());
    let Some(operation) = operation else {
        assert_eq!(essence, Some("application/problem+json"), "{path}");
        return check_body("/components/schemas/Problem", body);
    };
    let (at, response) = resolve(&format!("{operation}/responses/{status}"));
    let Some(contents) = response.get("content") else {
        assert!(body.is_empty(), "{path} {status}: a body, and the document tells of none");
        return;
    };
    let essence = essence.unwrap_or_else(|| panic!("{path} {status}: no content type"));
    let known = contents.as_object().unwrap();
    let key = if known.contains_key(essence) { essence } else { "*/*" };
    let content = known.get(key).unwrap_or_else(|| panic!("{path} {status}: the document tells of no {essence}"));
    if essence.ends_with("json") && content.get("schema").is_some() {
        check_body(&format!("{at}/content/{}/schema", escaped(key)), body);
    }
}

fn check_body(pointer: &str, body: &[u8]) {
    if body.is_empty() {
        return; // HEAD
    }
    let value: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", String::from_utf8_lossy(body)));
    check(pointer, &value).unwrap_or_else(|error| panic!("{error}\nin {value:#}"));
}

/// Whether a value is as a schema says.
pub(crate) fn check(pointer: &str, value: &Value) -> Result<(), String> {
    let (pointer, schema) = resolve(pointer);
    let wrong = |what: &str| Err(format!("{pointer}: {what}: {value}"));
    if let Some(choices) = schema.get("anyOf") {
        let count = choices.as_array().unwrap().len();
        let results: Vec<_> = (0..count).map(|index| check(&format!("{pointer}/anyOf/{index}"), value)).collect();
        return if results.iter().any(Result::is_ok) { Ok(()) } else { wrong(&format!("none of {results:?}")) };
    }
    if let Some(constant) = schema.get("const") {
        return if constant == value { Ok(()) } else { wrong("not the constant") };
    }
    if schema.get("enum").is_some_and(|choices| !choices.as_array().unwrap().contains(value)) {
        return wrong("not one of the enum");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().map(|one| one.as_str().unwrap()).collect(),
        _ if schema.get("allOf").is_some() => vec!["object"],
        _ => return wrong("the schema has no type"),
    };
    let fits = types.contains(&kind) || (kind == "integer" && types.contains(&"number"));
    if !fits {
        return wrong(&format!("is {kind}, not {types:?}"));
    }
    match value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            let outside =
                |bound: &str, beyond: fn(f64, f64) -> bool| schema.get(bound).is_some_and(|limit| beyond(number, limit.as_f64().unwrap()));
            if outside("minimum", |a, b| a < b) || outside("maximum", |a, b| a > b) {
                return wrong("out of its bounds");
            }
        }
        Value::String(text) => {
            let fits = match schema.get("format").and_then(Value::as_str) {
                Some("uuid") => text.len() == 36 && uuid::Uuid::try_parse(text).is_ok(),
                Some("date-time") => text.len() >= 20 && text.parse::<loket_core::time::Timestamp>().is_ok(),
                Some("date") => text.len() == 10 && format!("{text}T00:00:00Z").parse::<loket_core::time::Timestamp>().is_ok(),
                None => true,
                Some(other) => return wrong(&format!("unknown format {other}")),
            };
            if !fits {
                return wrong("not of its format");
            }
        }
        Value::Array(items) => {
            for item in items {
                check(&format!("{pointer}/items"), item)?;
            }
        }
        Value::Object(members) => check_object(&pointer, schema, members)?,
        Value::Null | Value::Bool(_) => {}
    }
    Ok(())
}

fn check_object(pointer: &str, schema: &Value, members: &Map<String, Value>) -> Result<(), String> {
    let mut known = BTreeMap::new();
    let mut required = BTreeSet::new();
    gather(pointer, &mut known, &mut required);
    for name in &required {
        if !members.contains_key(name) {
            return Err(format!("{pointer}: `{name}` is missing"));
        }
    }
    let open = schema.get("additionalProperties") == Some(&Value::Bool(true));
    for (name, member) in members {
        match known.get(name) {
            Some(at) => {
                check(at, member)?;
                SEEN.lock().unwrap().insert(at.clone());
            }
            None if open => {}
            None => return Err(format!("{pointer}: `{name}` is not in the document")),
        }
    }
    Ok(())
}

/// The properties of an object and of all that it is made of: where each one's schema is.
fn gather(pointer: &str, known: &mut BTreeMap<String, String>, required: &mut BTreeSet<String>) {
    let (pointer, schema) = resolve(pointer);
    for name in schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        known.insert(name.clone(), format!("{pointer}/properties/{}", escaped(name)));
    }
    required.extend(schema.get("required").and_then(Value::as_array).into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()));
    for index in 0..schema.get("allOf").and_then(Value::as_array).map_or(0, Vec::len) {
        gather(&format!("{pointer}/allOf/{index}"), known, required);
    }
}

/// Every property that the document lists.
pub(crate) fn all_properties() -> BTreeSet<String> {
    fn walk(pointer: &str, value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    let at = format!("{pointer}/{}", escaped(key));
                    if key == "properties" {
                        into.extend(member.as_object().unwrap().keys().map(|name| format!("{at}/{}", escaped(name))));
                    }
                    walk(&at, member, into);
                }
            }
            Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| walk(&format!("{pointer}/{index}"), item, into)),
            _ => {}
        }
    }
    let mut all = BTreeSet::new();
    walk("/components/schemas", &DOCUMENT["components"]["schemas"], &mut all);
    all
}

/// Every `$ref` of the document leads somewhere, and every schema, response and parameter is used.
#[test]
fn references_lead_somewhere_and_nothing_is_left_over() {
    fn walk<'a>(value: &'a Value, into: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                into.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| walk(member, into));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, into)),
            _ => {}
        }
    }
    let mut used = BTreeSet::new();
    walk(&DOCUMENT, &mut used);
    for reference in &used {
        resolve(reference.strip_prefix('#').unwrap());
    }
    for kind in ["schemas", "responses", "parameters", "headers"] {
        for name in DOCUMENT["components"][kind].as_object().unwrap().keys() {
            assert!(used.contains(format!("#/components/{kind}/{name}").as_str()), "{kind}/{name} is not used");
        }
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    use serde_json::json;
    let at = "/components/schemas/Part";
    let good = json!({ "id": uuid::Uuid::nil(), "part": 0, "case": null });
    assert_eq!(check(at, &good), Ok(()));
    let with = |name: &str, value: Value| {
        let mut other = good.clone();
        other[name] = value;
        other
    };
    assert!(check(at, &with("new", json!(1))).unwrap_err().contains("not in the document"));
    assert!(check(at, &with("id", json!("7"))).unwrap_err().contains("format"));
    assert!(check(at, &with("part", json!("0"))).unwrap_err().contains("not [\"integer\"]"));
    assert!(check(at, &with("part", json!(-1))).unwrap_err().contains("bounds"));
    assert!(check(at, &with("case", json!(7))).is_err());
    assert!(check(at, &json!({ "id": uuid::Uuid::nil(), "part": 0 })).unwrap_err().contains("missing"));
    assert!(check("/components/schemas/Class", &json!("spam")).is_err());
}
