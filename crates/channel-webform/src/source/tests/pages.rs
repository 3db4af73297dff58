//! The pages: without a script, in the form's language, and deaf to whatever stands in the values.

use super::server::{Answer, BROWSER, Served, URLENCODED};

const FORM: &str = r#"
rate = 0
title = "Vragen & klachten"
intro = "Wij antwoorden <binnen een dag>."
[[field]]
name = "name"
[[field]]
name = "email"
kind = "email"
required = true
max_length = 80
[[field]]
name = "soort"
label = "Soort \"vraag\""
kind = "choice"
choices = ["<b>", "klacht"]
[[field]]
name = "akkoord"
kind = "checkbox"
required = true
[[field]]
name = "wanneer"
kind = "date"
[[field]]
name = "aantal"
kind = "number"
[[field]]
name = "bron"
kind = "hidden"
[[field]]
name = "text"
kind = "textarea"
required = true
[[field]]
name = "file"
kind = "file"
"#;

/// What every page must be, whatever was put into it.
fn check_page(page: &Answer) {
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.body.to_lowercase().contains("<script"), "{}", page.body);
    // The hash of the policy is that of the style on the page.
    let style = page.body.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, <sha2::Sha256 as sha2::Digest>::digest(style));
    assert!(policy.contains(&hash), "{policy} {hash}");
    assert!(page.body.starts_with("<!doctype html>\n<html lang=\""), "{}", page.body);
    // Every control has a label, and every id is there once.
    let ids: Vec<_> = page.body.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for id in &ids {
        assert_eq!(ids.iter().filter(|other| other == &id).count(), 1, "{id} twice");
    }
    for target in page.body.split(" for=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&target), "no {target}");
    }
    for described in page.body.split("aria-describedby=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&described), "no {described}");
    }
}

