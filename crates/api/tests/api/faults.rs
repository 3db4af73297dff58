//! A store that is away, slow or damaged: clear answers, none of its inside, no pile-up, and back to work afterwards.

use std::time::Duration;

use loket_api::Limits;
use loket_core::delivery::Delivery;
use serde_json::json;

use crate::faulty::{INNER, Mood, Moods};
use crate::world::{SLIP, World, all_operations, body_of};

async fn world(limits: Limits) -> (World, Moods) {
    let moods = Moods::default();
    let world = World::with(limits, |store| moods.wrap(store)).await;
    world.accept(vec![Delivery::standalone("email.support", "1", SLIP, "?")]).await;
    (world, moods)
}

/// Every keyed operation, on ids that mostly do not exist.
fn operations() -> Vec<(String, String)> {
    let keyed = all_operations().into_iter().filter(|(_, path)| path.starts_with("/v1/"));
    keyed
        .map(|(method, path)| {
            let nothing = uuid::Uuid::nil().to_string();
            (method, path.replace("{number}", "100-425").replace("{id}", &nothing).replace("{sha256}", &"0".repeat(64)))
        })
        .collect()
}

#[tokio::test]
async fn a_store_that_is_away_is_a_503_and_one_that_is_damaged_a_500() {
    let (world, moods) = world(Limits::default()).await;
    for (mood, status) in [(Mood::Away, 503), (Mood::Broken, 500)] {
        moods.set(mood);
        for (method, path) in operations().iter().filter(|(_, path)| path != "/v1/channels") {
            let answer = world.send(method, path, Some(&world.write), &[], body_of(path)).await;
            let detail = answer.problem(status);
            assert!(!detail.contains(INNER) && !detail.contains("10.0.0.7"), "{path}: {detail}");
            assert_eq!(answer.header("retry-after").is_some(), status == 503);
        }
    }
    moods.set(Mood::Away);
    let unready = world.ask("GET", "/readyz", None, &[]).await;
    unready.problem(503);
    assert_eq!(unready.json()["reasons"], json!(["the store does not answer"]));
    assert_eq!(world.ask("GET", "/healthz", None, &[]).await.status, 200);
    let figures = world.ask("GET", "/metrics", None, &[]).await;
    assert_eq!(figures.status, 200);
    let text = std::str::from_utf8(&figures.body).unwrap();
    let errors = text.lines().find_map(|line| line.strip_prefix("loket_store_errors_total ")).unwrap();
    assert!(errors.parse::<usize>().unwrap() >= 2 * (operations().len() - 1), "{errors}");

    moods.set(Mood::Well);
    assert_eq!(world.get("/v1/cases").await.status, 200);
    assert_eq!(world.ask("GET", "/readyz", None, &[]).await.status, 200);
}

#[tokio::test]
async fn a_slow_store_is_a_503_and_requests_do_not_pile_up() {
    let short = Duration::from_millis(50);
    let (world, moods) = world(Limits { request: short, turn: short, probe: short, at_once: 2, files: 1 }).await;
    moods.set(Mood::Slow);
    for (method, path) in operations() {
        let detail = world.send(&method, &path, Some(&world.write), &[], body_of(&path)).await.problem(503);
        assert!(detail.contains("took too long"), "{path}: {detail}");
        assert_eq!(detail.contains("look before you ask again"), method != "GET");
    }
    assert_eq!(world.ask("GET", "/readyz", None, &[]).await.json()["reasons"], json!(["the store does not answer in time"]));
    assert_eq!(world.ask("GET", "/metrics", None, &[]).await.status, 200);
    moods.set(Mood::Well);
    // The places were given back. On a busy machine a sound store can take longer than this limit, too: some try succeeds.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while world.get("/v1/cases").await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "the places were not given back");
    }
}

#[tokio::test]
async fn requests_beyond_the_limit_are_turned_away() {
    let limits = Limits { request: Duration::from_secs(600), turn: Duration::from_millis(50), at_once: 2, ..Limits::default() };
    let (world, moods) = world(limits).await;
    moods.set(Mood::Slow);
    let stuck = async { tokio::join!(world.get("/v1/cases"), world.get("/v1/cases")) };
    let late = async {
        let answer = world.get("/v1/cases").await;
        assert!(answer.problem(503).contains("too many requests"));
        assert_eq!(answer.header("retry-after"), Some("5"));
        // What needs no key still answers.
        assert_eq!(world.ask("GET", "/healthz", None, &[]).await.status, 200);
    };
    tokio::select! {
        biased;
        _ = stuck => panic!("the first two cannot have been answered"),
        () = late => {}
    }
    moods.set(Mood::Well);
    assert_eq!(world.get("/v1/cases").await.status, 200);
}

#[tokio::test]
async fn downloads_hold_their_place_until_the_last_byte() {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;
    let limits = Limits { turn: Duration::from_millis(50), files: 1, ..Limits::default() };
    let (world, _) = world(limits).await;
    let id = world.quarantined().await[0];
    let path = format!("/v1/deliveries/{id}/raw");
    let request = Request::builder().uri(&path).header("authorization", format!("Bearer {}", world.read)).body(Body::empty()).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    assert!(world.get(&path).await.problem(503).contains("too many downloads"));
    assert_eq!(axum::body::to_bytes(response.into_body(), 100).await.unwrap(), "?");
    assert_eq!(world.get(&path).await.status, 200);
}
