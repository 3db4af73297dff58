//! Bytes out: exact, and harmless to whoever opens the link in a browser.

use loket_core::delivery::Delivery;
use loket_core::delivery::Tenant;

use crate::world::{Answer, SLIP, World, attached, message, sha256, slip};

fn assert_harmless(answer: &Answer) {
    assert!(answer.header("content-disposition").unwrap().starts_with("attachment; filename=\""));
    assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn raw_bytes_are_those_that_came() {
    let world = World::new().await;
    let plain = slip("1", &[message("jan@example.nl", "Vraag", "Is deze op voorraad?")], &[]);
    let mut odd = Delivery::standalone("email.support", "2", "message/rfc822", (0..=255_u8).cycle().take(70_000).collect::<Vec<u8>>());
    odd.media_type = "message/rfc822".into();
    let mut evil = Delivery::standalone("email.support", "3", "text/html\r\nX-Evil: 1", "<script>alert(1)</script>");
    evil.media_type = "text/html\r\nX-Evil: 1".into();
    for delivery in [&plain, &odd, &evil] {
        world.accept(vec![delivery.clone()]).await;
    }
    for (delivery, media_type, extension) in
        [(&plain, SLIP, "bin"), (&odd, "message/rfc822", "eml"), (&evil, "application/octet-stream", "bin")]
    {
        let answer = world.get(&format!("/v1/deliveries/{}/raw", delivery.id)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, delivery.payload);
        assert_eq!(answer.header("content-type"), Some(media_type));
        assert_eq!(answer.header("content-disposition").unwrap(), format!("attachment; filename=\"delivery-{}.{extension}\"", delivery.id));
        assert!(answer.header("x-evil").is_none());
        assert_harmless(&answer);
    }
    // The same by the message, and by the quarantine for those that no reader knows.
    let parts = world.get(&format!("/v1/deliveries/{}", plain.id)).await.ok();
    let by_message = world.get(&format!("/v1/messages/{}/raw", parts["messages"][0]["id"].as_str().unwrap())).await;
    assert_eq!(by_message.body, plain.payload);
    assert_harmless(&by_message);
    let aside = world.get(&format!("/v1/quarantine/{}/raw", odd.id)).await;
    assert_eq!(aside.body, odd.payload);
    assert_harmless(&aside);
    let head = world.ask("HEAD", &format!("/v1/deliveries/{}/raw", odd.id), Some(&world.read), &[]).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some("70000")));
}

#[tokio::test]
async fn attachments_are_exact_and_their_names_cannot_reach_the_headers() {
    let world = World::new().await;
    let long = "a".repeat(5_000);
    let names = [
        (Some("bestelling 12.pdf"), "filename=\"bestelling 12.pdf\""),
        (
            Some("x\r\nSet-Cookie: sid=1\r\n\r\n<html>"),
            "filename=\"xSet-Cookie_ sid_1_html_\"; filename*=UTF-8''xSet-Cookie%3A%20sid%3D1%3Chtml%3E",
        ),
        (Some("a\"; filename=\"b.exe"), "filename=\"a__ filename__b.exe\"; filename*=UTF-8''a%22%3B%20filename%3D%22b.exe"),
        (Some("..\\..\\windows\\win.ini"), "filename=\"win.ini\""),
        (Some("注文書.xlsx"), "filename=\"___.xlsx\"; filename*=UTF-8''%E6%B3%A8%E6%96%87%E6%9B%B8.xlsx"),
        (Some(long.as_str()), "filename=\"aaaa"),
        (None, "filename=\"attachment\""),
    ];
    let files: Vec<String> = (0..names.len()).map(|n| format!("inhoud {n} \u{0} <svg onload=alert(1)>")).collect();
    let mut one = message("jan@example.nl", "Bestelling", "Zie bijlagen");
    one.attachments = names.iter().zip(&files).map(|((name, _), file)| attached(*name, "image/svg+xml", file)).collect();
    let other = message("jan@example.nl", "Zonder", "Zonder bijlagen");
    let delivery = slip("1", &[one, other], &files.iter().map(String::as_str).collect::<Vec<_>>());
    let id = delivery.id;
    world.accept(vec![delivery]).await;
    let messages = world.store.delivery_messages(&Tenant::default(), id).await.unwrap();
    for ((_, expected), file) in names.iter().zip(&files) {
        let sum = sha256(file);
        let path = format!("/v1/messages/{}/attachments/{sum}", messages[0].id);
        let answer = world.get(&path).await;
        assert_eq!((answer.status, &answer.body[..]), (200, file.as_bytes()));
        assert_harmless(&answer);
        assert!(answer.header("content-disposition").unwrap().contains(expected), "{:?}", answer.headers);
        assert!(answer.headers.get("set-cookie").is_none());
        assert_eq!(answer.header("content-type"), Some("image/svg+xml"));
        let tag = format!("\"{sum}\"");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
        assert_eq!(world.get(&path.replace(&sum, &sum.to_uppercase())).await.status, 200);
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
            let unchanged = world.ask("GET", &path, Some(&world.read), &[("if-none-match", &known)]).await;
            assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{known}");
            assert_eq!(unchanged.header("etag"), Some(tag.as_str()));
        }
        assert_eq!(world.ask("GET", &path, Some(&world.read), &[("if-none-match", "\"x\"")]).await.status, 200);
        // The other message of the same delivery does not have it.
        world.get(&format!("/v1/messages/{}/attachments/{sum}", messages[1].id)).await.problem(404);
    }
    world.get(&format!("/v1/messages/{}/attachments/{}", messages[0].id, sha256("nothing"))).await.problem(404);
    world.get(&format!("/v1/messages/{}/attachments/xyz", messages[0].id)).await.problem(400);
    world.get(&format!("/v1/messages/{}/attachments/{}", messages[0].id, "é".repeat(32))).await.problem(400);
}

#[tokio::test]
async fn what_cannot_be_cut_says_why() {
    let world = World::new().await;
    let mut one = message("jan@example.nl", "Bestelling", "Zie bijlagen");
    let mut large = attached(Some("film.mp4"), "video/mp4", "not in the slip");
    large.skipped = Some("larger than 25 MB".into());
    one.attachments =
        vec![large, attached(Some("weg.pdf"), "application/pdf", "gone"), attached(Some("stuk.pdf"), "application/pdf", "panic")];
    let sums: Vec<String> = one.attachments.iter().map(|attachment| attachment.sha256.clone()).collect();
    let delivery = slip("1", &[one], &["panic"]);
    let id = delivery.id;
    world.accept(vec![delivery]).await;
    let message = world.store.delivery_messages(&Tenant::default(), id).await.unwrap()[0].id;
    let path = |sum: &str| format!("/v1/messages/{message}/attachments/{sum}");
    assert!(world.get(&path(&sums[0])).await.problem(404).contains("larger than 25 MB"));
    assert!(world.get(&path(&sums[1])).await.problem(404).contains("/raw"));
    // A reader that breaks breaks this one answer, says nothing of its inside, and keeps no download's place.
    for _ in 0..20 {
        let detail = world.get(&path(&sums[2])).await.problem(500);
        assert!(!detail.contains("breaks its reader"), "{detail}");
    }
    assert_eq!(world.get(&format!("/v1/messages/{message}")).await.status, 200);
}
