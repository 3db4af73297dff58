//! Keys: who may ask, and what they see.

use loket_core::case::CaseNumber;
use loket_core::delivery::{Delivery, Tenant};
use loket_core::keys::Access;
use loket_core::time::Timestamp;

use crate::world::{SLIP, World, all_operations, attached, message, other, slip};

#[tokio::test]
async fn without_a_good_key_nothing_is_answered() {
    let world = World::new().await;
    let (revoked, record) = World::key(&*world.store, Tenant::default(), Access::Write).await;
    assert!(world.store.revoke_key(record.id, Timestamp::now()).await.unwrap());
    let unknown = format!("loket_{}", "0".repeat(64));
    assert!(all_operations().len() > 25);
    for (method, path) in all_operations() {
        let asked =
            path.replace("{number}", "100-425").replace("{id}", &uuid::Uuid::nil().to_string()).replace("{sha256}", &"0".repeat(64));
        if !path.starts_with("/v1/") {
            assert_eq!(world.ask(&method, &asked, None, &[]).await.status, 200, "{path}");
            continue;
        }
        let none = world.ask(&method, &asked, None, &[]).await;
        none.problem(401);
        assert_eq!(none.header("www-authenticate"), Some("Bearer realm=\"loket\""));
        for key in [revoked.as_str(), &unknown, "loket_", "", &"x".repeat(10_000)] {
            let bad = world.ask(&method, &asked, Some(key), &[]).await;
            bad.problem(401);
            assert_eq!(bad.header("www-authenticate"), Some("Bearer realm=\"loket\", error=\"invalid_token\""));
        }
    }
    let header = format!("Basic {}", world.read);
    world.ask("GET", "/v1/cases", None, &[("authorization", &header)]).await.problem(401);
    // The scheme's case does not matter; a key in the query is a mistake and opens nothing.
    let header = format!("bearer {}", world.read);
    assert_eq!(world.ask("GET", "/v1/cases", None, &[("authorization", &header)]).await.status, 200);
    world.ask("GET", &format!("/v1/cases?key={}", world.read), None, &[]).await.problem(401);
}

#[tokio::test]
async fn a_key_that_is_revoked_ends_at_once() {
    let world = World::new().await;
    let (key, record) = World::key(&*world.store, Tenant::default(), Access::Read).await;
    assert_eq!(world.ask("GET", "/v1/cases", Some(&key), &[]).await.status, 200);
    assert!(world.store.revoke_key(record.id, Timestamp::now()).await.unwrap());
    assert!(world.ask("GET", "/v1/cases", Some(&key), &[]).await.problem(401).contains("revoked"));
}

#[tokio::test]
async fn a_read_key_changes_nothing() {
    let world = World::new().await;
    world.accept(vec![Delivery::standalone("email.support", "1", SLIP, "?")]).await;
    let id = world.quarantined().await[0];
    for action in ["retry", "discard"] {
        let path = format!("/v1/quarantine/{id}/{action}");
        let refused = world.ask("POST", &path, Some(&world.read), &[]).await;
        assert!(refused.problem(403).contains("only read"));
        assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
        let wrong = world.get(&path).await;
        wrong.problem(405);
        assert_eq!(wrong.header("allow"), Some("POST"));
    }
    assert_eq!(world.quarantined().await, [id]);
    // A write key reads too.
    assert_eq!(world.ask("GET", "/v1/cases", Some(&world.write), &[]).await.status, 200);
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let world = World::new().await;
    let mut one = message("jan@example.nl", "Geheim", "Van de ene");
    one.attachments = vec![attached(Some("a.txt"), "text/plain", "file")];
    let sum = one.attachments[0].sha256.clone();
    let ours = slip("1", &[one], &["file"]);
    let delivery = ours.id;
    let mut theirs = slip("1", &[message("piet@example.org", "Van ons", "Van de andere")], &[]);
    theirs.tenant = other();
    world.accept(vec![ours, theirs, Delivery::standalone("email.support", "2", SLIP, "?")]).await;
    world.state.health.channel("email.support", "main");
    world.state.health.channel("email.other", "other");
    let id = world.store.delivery_messages(&Tenant::default(), delivery).await.unwrap()[0].id;
    let aside = world.quarantined().await[0];
    // Both tenants count from the same first number: the other one's case is what this number means to the other one's key.
    let number = CaseNumber::from_counter(CaseNumber::FIRST);
    let see = async |key: &str| world.ask("GET", &format!("/v1/cases/{number}"), Some(key), &[]).await.ok();
    assert_eq!((see(&world.read).await["title"].as_str(), see(&world.other).await["title"].as_str()), (Some("Geheim"), Some("Van ons")));

    for path in [
        format!("/v1/messages/{id}"),
        format!("/v1/messages/{id}/raw"),
        format!("/v1/messages/{id}/attachments/{sum}"),
        format!("/v1/deliveries/{delivery}"),
        format!("/v1/deliveries/{delivery}/raw"),
        format!("/v1/quarantine/{aside}"),
        format!("/v1/quarantine/{aside}/raw"),
    ] {
        assert_eq!(world.get(&path).await.status, 200, "{path}");
        let hidden = world.ask("GET", &path, Some(&world.other), &[]).await.problem(404);
        let absent = world
            .get(
                &path
                    .replace(&id.to_string(), "018f0000-0000-7000-8000-000000000000")
                    .replace(&delivery.to_string(), "018f0000-0000-7000-8000-000000000000")
                    .replace(&aside.to_string(), "018f0000-0000-7000-8000-000000000000"),
            )
            .await
            .problem(404);
        assert_eq!(hidden, absent, "another tenant's is told apart from none at all");
    }
    for action in ["retry", "discard"] {
        world.ask("POST", &format!("/v1/quarantine/{aside}/{action}"), Some(&world.other), &[]).await.problem(404);
    }
    assert_eq!(world.quarantined().await, [aside]);
    let list = async |path: &str, key: &str| world.ask("GET", path, Some(key), &[]).await.ok();
    assert_eq!(list("/v1/quarantine", &world.other).await["deliveries"].as_array().unwrap().len(), 0);
    assert_eq!(list("/v1/cases", &world.other).await["cases"].as_array().unwrap().len(), 1);
    assert_eq!(list("/v1/cases?customer=jan@example.nl", &world.other).await["cases"].as_array().unwrap().len(), 0);
    let channels = list("/v1/channels", &world.other).await;
    assert_eq!(channels["channels"].as_array().unwrap().len(), 1);
    assert_eq!(channels["channels"][0]["channel"], "email.other");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new().await;
    for path in ["/", "/v2/cases", "/v1", "/v1/cases/", "/v1/messages", "/%ff", "/v1/cases/100-425/x"] {
        assert!(world.get(path).await.problem(404).contains("openapi.json"), "{path}");
    }
    for (method, path, allow) in
        [("DELETE", "/v1/cases", "GET,HEAD"), ("POST", "/healthz", "GET,HEAD"), ("PUT", "/v1/quarantine", "GET,HEAD")]
    {
        let wrong = world.ask(method, path, Some(&world.write), &[]).await;
        wrong.problem(405);
        assert_eq!(wrong.header("allow"), Some(allow));
    }
    let body = world.ask("GET", "/v1/cases", Some(&world.read), &[("content-length", "70000000")]).await;
    assert!(body.problem(413).contains("takes no body"));
}
