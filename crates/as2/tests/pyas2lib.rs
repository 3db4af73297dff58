//! Against a real peer, in both directions: pyas2lib, in a Python process of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use common::{ELLIPTIC, ORDER, OURS, STRANGER, THEIRS, now, over_http, partner, tampered, us};
use loket_as2::{
    Answer, Cipher, Compression, Digest, Disposition, Headers, Outbound, Outcome, Partner, ReceiptWish, Received, Refused, Verdict, detail,
    is_receipt, read_receipt, receive, send,
};
use serde_json::{Value, json};

/// The process.
struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start() -> Self {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let env = std::env::var_os("LOKET_PYTHON_ENV").map_or_else(|| PathBuf::from("target/python-env"), PathBuf::from);
        let python = here.join("../..").join(env).join("bin/python");
        assert!(python.exists(), "{} is missing: run script/test, which makes the Python environment for this test", python.display());
        let mut process = Command::new(python)
            // -I: the script has the name of the module that it needs, and must not find itself.
            .arg("-I")
            .arg(here.join("tests/pyas2lib.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python process starts");
        let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, input, output }
    }

    fn call(&mut self, job: &Value) -> Value {
        writeln!(self.input, "{job}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("the peer answered {line:?}: {error}"));
        assert_eq!(answer.get("error"), None, "the peer failed: {answer}");
        answer
    }

    /// A message from the peer, with its settings for us.
    fn build(&mut self, id: &str, payload: &[u8], content_type: &str, settings: &Value) -> Built {
        let mut job = parties(settings);
        job["do"] = json!("build");
        job["payload"] = json!(STANDARD.encode(payload));
        job["content_type"] = json!(content_type);
        job["filename"] = json!("order.edi");
        job["id"] = json!(id);
        let answer = self.call(&job);
        Built { headers: headers(&answer), body: body(&answer), mic: answer["mic"].as_str().map(str::to_owned) }
    }

    /// What the peer says to a receipt of ours: status and detail.
    fn judge(&mut self, settings: &Value, headers: &Headers, body: &Bytes) -> (String, Option<String>) {
        let answer = self.call(&with_message("receipt", settings, headers, body));
        (answer["status"].as_str().unwrap_or_default().into(), answer["detail"].as_str().map(str::to_owned))
    }

    /// What the peer makes of a message of ours.
    fn parse(&mut self, settings: &Value, headers: &Headers, body: &Bytes) -> Value {
        self.call(&with_message("parse", settings, headers, body))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Built {
    headers: Headers,
    body: Bytes,
    mic: Option<String>,
}

fn parties(settings: &Value) -> Value {
    json!({
        "own_name": "Pump House", "partner_name": "LOKET", "key": THEIRS.both(), "certificate": OURS.certificate,
        "mdn_url": "http://pump.example/mdn", "settings": settings,
    })
}

fn with_message(what: &str, settings: &Value, headers: &Headers, body: &Bytes) -> Value {
    let mut job = parties(settings);
    job["do"] = json!(what);
    job["headers"] = headers.iter().map(|(name, value)| json!([name, value])).collect();
    job["body"] = json!(STANDARD.encode(body));
    job
}

fn headers(answer: &Value) -> Headers {
    let fields = answer["headers"].as_array().unwrap().iter();
    fields.map(|field| (field[0].as_str().unwrap().to_owned(), field[1].as_str().unwrap().as_bytes().to_vec())).collect()
}

fn body(answer: &Value) -> Bytes {
    STANDARD.decode(answer["body"].as_str().unwrap()).unwrap().into()
}

fn lenient(certificates: &[&common::Pems]) -> Partner {
    Partner { require_signature: false, require_encryption: false, allow_sha1: true, ..partner(certificates) }
}

fn take(message: &Built, partner: &Partner) -> Result<Received, Box<Refused>> {
    receive(&over_http(&message.headers), &message.body, &us(), &[partner], now())
}

const RECEIPT_ID: &str = "<receipt-1@loket.example>";

#[test]
fn every_kind_of_message_from_the_peer_is_taken_and_it_takes_our_receipt() {
    let mut peer = Peer::start();
    let mut count = 0;
    for sign in [None, Some("sha1"), Some("sha256"), Some("sha384"), Some("sha512")] {
        for encrypt in [None, Some("tripledes_192_cbc"), Some("aes_128_cbc"), Some("aes_192_cbc"), Some("aes_256_cbc")] {
            for compress in [false, true] {
                for (mdn_mode, mdn_digest) in
                    [(None, None), (Some("SYNC"), None), (Some("SYNC"), Some("sha256")), (Some("ASYNC"), Some("sha512"))]
                {
                    count += 1;
                    let settings = json!({
                        "sign": sign.is_some(), "digest_alg": sign.unwrap_or("sha256"), "encrypt": encrypt.is_some(),
                        "enc_alg": encrypt.unwrap_or("tripledes_192_cbc"), "compress": compress, "mdn_mode": mdn_mode, "mdn_digest_alg": mdn_digest,
                    });
                    let message = peer.build(&format!("m-{count}"), ORDER, "application/edifact", &settings);
                    let received = take(&message, &lenient(&[&THEIRS])).unwrap_or_else(|refused| panic!("{settings}: {refused}"));
                    assert_eq!(received.payload, ORDER, "{settings}");
                    assert_eq!((received.content_type.as_str(), received.filename.as_deref()), ("application/edifact", Some("order.edi")));
                    assert_eq!(received.transmission.message_id, format!("<m-{count}@peer.example>"));
                    assert_eq!(received.signed.as_ref().map(|signed| signed.digest), sign.and_then(Digest::by_name));
                    assert_eq!(received.encrypted.is_some(), encrypt.is_some());
                    assert_eq!((received.compressed, received.warnings.len()), (compress, 0), "{:?}", received.warnings);

                    // The peer's check value is in the digest of its signature, ours in the one that it asked for.
                    if let Some(mic) = message.mic.filter(|_| mdn_digest.is_none() || mdn_digest == sign) {
                        assert_eq!(received.mic.base64(), mic, "{settings}");
                    }
                    let Some(request) = &received.transmission.receipt else {
                        assert_eq!(mdn_mode, None);
                        continue;
                    };
                    assert_eq!(request.signed, mdn_digest.is_some());
                    assert_eq!(request.deliver_to.as_deref(), (mdn_mode == Some("ASYNC")).then_some("http://pump.example/mdn"));
                    let receipt = received.receipt(&us(), &lenient(&[&THEIRS]), RECEIPT_ID, now()).unwrap();
                    let (status, detail) = peer.judge(&settings, &receipt.headers, &receipt.body);
                    // It compares the check values as texts, whatever their digests.
                    let comparable = sign.is_none() || mdn_digest.is_none() || mdn_digest == sign;
                    assert_eq!(status, if comparable { "processed" } else { "processed/warning" }, "{settings}: {detail:?}");
                }
            }
        }
    }
    assert_eq!(count, 200);
}

#[test]
fn content_keys_with_oaep_are_taken() {
    let mut peer = Peer::start();
    let settings = json!({ "sign": true, "encrypt": true, "enc_alg": "aes_256_cbc", "key_enc_alg": "rsaes_oaep" });
    let message = peer.build("oaep", ORDER, "application/edifact", &settings);
    let received = take(&message, &partner(&[&THEIRS])).unwrap();
    assert_eq!((received.payload, received.encrypted), (Bytes::from_static(ORDER), Some(Cipher::Aes256Cbc)));
}

#[test]
fn binary_content_and_base64_bodies_from_the_peer() {
    let mut peer = Peer::start();
    let binary: Vec<u8> = (0..=255).cycle().take(5_000).chain(*b"\n\r\n\n\r").collect();
    for compress in [false, true] {
        let settings = json!({ "sign": true, "encrypt": true, "compress": compress });
        let message = peer.build("binary", &binary, "application/octet-stream", &settings);
        let received = take(&message, &partner(&[&THEIRS])).unwrap();
        assert_eq!(received.payload, binary);
        assert_eq!(Some(received.mic.base64()), message.mic);
        // Some products send the same in base64, said or not.
        for said in ["base64", "binary"] {
            let text = STANDARD.encode(&message.body).as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect::<Vec<u8>>();
            let fields = message.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-transfer-encoding"));
            let fields = fields.chain([("Content-Transfer-Encoding", said)]).collect();
            assert_eq!(take(&Built { headers: fields, body: text.into(), mic: None }, &partner(&[&THEIRS])).unwrap().payload, binary);
        }
    }
}

#[test]
fn the_peer_understands_why_its_message_is_refused() {
    let mut peer = Peer::start();
    let signed = json!({ "sign": true, "mdn_mode": "SYNC", "mdn_digest_alg": "sha256" });
    let encrypted = json!({ "sign": true, "encrypt": true, "mdn_mode": "SYNC", "mdn_digest_alg": "sha256" });
    let plain = json!({ "mdn_mode": "SYNC" });
    let sign_only = Partner { require_encryption: false, ..partner(&[&THEIRS]) };

    let mut cases = Vec::new();
    let mut message = peer.build("tampered", ORDER, "application/edifact", &signed);
    message.body = tampered(&message.body, b"PO-4711");
    cases.push((message, sign_only.clone(), detail::INTEGRITY_CHECK_FAILED, "changed on its way"));
    let message = peer.build("stranger", ORDER, "application/edifact", &signed);
    cases.push((
        message,
        Partner { require_encryption: false, ..partner(&[&STRANGER]) },
        detail::AUTHENTICATION_FAILED,
        "not configured for Pump House",
    ));
    let message = peer.build("open", ORDER, "application/edifact", &signed);
    cases.push((message, partner(&[&THEIRS]), detail::INSUFFICIENT_MESSAGE_SECURITY, "must be encrypted"));
    let message = peer.build("plain", ORDER, "application/edifact", &plain);
    cases.push((message, partner(&[&THEIRS]), detail::INSUFFICIENT_MESSAGE_SECURITY, "must be signed and encrypted"));
    let mut message = peer.build("cut", ORDER, "application/edifact", &encrypted);
    message.body = message.body.slice(..message.body.len() - 40);
    cases.push((message, partner(&[&THEIRS]), detail::DECRYPTION_FAILED, "no complete CMS"));

    for (message, partner, detail, words) in cases {
        let refused = take(&message, &partner).unwrap_err();
        assert_eq!(refused.answer, Answer::Receipt(Disposition::error(detail)), "{refused}");
        assert!(refused.reason.contains(words), "{refused}");
        let receipt = refused.receipt(&us(), &partner, RECEIPT_ID, now()).unwrap().unwrap();
        assert_eq!(peer.judge(&signed, &receipt.headers, &receipt.body), ("processed/error".into(), Some(detail.into())));
    }
}

#[test]
fn the_peer_takes_every_kind_of_message_and_we_understand_its_receipt() {
    let mut peer = Peer::start();
    let mut count = 0;
    for sign in [None, Some(Digest::Sha1), Some(Digest::Sha256), Some(Digest::Sha384), Some(Digest::Sha512)] {
        for encrypt in [None, Some(Cipher::TripleDes), Some(Cipher::Aes128Cbc), Some(Cipher::Aes192Cbc), Some(Cipher::Aes256Cbc)] {
            for compress in [None, Some(Compression::BeforeSigning), Some(Compression::AfterSigning)] {
                let digest = sign.unwrap_or(Digest::Sha256);
                let wish = |signed, url: Option<&str>| Some(ReceiptWish { signed, digest, deliver_to: url.map(str::to_owned) });
                for receipt in [None, wish(false, None), wish(true, None), wish(true, Some("https://loket.example/as2/receipts"))] {
                    count += 1;
                    let partner = Partner { sign, encrypt, compress, receipt, ..lenient(&[&THEIRS]) };
                    let what = format!("{sign:?} {encrypt:?} {compress:?} {:?}", partner.receipt);
                    let id = format!("<{count}@loket.example>");
                    let outbound = Outbound {
                        payload: ORDER,
                        content_type: "application/edifact",
                        filename: Some("orders 1.edi"),
                        subject: None,
                        message_id: &id,
                    };
                    let outgoing = send(&outbound, &us(), &partner, now()).unwrap();
                    // What the peer demands is what it gets.
                    let settings = json!({ "sign": sign.is_some(), "encrypt": encrypt.is_some() });
                    let answer = peer.parse(&settings, &outgoing.headers, &outgoing.body);
                    assert_eq!((&answer["status"], &answer["fault"]), (&json!("processed"), &Value::Null), "{what}");
                    assert_eq!(STANDARD.decode(answer["payload"].as_str().unwrap()).unwrap(), ORDER, "{what}");
                    assert_eq!(answer["layers"], json!([sign.is_some(), encrypt.is_some(), compress.is_some()]), "{what}");
                    if let Some(mic) = answer["mic"].as_str() {
                        assert_eq!(mic, outgoing.sent.mic.base64(), "{what}");
                    }

                    let Some(wish) = &partner.receipt else {
                        assert_eq!(answer["receipt"], Value::Null);
                        continue;
                    };
                    assert_eq!(answer["receipt"]["url"].as_str(), wish.deliver_to.as_deref());
                    let (headers, body) = (over_http(&headers(&answer["receipt"])), body(&answer["receipt"]));
                    assert!(is_receipt(&headers, &body) && !is_receipt(&outgoing.headers, &outgoing.body));
                    let read = read_receipt(&headers, &body, &partner, now()).unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(read.signed.is_some(), wish.signed, "{what}");
                    assert!(read.text.starts_with("The AS2 message has been successfully processed"), "{}", read.text);
                    match read.verdict(&outgoing.sent) {
                        Verdict::Confirmed => assert!(sign.is_some(), "{what}"),
                        // It computes no check value without a signature.
                        Verdict::Unproven(words) => assert!(sign.is_none() && words.contains("check value"), "{what}: {words}"),
                        other => panic!("{what}: {other:?}"),
                    }
                }
            }
        }
    }
    assert_eq!(count, 300);
}

#[test]
fn line_ends_and_binary_content_reach_the_peer_as_they_are() {
    let mut peer = Peer::start();
    let binary: Vec<u8> = (0..=255).cycle().take(3_000).collect();
    for payload in [&b"one\ntwo\r\nthree\rfour\n\n"[..], b"\r\n", b"no end", "Müller-Straße\n".as_bytes(), b"M\xfcller\x85\n", &binary] {
        for compress in [None, Some(Compression::BeforeSigning), Some(Compression::AfterSigning)] {
            let partner = Partner { compress, ..partner(&[&THEIRS]) };
            let outbound = Outbound {
                payload,
                content_type: "application/octet-stream",
                filename: None,
                subject: None,
                message_id: "<b@loket.example>",
            };
            let outgoing = send(&outbound, &us(), &partner, now()).unwrap();
            let answer = peer.parse(&json!({ "sign": true, "encrypt": true }), &outgoing.headers, &outgoing.body);
            assert_eq!((&answer["status"], &answer["fault"]), (&json!("processed"), &Value::Null), "{compress:?} {payload:?}");
            assert_eq!(STANDARD.decode(answer["payload"].as_str().unwrap()).unwrap(), payload);
            assert_eq!(answer["mic"].as_str().unwrap(), outgoing.sent.mic.base64());
        }
    }
}

#[test]
fn refusals_of_the_peer_are_understood() {
    let mut peer = Peer::start();
    let outbound =
        Outbound { payload: ORDER, content_type: "application/edifact", filename: None, subject: None, message_id: "<r@loket.example>" };
    let ask = |peer: &mut Peer, us: &loket_as2::Local, partner: &Partner, change: &dyn Fn(&Bytes) -> Bytes| {
        let outgoing = send(&outbound, us, partner, now()).unwrap();
        let answer = peer.parse(&json!({ "sign": true }), &outgoing.headers, &change(&outgoing.body));
        let read = read_receipt(&headers(&answer["receipt"]), &body(&answer["receipt"]), &lenient(&[&THEIRS]), now()).unwrap();
        assert_eq!(read.disposition.outcome, Outcome::Error);
        let Verdict::Refused(words) = read.verdict(&outgoing.sent) else { panic!("{read:?}") };
        words
    };
    let same = |body: &Bytes| body.clone();
    let sign_only = Partner { encrypt: None, ..partner(&[&THEIRS]) };

    let words = ask(&mut peer, &us(), &sign_only, &|body| tampered(body, b"PO-4711"));
    assert!(words.contains("authentication-failed"), "{words}");
    let stranger = loket_as2::Local::new("LOKET", STRANGER.pair()).unwrap();
    let words = ask(&mut peer, &stranger, &sign_only, &same);
    assert!(words.contains("authentication-failed"), "{words}");
    let words = ask(&mut peer, &us(), &partner(&[&STRANGER]), &same);
    assert!(words.contains("decryption-failed"), "{words}");
    let words = ask(&mut peer, &us(), &Partner { sign: None, ..partner(&[&THEIRS]) }, &same);
    assert!(words.contains("insufficient-message-security"), "{words}");
}

#[test]
fn a_receipt_of_the_peer_that_was_changed_or_is_for_something_else_confirms_nothing() {
    let mut peer = Peer::start();
    let partner = partner(&[&THEIRS]);
    let outbound =
        Outbound { payload: ORDER, content_type: "application/edifact", filename: None, subject: None, message_id: "<c@loket.example>" };
    let outgoing = send(&outbound, &us(), &partner, now()).unwrap();
    let answer = peer.parse(&json!({}), &outgoing.headers, &outgoing.body);
    let (headers, body) = (headers(&answer["receipt"]), body(&answer["receipt"]));

    let error = read_receipt(&headers, &tampered(&body, b"processed"), &partner, now()).unwrap_err().to_string();
    assert!(error.contains("changed on its way"), "{error}");
    let error = read_receipt(&headers, &body, &common::partner(&[&STRANGER, &ELLIPTIC]), now()).unwrap_err().to_string();
    assert!(error.contains("not configured for Pump House") && error.contains("CN=Pump House AS2"), "{error}");

    let read = read_receipt(&headers, &body, &partner, now()).unwrap();
    assert_eq!(read.verdict(&outgoing.sent), Verdict::Confirmed);
    let mut other = outgoing.sent.clone();
    other.mic.value[0] ^= 1;
    assert!(matches!(read.verdict(&other), Verdict::Contradicted(words) if words.contains("other content")));
    other = outgoing.sent.clone();
    other.message_id = "<other@loket.example>".into();
    assert!(matches!(read.verdict(&other), Verdict::Contradicted(words) if words.contains("<other@loket.example>")));
}
