//! What is not taken: said clearly, nothing kept, and the next one is served.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{BROWSER, JSON, Served, URLENCODED, post};
use crate::source::body::Means;

const FORM: &str = "rate = 0\nmax_payload = \"64KB\"\n";
const GOOD: &str = "email=jan%40example.nl&text=hallo";

async fn nothing_kept(served: &Served) {
    assert_eq!(served.deliveries().await.len(), 0);
    served.post(URLENCODED, "", GOOD).await.reference();
}

#[tokio::test]
async fn wrong_fields_are_all_named() {
    let form = r#"
language = "en"
[[field]]
name = "email"
kind = "email"
required = true
[[field]]
name = "when"
kind = "date"
[[field]]
name = "amount"
kind = "number"
[[field]]
name = "subject"
max_length = 3
[[field]]
name = "kind"
kind = "choice"
choices = ["a", "b"]
[[field]]
name = "scan"
kind = "file"
[[field]]
name = "text"
"#;
    let served = Served::start(form).await;
    let body =
        r#"{"email": "no", "when": "2026-02-30", "amount": [1, 2], "subject": "four", "kind": "c", "scan": "scan.pdf", "text": {"a": 1}}"#;
    let problem = served.post(JSON, "", body).await.problem(422);
    let errors: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(errors, ["email", "when", "amount", "subject", "kind", "scan", "text"]);
    assert_eq!(problem["errors"][3]["message"], "must have at most 3 characters");
    let problem = served.post(JSON, "", r#"{"text": "x"}"#).await.problem(422);
    assert_eq!(problem["detail"], "`email` is required");
    assert_eq!(served.deliveries().await.len(), 0);
}

#[tokio::test]
async fn an_empty_form_is_refused_even_where_nothing_is_required() {
    let served = Served::start("[[field]]\nname = \"name\"\n[[field]]\nname = \"text\"\n").await;
    for body in ["{}", r#"{"text": " ", "name": null}"#, r#"{"_token": "x", "_url": "y"}"#] {
        let problem = served.post(JSON, "", body).await.problem(422);
        assert_eq!(problem["errors"][0]["field"], "text");
    }
    served.post(JSON, "", r#"{"name": "Jan"}"#).await.reference();
}

#[tokio::test]
async fn damaged_bodies_and_unknown_types() {
    let served = Served::start(FORM).await;
    let multipart = "multipart/form-data; boundary=x";
    for (content_type, body, status) in [
        (JSON, &b"{\"text\":"[..], 400),
        (JSON, b"[]", 400),
        (JSON, b"", 400),
        (JSON, b"{\"email\":\"jan@example.nl\",\"text\":\"\xff\"}", 400),
        ("multipart/form-data", b"--x\r\n", 400),
        ("multipart/form-data; boundary=", b"--x\r\n", 400),
        (multipart, b"", 400),
        (multipart, b"--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\ncut", 400),
        (multipart, b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--x--\r\n", 400),
        ("text/plain", b"email=a&text=b", 415),
        ("application/xml", b"<a/>", 415),
        ("application/jsonx", b"{}", 415),
        ("", b"{}", 415),
        ("\u{e9}", b"{}", 415),
    ] {
        served.post(content_type, "", body).await.problem(status);
    }
    served.post(URLENCODED, "Content-Encoding: gzip\r\n", b"\x1f\x8b").await.problem(415);
    served.send("POST /forms/contact HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}").await.problem(415);
    nothing_kept(&served).await;
}

#[tokio::test]
async fn more_fields_and_files_than_allowed() {
    let served = Served::start("rate = 0\nmax_fields = 50\nmax_files = 1\n").await;
    let urlencoded = (0..10_000).map(|n| format!("f{n}=x")).collect::<Vec<_>>().join("&");
    let json = format!("{{{}}}", (0..10_000).map(|n| format!("\"f{n}\":1")).collect::<Vec<_>>().join(","));
    let parts: String = (0..10_000).map(|n| format!("--x\r\nContent-Disposition: form-data; name=\"f{n}\"\r\n\r\n1\r\n")).collect();
    let files = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n1\r\n".repeat(2);
    let multipart = "multipart/form-data; boundary=x";
    for (content_type, body, limit) in [
        (URLENCODED, urlencoded, "more than 50 fields"),
        (JSON, json, "more than 50 fields"),
        (multipart, parts + "--x--\r\n", "more than 50 fields"),
        (multipart, files + "--x--\r\n", "more than 1 files"),
    ] {
        assert_eq!(served.post(content_type, "", body).await.problem(413)["detail"], limit);
    }
    nothing_kept(&served).await;
}

#[tokio::test]
async fn too_large_with_an_honest_length_a_lying_one_and_none() {
    let served = Served::start(FORM).await;
    let large = vec![b'a'; 3 << 20];
    served.post(URLENCODED, "", &large).await.problem(413);
    // Nobody waits for a body that was announced as too large.
    let announced = format!(
        "POST /forms/contact HTTP/1.1\r\nHost: x\r\nContent-Type: {URLENCODED}\r\nContent-Length: 999999999999\r\nExpect: 100-continue\r\n\r\n"
    );
    served.send(announced).await.problem(413);
    let mut chunked = format!(
        "POST /forms/contact HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {URLENCODED}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in large.chunks(10_000) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    served.send(chunked).await.problem(413);
    let page = served.post(URLENCODED, BROWSER, &large).await;
    assert_eq!(page.status, 413);
    assert!(page.body.contains("te groot"), "{}", page.body);
    nothing_kept(&served).await;
}

#[tokio::test]
async fn who_sends_all_before_listening_hears_the_answer_too() {
    let served = Served::start(FORM).await;
    // More than the buffers between us hold: cut off, the sender would see a broken pipe and not the reason.
    let request = post(URLENCODED, "", &vec![b'a'; 32 << 20]);
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    connection.write_all(&request).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_body_that_ends_before_its_end() {
    let served = Served::start(FORM).await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let request = post(URLENCODED, "", GOOD.as_bytes());
    connection.write_all(&request[..request.len() - 3]).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut answer = String::new();
    let _ = connection.read_to_string(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    nothing_kept(&served).await;
}

#[tokio::test]
async fn slow_senders_are_not_waited_for() {
    let means = Means { patience: Duration::from_millis(300), ..Means::default() };
    let served = Served::start_with(FORM, means).await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let request = post(URLENCODED, BROWSER, GOOD.as_bytes());
    connection.write_all(&request[..request.len() - 3]).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("duurde te lang"), "{answer}");
    nothing_kept(&served).await;
}

#[tokio::test]
async fn without_room_one_waits_and_is_told_to_come_back() {
    let means = Means { small_kb: 50, room_wait: Duration::from_millis(100), ..Means::default() };
    let served = Served::start_with(FORM, means).await;
    let long = format!("{GOOD}{}", "+x".repeat(20_000));
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    let request = post(URLENCODED, "", long.as_bytes());
    let (most, rest) = request.split_at(request.len() - 3);
    slow.write_all(most).await.unwrap();
    // The room is taken once the server has read some of the body: until then others get in.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let answer = loop {
        let answer = served.post(URLENCODED, "", &long).await;
        if answer.status != 202 {
            break answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "the room is never taken");
    };
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), Some("10"));
    // Short ones need none.
    served.post(URLENCODED, "", GOOD).await.reference();
    slow.write_all(rest).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    served.post(URLENCODED, "", &long).await.reference();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_large_bodies_takes_turns() {
    // There is room for two of them; with parts of all in it none could go on.
    let means = Means { large_kb: 4 << 10, room_wait: Duration::from_secs(25), ..Means::default() };
    let served = Served::start_with("rate = 0\nmax_payload = \"2MB\"\n", means).await;
    let (served, large) = (&served, format!("{GOOD}{}", "x".repeat(1_500_000)));
    let posts = (0..16).map(|_| async { served.post(URLENCODED, "", &large).await.reference() });
    assert_eq!(futures_util::future::join_all(posts).await.len(), 16);
    assert_eq!(served.deliveries().await.len(), 16);
}

#[tokio::test]
async fn an_address_that_posts_too_often() {
    let served = Served::start("rate = 2\n").await;
    // What was refused does not count.
    served.post(URLENCODED, "", "email=x&text=y").await.problem(422);
    for _ in 0..2 {
        served.post(URLENCODED, "Idempotency-Key: k\r\n", GOOD).await.reference();
    }
    // Neither does what was there already: the second of them was.
    served.post(URLENCODED, "", GOOD).await.reference();
    let answer = served.post(URLENCODED, "", GOOD).await;
    answer.problem(429);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    let page = served.post(URLENCODED, BROWSER, GOOD).await;
    assert_eq!((page.status, page.header("retry-after").is_some()), (429, true));
    assert!(page.body.contains("te veel berichten"), "{}", page.body);
    assert_eq!(served.deliveries().await.len(), 2);
}

#[tokio::test]
async fn nothing_is_said_to_be_accepted_when_it_cannot_be_kept() {
    let served = Served::start(FORM).await;
    served.committer.abort();
    let answer = served.post(URLENCODED, "", GOOD).await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), Some("10"));
    let page = served.post(URLENCODED, BROWSER, GOOD).await;
    assert_eq!((page.status, page.header("retry-after")), (503, Some("10")));
    assert!(page.body.contains("nu niet aannemen") && page.body.contains("value=\"jan@example.nl\""), "{}", page.body);
    assert!(served.status().last_error.is_some());
    assert_eq!(served.deliveries().await.len(), 0);
}

#[tokio::test]
async fn a_stopping_daemon_takes_nothing_new() {
    let served = Served::start(FORM).await;
    served.stop.cancel();
    let answer = served.post(URLENCODED, "", GOOD).await;
    answer.problem(503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(served.deliveries().await.len(), 0);
}

#[tokio::test]
async fn forms_that_are_not_there_and_methods_that_are_none() {
    let served = Served::start(FORM).await;
    for target in ["/forms/other", "/forms/%ff", "/forms/CONTACT"] {
        served.get(target).await.problem(404);
    }
    assert_eq!(served.get("/forms/contact/more").await.status, 404);
    for method in ["PUT", "DELETE", "PATCH", "BREW"] {
        let answer = served.send(format!("{method} /forms/contact HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        answer.problem(405);
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    }
    nothing_kept(&served).await;
}

#[tokio::test]
async fn only_configured_origins_are_let_in() {
    let served = Served::start("rate = 0\norigins = [\"https://www.zaak.example\"]\n").await;
    let ask = |origin: &str| {
        format!(
            "OPTIONS /forms/contact HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: content-type,idempotency-key\r\n\r\n"
        )
    };
    let yes = served.send(ask("https://www.zaak.example")).await;
    assert_eq!(yes.status, 204);
    assert_eq!(yes.header("access-control-allow-origin"), Some("https://www.zaak.example"));
    assert_eq!(yes.header("access-control-allow-headers"), Some("content-type, idempotency-key"));
    assert_eq!(yes.header("vary"), Some("Origin"));
    for origin in ["https://evil.example", "null", "https://www.zaak.example.evil.example", "http://www.zaak.example"] {
        let no = served.send(ask(origin)).await;
        assert_eq!((no.status, no.header("access-control-allow-origin")), (204, None), "{origin}");
        assert_eq!(no.header("access-control-allow-methods"), None);
    }
    let origin = "Origin: https://www.zaak.example\r\n";
    for (body, status) in [(GOOD, 202), ("email=x", 422)] {
        let answer = served.post(URLENCODED, origin, body).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, Some("https://www.zaak.example")));
    }
}