#[tokio::test]
async fn the_page_has_every_field() {
    let served = Served::start(FORM).await;
    let page = served.get("/forms/contact").await;
    assert_eq!(page.status, 200);
    check_page(&page);
    assert_eq!(page.header("cache-control"), Some("private, no-cache"));
    for part in [
        "<html lang=\"nl\">",
        "<title>Vragen &amp; klachten</title>",
        "Wij antwoorden &lt;binnen een dag&gt;.",
        "<form method=\"post\" action=\"contact\" accept-charset=\"utf-8\" enctype=\"multipart/form-data\">",
        "<input type=\"text\" id=\"f1\" name=\"name\" autocomplete=\"name\" value=\"\">",
        "<input type=\"email\" id=\"f2\" name=\"email\" required autocomplete=\"email\" maxlength=\"80\" value=\"\">",
        "<label for=\"f3\">Soort &quot;vraag&quot; <span",
        "<option>&lt;b&gt;</option>",
        "<input type=\"checkbox\" value=\"ja\" id=\"f4\" name=\"akkoord\" required>",
        "<input type=\"date\" id=\"f5\"",
        "inputmode=\"decimal\"",
        "<input type=\"hidden\" name=\"bron\" value=\"\">",
        "<textarea rows=\"8\" id=\"f8\" name=\"text\" required>",
        "<input type=\"file\" multiple id=\"f9\" name=\"file\">",
        "tabindex=\"-1\" autocomplete=\"off\"",
        ">Versturen</button>",
    ] {
        assert!(page.body.contains(part), "{part} is not in\n{}", page.body);
    }
    assert!(!page.body.contains("role=\"alert\""));
    assert_ne!(page.body, served.get("/forms/contact").await.body, "each showing has its own token");
    let head = served.send("HEAD /forms/contact HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_link_fills_in_values() {
    let served = Served::start(FORM).await;
    let page = served
        .get("/forms/contact?name=Ren%C3%A9e&soort=klacht&akkoord=1&text=a%0D%0Ab&bron=mail&_token=stolen&_url=x&file=y&wanneer=2026-11-24")
        .await;
    check_page(&page);
    for part in [
        "autocomplete=\"name\" value=\"Renée\"",
        "<option selected>klacht</option>",
        "name=\"akkoord\" required checked>",
        ">\na\r\nb</textarea>",
        "name=\"bron\" value=\"mail\"",
        "value=\"2026-11-24\"",
        "name=\"_url\" value=\"\"",
    ] {
        assert!(page.body.contains(part), "{part} is not in\n{}", page.body);
    }
    assert!(!page.body.contains("stolen"));
}

#[tokio::test]
async fn faults_stand_at_their_fields_and_values_stay() {
    let served = Served::start(FORM).await;
    let body = "name=Jan&email=nope&soort=klacht&wanneer=morgen&text=%0Aeerste+regel&_token=abc-1";
    let page = served.post(URLENCODED, BROWSER, body).await;
    assert_eq!((page.status, page.header("cache-control")), (422, Some("no-store")));
    check_page(&page);
    for part in [
        "<title>Het bericht is niet verstuurd – Vragen &amp; klachten</title>",
        "role=\"alert\"",
        "<li><a href=\"#f2\">E-mailadres</a> moet een e-mailadres zijn</li>",
        "<li><a href=\"#f4\">akkoord</a> moet ingevuld zijn</li>",
        "aria-invalid=\"true\" aria-describedby=\"f2-fault\" value=\"nope\"",
        "<p class=\"fault\" id=\"f5-fault\">moet een datum zijn",
        "<option selected>klacht</option>",
        ">\n\neerste regel</textarea>",
        "name=\"_token\" value=\"abc-1\"",
    ] {
        assert!(page.body.contains(part), "{part} is not in\n{}", page.body);
    }
    assert!(!page.body.contains("Kies uw bestanden"));
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhoi\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n1\r\n--x--\r\n";
    let page = served.post("multipart/form-data; boundary=x", BROWSER, multipart).await;
    assert_eq!(page.status, 422);
    assert!(page.body.contains("Kies uw bestanden opnieuw."), "{}", page.body);
    assert_eq!(served.deliveries().await.len(), 0);
}

#[tokio::test]
async fn html_in_values_stays_text() {
    let served = Served::start(FORM).await;
    let evil = "%22%3E%3C%2Ftextarea%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%27+onfocus%3Dalert(1)+%7B%7B%22zz%22%7Cupper%7D%7D";
    let everywhere = ["name", "email", "soort", "akkoord", "wanneer", "aantal", "bron", "text", "file", "_token", "_url", "other"];
    let body = everywhere.map(|name| format!("{name}={evil}")).join("&");
    let pages = [served.post(URLENCODED, BROWSER, &body).await, served.get(&format!("/forms/contact?{body}")).await];
    for page in pages {
        check_page(&page);
        assert!(!page.body.contains("</textarea><"), "{}", page.body);
        assert!(page.body.contains("{{&quot;zz&quot;|upper}}") && !page.body.contains("ZZ"), "{}", page.body);
        assert_eq!(page.body.matches("<textarea").count(), 1);
        assert!(!page.body.contains("\"><"), "{}", page.body);
    }
}

#[tokio::test]
async fn a_text_that_nobody_types_is_not_repeated() {
    let served = Served::start(FORM).await;
    let page = served.post(URLENCODED, BROWSER, format!("name=Jan&text={}", "%3C".repeat(2 << 20))).await;
    assert_eq!(page.status, 422);
    assert!(page.body.len() < 100_000 && page.body.contains("value=\"Jan\""));
}

#[tokio::test]
async fn thanks_or_the_way_on() {
    let good = "email=jan%40example.nl&text=hallo";
    let served = Served::start("rate = 0\nlanguage = \"fr\"\n").await;
    let page = served.post(URLENCODED, BROWSER, good).await;
    assert_eq!(page.status, 202);
    check_page(&page);
    let reference = served.deliveries().await[0].id.to_string();
    assert!(page.body.contains("<html lang=\"fr\">") && page.body.contains("Merci") && page.body.contains(&reference), "{}", page.body);

    let served = Served::start("rate = 0\nredirect = \"https://www.zaak.example/bedankt?x=1\"\norigins = [\"https://a.example\"]\n").await;
    let policy = served.get("/forms/contact").await;
    let policy = policy.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' https://www.zaak.example;"), "{policy}");
    assert!(policy.ends_with("frame-ancestors 'self' https://a.example"), "{policy}");
    let onward = served.post(URLENCODED, BROWSER, good).await;
    assert_eq!((onward.status, onward.header("location")), (303, Some("https://www.zaak.example/bedankt?x=1")));
    // Who asked for no page gets the answer itself.
    served.post(URLENCODED, "", good).await.reference();
}

#[tokio::test]
async fn every_language_has_its_page() {
    for (language, send) in [("nl", "Versturen"), ("en", "Send"), ("de", "Absenden"), ("fr", "Envoyer")] {
        let served = Served::start(&format!("language = \"{language}\"\n")).await;
        let page = served.get("/forms/contact").await;
        check_page(&page);
        assert!(page.body.contains(&format!("<html lang=\"{language}\">")) && page.body.contains(send), "{language}");
        let refused = served.post("text/plain", BROWSER, "x").await;
        assert_eq!(refused.status, 415);
        check_page(&refused);
        assert!(refused.body.contains("href=\"contact\""));
    }
}
