//! What the log says of a request, and what it must never say.

use std::io::Write;
use std::sync::{Arc, Mutex};

use loket_core::delivery::Delivery;

use crate::world::{SLIP, World, message, slip};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_access_is_one_line_without_keys_and_customers() {
    let world = World::new().await;
    world
        .accept(vec![
            slip("1", &[message("geheim@example.nl", "Mijn onderwerp", "Mijn tekst")], &[]),
            Delivery::standalone("email.support", "2", SLIP, "?"),
        ])
        .await;
    let id = world.quarantined().await[0];
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let stranger = format!("loket_{}", "7".repeat(64));
    let asked = [
        ("GET", "/v1/cases?customer=geheim@example.nl".to_owned(), Some(&world.read), "/v1/cases", 200),
        ("GET", "/v1/cases?geheim@example.nl=1".to_owned(), Some(&world.read), "/v1/cases", 400),
        ("GET", format!("/v1/quarantine/{id}"), Some(&world.read), "/v1/quarantine/{id}", 200),
        ("POST", format!("/v1/quarantine/{id}/discard"), Some(&world.write), "/v1/quarantine/{id}/discard", 200),
        ("GET", "/v1/cases".to_owned(), Some(&stranger), "/v1/cases", 401),
        ("GET", "/geheim@example.nl".to_owned(), None, "-", 404),
        ("GET", "/healthz".to_owned(), None, "/healthz", 200),
    ];
    let mut ids = Vec::new();
    for (method, path, key, _, _) in &asked {
        ids.push(world.ask(method, path, key.map(String::as_str), &[]).await.header("x-request-id").unwrap().to_owned());
    }
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for never in ["geheim", "Mijn", "loket_0", "loket_7", &world.read, &world.write, &world.read[6..20]] {
        assert!(!text.contains(never), "{never} is in the log:\n{text}");
    }
    let access: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["target"].as_str().unwrap().starts_with("loket_api"))
        .collect();
    assert_eq!(access.len(), asked.len(), "{text}");
    for ((line, id), (method, _, key, route, status)) in access.iter().zip(&ids).zip(&asked) {
        let fields = &line["fields"];
        assert_eq!(
            (&fields["method"], &fields["route"], &fields["status"], &fields["request"]),
            (&(*method).into(), &(*route).into(), &(*status).into(), &id.as_str().into())
        );
        assert!(fields["micros"].is_u64());
        let known = key.is_some_and(|key| *key != stranger);
        assert_eq!(line["level"], if known { "INFO" } else { "DEBUG" });
        assert_eq!(fields.get("key").and_then(|key| key.as_str()), known.then_some("erp"));
    }
}
