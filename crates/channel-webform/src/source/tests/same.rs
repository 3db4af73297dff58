//! The same post again: one delivery, one reference.

use std::collections::HashSet;

use super::server::{BROWSER, JSON, Served, URLENCODED};

const FORM: &str = "rate = 0\n";

fn body(text: &str) -> String {
    format!("{{\"email\": \"jan@example.nl\", \"text\": \"{text}\"}}")
}

fn key(key: &str) -> String {
    format!("Idempotency-Key: {key}\r\n")
}

#[tokio::test]
async fn one_key_is_one_delivery_also_after_a_restart() {
    let served = Served::start(FORM).await;
    let first = served.post(JSON, &key("order-1"), body("een")).await.reference();
    assert_eq!(served.post(JSON, &key("\"order-1\""), body("een")).await.reference(), first);
    let restarted = served.again(FORM).await;
    assert_eq!(restarted.post(JSON, &key("order-1"), body("een")).await.reference(), first);
    assert_ne!(restarted.post(JSON, &key("order-2"), body("een")).await.reference(), first);
    assert_ne!(restarted.post(JSON, "", body("een")).await.reference(), first);
    assert_eq!(served.deliveries().await.len(), 3);
    assert_eq!(restarted.status().known, 1);
    let (delivery, message) = {
        let delivery = served.deliveries().await.remove(0);
        let message = loket_core::reader::Reader::read(&crate::reader::FormReader, &delivery).unwrap().remove(0);
        (delivery, message)
    };
    assert!(delivery.key.starts_with("idem:") && !delivery.key.contains("order"), "{}", delivery.key);
    assert_eq!(message.identity.map(|identity| (identity.kind, identity.value)), Some(("submission".into(), "order-1".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_with_one_key_are_one() {
    let served = Served::start(FORM).await;
    let posts = (0..50).map(|_| async { served.post(JSON, &key("k"), body("een")).await.reference() });
    let references: HashSet<_> = futures_util::future::join_all(posts).await.into_iter().collect();
    assert_eq!(references.len(), 1);
    assert_eq!(served.deliveries().await.len(), 1);
    assert_eq!((served.status().accepted, served.status().known), (1, 49));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_that_differ_under_one_key_are_one_and_the_others_are_told() {
    let served = Served::start(FORM).await;
    let served = &served;
    let posts = (0..50).map(|n| async move { served.post(JSON, &key("k"), body(&n.to_string())).await.status });
    let statuses = futures_util::future::join_all(posts).await;
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 49, "{statuses:?}");
    assert_eq!(served.deliveries().await.len(), 1);
}

#[tokio::test]
async fn a_key_with_another_body_is_refused_and_the_first_one_stays() {
    let served = Served::start(FORM).await;
    let first = served.post(JSON, &key("k"), body("een")).await.reference();
    let problem = served.post(JSON, &key("k"), body("twee")).await.problem(422);
    assert!(problem["detail"].as_str().unwrap().contains("Idempotency-Key"), "{problem}");
    let restarted = served.again(FORM).await;
    restarted.post(JSON, &key("k"), body("twee")).await.problem(422);
    assert_eq!(served.post(JSON, &key("k"), body("een")).await.reference(), first);
    // What was refused took nothing: the same words under a key of their own go through.
    assert_ne!(served.post(JSON, &key("k2"), body("twee")).await.reference(), first);
    assert_eq!(served.deliveries().await.len(), 2);
}

#[tokio::test]
async fn a_multipart_body_that_was_built_again_is_the_same() {
    let served = Served::start(FORM).await;
    let multipart = |boundary: &str, file: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\njan@example.nl\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\neen\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n{file}\r\n--{boundary}--\r\n"
        )
    };
    let post = |boundary: &'static str, file: &'static str| {
        let served = &served;
        async move { served.post(&format!("multipart/form-data; boundary={boundary}"), &key("k"), multipart(boundary, file)).await }
    };
    let first = post("aaa", "bytes").await.reference();
    assert_eq!(post("bbb", "bytes").await.reference(), first);
    post("ccc", "other bytes").await.problem(422);
    assert_eq!(served.deliveries().await.len(), 1);
}

#[tokio::test]
async fn bad_keys_are_refused() {
    let served = Served::start(FORM).await;
    for bad in ["", "\"\"", &"k".repeat(201), "a\r\nIdempotency-Key: b"] {
        served.post(JSON, &key(bad), body("een")).await.problem(400);
    }
    served.post(JSON, &key(&"k".repeat(200)), body("een")).await.reference();
    assert_eq!(served.deliveries().await.len(), 1);
}

#[tokio::test]
async fn a_double_click_is_one_and_a_changed_text_is_another() {
    let served = Served::start(FORM).await;
    let page = served.get("/forms/contact").await.body;
    let token = page.split("name=\"_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let click = |boundary: &'static str, text: &'static str| {
        let (served, token) = (&served, token.to_owned());
        async move {
            let part =
                |name: &str, value: &str| format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            let body = [
                part("email", "jan@example.nl"),
                part("text", text),
                part("_url", ""),
                part("_token", &token),
                format!("--{boundary}--\r\n"),
            ]
            .concat();
            let answer = served.post(&format!("multipart/form-data; boundary={boundary}"), BROWSER, body).await;
            assert_eq!(answer.status, 202, "{}", answer.body);
            answer.body
        }
    };
    let (first, second) = tokio::join!(click("one", "een"), click("two", "een"));
    assert_eq!(first, second);
    assert_eq!(served.deliveries().await.len(), 1);
    assert_ne!(click("three", "een, en nog iets").await, first);
    assert_eq!(served.deliveries().await.len(), 2);
}

#[tokio::test]
async fn without_key_and_token_each_is_its_own() {
    let served = Served::start(FORM).await;
    let first = served.post(URLENCODED, "", "email=jan%40example.nl&text=een").await.reference();
    assert_ne!(served.post(URLENCODED, "", "email=jan%40example.nl&text=een").await.reference(), first);
    assert_eq!(served.deliveries().await.len(), 2);
}
