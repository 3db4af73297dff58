//! What customers get, and what comes back from them.

use anyhow::{Context, Result, ensure};
use loket_tests::daemon::free_port;
use loket_tests::postfix::Server;
use loket_tests::wait_for;
use serde_json::json;
use tempfile::TempDir;

use crate::server::{Act, Smtp};
use crate::site::{Site, body, complaint, field, fields as names_of, mail, plain, postfix, text, wait_for_kept};
use crate::{PATIENCE, SUPPORT};

/// A daemon, and the Postfix that it sends to and that passes our mail on to it.
struct World {
    _folder: TempDir,
    postfix: Server,
    site: Site,
}

async fn world(outgoing: &str) -> Result<World> {
    world_with(outgoing, "").await
}

async fn world_with(outgoing: &str, settings: &str) -> Result<World> {
    let folder = tempfile::tempdir()?;
    let lmtp = free_port();
    let postfix = postfix(lmtp, settings)?;
    let site = Site::at(folder.path(), "loket", lmtp, &format!("{}\n{outgoing}", plain(postfix.port))).await?;
    Ok(World { _folder: folder, postfix, site })
}

/// The kept mail whose subject has this in it.
async fn kept_about(postfix: &Server, about: &str) -> Result<Vec<u8>> {
    let found = wait_for(PATIENCE, async || postfix.kept().ok()?.into_iter().find(|mail| field(mail, "Subject").contains(about)));
    found.await.with_context(|| format!("no mail about {about}:\n{}", postfix.log()))
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_told_in_their_language_what_was_understood() -> Result<()> {
    let World { postfix, mut site, _folder } = world("reply_address = \"support+{mark}@loket.example\"").await?;
    let table = [
        (
            "nl",
            "complaint",
            "Klacht over de levering",
            "Ik ben erg ontevreden over de levering van vorige week. De helft van de dozen was beschadigd en niemand belt mij terug. Ik wil mijn geld terug.",
            "klacht",
        ),
        (
            "en",
            "complaint",
            "Complaint about my delivery",
            "I am very disappointed. The parcel arrived damaged, half of the items are broken and nobody answers my calls. I want my money back.",
            "complaint",
        ),
        (
            "de",
            "complaint",
            "Beschwerde",
            "Ich bin sehr verärgert. Die Lieferung kam beschädigt an, die Hälfte fehlt und niemand ruft mich zurück. Ich verlange mein Geld zurück.",
            "Beschwerde",
        ),
        (
            "fr",
            "complaint",
            "Réclamation",
            "Je suis très mécontent. Le colis est arrivé abîmé, la moitié des articles manque et personne ne me rappelle. Je demande un remboursement.",
            "réclamation",
        ),
    ];
    for (language, _, subject, words, _) in table {
        let from = format!("Zoë de Vries <{language}@klanten.example>");
        postfix.send(&format!("{language}@klanten.example"), &[SUPPORT], &mail(&from, &format!("{language}@m.example"), subject, words))?;
    }
    let cases = site.wait_for_cases(4).await?;
    wait_for_kept(&postfix, 4).await?;
    for (language, class, subject, _, word) in table {
        let case = cases.iter().find(|case| case["language"] == language).with_context(|| format!("no case in {language}: {cases:#?}"))?;
        ensure!(case["class"] == class && case["review"] == false, "{case:#?}");
        let number = case["number"].as_str().context("no number")?;
        let sent = kept_about(&postfix, number).await?;
        let text = body(&sent);
        assert_eq!(field(&sent, "Subject"), format!("Re: {subject} [#{number}]"));
        assert_eq!(field(&sent, "In-Reply-To"), format!("<{language}@m.example>"));
        assert_eq!(field(&sent, "References"), format!("<{language}@m.example>"));
        assert_eq!(field(&sent, "Auto-Submitted"), "auto-replied");
        assert_eq!(field(&sent, "Return-Path"), "<>");
        assert_eq!(field(&sent, "From"), "Klantenservice loket <support@loket.example>");
        assert!(field(&sent, "To").ends_with(&format!("<{language}@klanten.example>")));
        assert!(field(&sent, "Reply-To").contains(&format!("<support+{}-", number.replace('-', ""))), "{}", field(&sent, "Reply-To"));
        for part in [number, word, "Zoë de Vries", "Klantenservice loket"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
    // Each is on record in its case, with what the server said.
    for one in site.outbound().await? {
        assert_eq!((&one["state"], &one["kind"], &one["attempts"]), (&json!("sent"), &json!("acknowledgement"), &json!(1)), "{one:#?}");
        assert!(one["said"].as_str().is_some_and(|said| said.starts_with("250 2.0.0")), "{one:#?}");
    }
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_reply_threads_and_so_does_what_comes_back() -> Result<()> {
    let World { postfix, mut site, _folder } = world("reply_address = \"support+{mark}@loket.example\"").await?;
    postfix.send("marloes@klanten.example", &[SUPPORT], &complaint(1))?;
    let cases = site.wait_for_cases(1).await?;
    let number = cases[0]["number"].as_str().context("no number")?.to_owned();
    let acknowledged = wait_for_kept(&postfix, 1).await?.remove(0);
    let id = site
        .reply(
            &number,
            &json!({ "text": "Beste Marloes,\n\n.\nFrom ons krijgt u € 40 terug; dat is 100 % = alles.\n\n  Groet,\n  Piet", "cc": ["baas@klanten.example"] }),
        )
        .await?;
    let sent = site.wait_for_state(Some(&id), "sent").await?;
    // One mail for two recipients, whom Postfix keeps it for one by one.
    let kept = wait_for_kept(&postfix, 3).await?;
    let reply = kept.into_iter().find(|mail| field(mail, "Message-ID") != field(&acknowledged, "Message-ID")).context("no reply")?;
    assert_eq!(field(&reply, "Message-ID"), format!("<{}>", sent["identity"].as_str().unwrap_or_default()));
    assert_eq!(field(&reply, "In-Reply-To"), "<klacht-1@klanten.example>");
    assert_eq!(field(&reply, "Subject"), format!("Re: Klacht over levering 1 [#{number}]"));
    assert_eq!(field(&reply, "Return-Path"), "<support@loket.example>");
    assert_eq!(field(&reply, "Cc"), "baas@klanten.example");
    for name in ["auto-submitted", "precedence", "x-loop", "x-auto-response-suppress"] {
        assert!(!names_of(&reply).contains(&name.to_owned()), "{}", String::from_utf8_lossy(&reply));
    }
    assert!(
        body(&reply).starts_with(
            "Beste Marloes,\n\n.\nFrom ons krijgt u € 40 terug; dat is 100 % = alles.\n\n  Groet,\n  Piet\n\n-- \nKlantenservice loket\n"
        ),
        "{}",
        body(&reply)
    );

    // The customer answers the acknowledgement with another subject: its Message-ID is enough.
    let answer = |id: &str, to: &str, references: &str, from: &str, words: &str| {
        format!(
            "From: {from}\r\nTo: {to}\r\nSubject: nog iets\r\nDate: Tue, 24 Nov 2026 10:30:00 +0100\r\nMessage-ID: <{id}>\r\n{references}\r\n{words}\r\n"
        )
        .into_bytes()
    };
    let references = format!("In-Reply-To: {0}\r\nReferences: {0}\r\n", field(&acknowledged, "Message-ID"));
    let from = "marloes@klanten.example";
    postfix.send(from, &[SUPPORT], &answer("a1@m.example", SUPPORT, &references, from, "De foto's volgen nog."))?;
    site.wait_for_messages(&number, 2).await?;
    // And the reply.
    let references = format!("In-Reply-To: {}\r\n", field(&reply, "Message-ID"));
    postfix.send(from, &[SUPPORT], &answer("a2@m.example", SUPPORT, &references, from, "Dank u wel."))?;
    site.wait_for_messages(&number, 3).await?;
    // A program that drops all headers, and a colleague of hers whom we have never heard of: by the signed address.
    let signed = field(&reply, "Reply-To");
    let signed = signed.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>')).context("no signed address")?.to_owned();
    let from = "collega@elders.example";
    postfix.send(from, &[&signed], &answer("a3@m.example", &signed, "", from, "Ik neem dit over van Marloes."))?;
    site.wait_for_messages(&number, 4).await?;
    // A forged mark opens a case of its own.
    let forged = signed.replacen(char::is_alphanumeric, "s", 1).replace('-', "-a");
    postfix.send(from, &[&forged], &answer("a4@m.example", &forged, "", from, "Wat is er met mijn andere bestelling gebeurd?"))?;
    let cases = site.wait_for_cases(2).await?;
    assert_eq!(cases[0]["messages_total"], 4, "{cases:#?}");
    // Nobody was acknowledged but who opened a case. To `elders.example` no mail goes: Postfix says so to nobody.
    site.wait_until_idle().await?;
    let acknowledgements = site.outbound().await?.into_iter().filter(|one| one["kind"] == "acknowledgement").count();
    assert_eq!(acknowledgements, 2);
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_bounces_comes_back_to_its_case() -> Result<()> {
    // Our mail server takes mail for this domain, and learns later that nobody is there: it tells the sender, us.
    let elsewhere = Smtp::start(&vec![Act::Recipient("550 5.1.1 nobody of that name"); 5]).await?;
    let transport = format!("transport_maps = inline:{{ {{ elders.example = smtp:[127.0.0.1]:{} }} }}", elsewhere.port);
    let World { postfix, mut site, _folder } = world_with("", &transport).await?;
    let from = "weg@elders.example";
    postfix.send(
        from,
        &[SUPPORT],
        &mail(from, "v1@elders.example", "Vraag over openingstijden", "Bent u op zaterdag open, en tot hoe laat?"),
    )?;
    let cases = site.wait_for_cases(1).await?;
    let number = cases[0]["number"].as_str().context("no number")?.to_owned();
    let id = site.reply(&number, &text("Ja, tot vijf uur.")).await?;
    let sent = site.wait_for_state(Some(&id), "sent").await?;
    site.wait_for_messages(&number, 2).await?;
    let case = site.case(&number).await?;
    let messages = case["messages"].as_array().context("no messages")?;
    let bounce = messages.iter().find(|one| one["message"]["automatic"] == "bounce" || one["automatic"] == "bounce");
    let bounce = bounce.with_context(|| format!("no bounce in {messages:#?}"))?.to_string();
    ensure!(bounce.contains(sent["identity"].as_str().context("no identity")?), "{bounce}");
    ensure!(bounce.contains("weg@elders.example"), "{bounce}");
    // The acknowledgement had no sender: nothing came back for it, and nothing was answered.
    site.wait_until_idle().await?;
    assert_eq!((site.cases().await?.len(), site.outbound().await?.len()), (1, 2));
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_customers_write_becomes_a_header_or_a_recipient() -> Result<()> {
    let World { postfix, mut site, _folder } = world("").await?;
    let evil = [
        // A line end in an encoded word, in all the ways.
        ("=?utf-8?q?Vraag=0D=0ABcc:_boef=40klanten.example?=", "=?utf-8?q?Jan=0D=0ABcc:_boef=40klanten.example?="),
        ("=?utf-8?b?VnJhYWcNCkJjYzogYm9lZkBrbGFudGVuLmV4YW1wbGU=?=", "\"Jan\\\r\n Bcc: boef@klanten.example\""),
        ("=?utf-8?q?Vraag=0A=0ABcc:_x?=", "=?iso-8859-1?q?Jan=0A=00=0D?="),
        ("=?utf-8?q?=3D=3Futf-8=3Fq=3F=3D0D=3D0ABcc=3A=5Fx=3F=3D?=", "=?utf-8?q?=3D=3Futf-8=3Fb=3FDQpCY2M6IHg=3D=3F=3D?="),
    ];
    for (index, (subject, name)) in evil.iter().enumerate() {
        let words = format!("Wanneer is bestelling {index} klaar? Ik wil graag weten of ik die op zaterdag kan ophalen.");
        let from = format!("{name} <jan{index}@klanten.example>");
        postfix.send(&format!("jan{index}@klanten.example"), &[SUPPORT], &mail(&from, &format!("e{index}@m.example"), subject, &words))?;
    }
    // Addresses that would be more than one, or a command.
    let odd = [
        "Jan <jan@klanten.example>, boef@klanten.example",
        "<jan@klanten.example>\r\nReply-To: <a@klanten.example> RCPT TO:<boef@klanten.example>",
    ];
    for (index, from) in odd.iter().enumerate() {
        let words = format!("Kunt u mij zeggen hoe laat u op dag {index} open bent?");
        postfix.send("jan@klanten.example", &[SUPPORT], &mail(from, &format!("o{index}@m.example"), "Vraag", &words))?;
    }
    let cases = site.wait_for_cases(evil.len() + odd.len()).await?;
    for (index, case) in cases.iter().enumerate().take(2) {
        let number = case["number"].as_str().context("no number")?;
        let subject = format!("Antwoord {index}\r\nBcc: boef@klanten.example");
        let (status, _) = site.post(&format!("/v1/cases/{number}/replies"), &json!({ "text": "x", "subject": subject })).await?;
        ensure!((400..500).contains(&status), "{status}");
        let (status, _) = site
            .post(
                &format!("/v1/cases/{number}/replies"),
                &json!({ "text": "x", "to": "jan@klanten.example>\r\nRCPT TO:<boef@klanten.example" }),
            )
            .await?;
        ensure!((400..500).contains(&status), "{status}");
        site.reply(number, &text("Hallo\r\n.\r\nMAIL FROM:<boef@klanten.example>\r\nRCPT TO:<boef@klanten.example>\r\nDATA\r\n")).await?;
    }
    site.wait_until_idle().await?;
    let expected = [
        "return-path",
        "x-original-to",
        "delivered-to",
        "received",
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "auto-submitted",
        "x-auto-response-suppress",
        "precedence",
        "x-loop",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    ];
    let kept = postfix.kept()?;
    ensure!(kept.len() >= evil.len() + 2, "{} mails", kept.len());
    for mail in &kept {
        let all = names_of(mail);
        let unknown: Vec<_> = all.iter().filter(|name| !expected.contains(&name.as_str())).collect();
        ensure!(unknown.is_empty(), "{unknown:?} in\n{}", String::from_utf8_lossy(mail));
        for name in ["from", "to", "subject", "message-id"] {
            ensure!(all.iter().filter(|other| *other == name).count() == 1, "{name} in\n{}", String::from_utf8_lossy(mail));
        }
        ensure!(!field(mail, "Delivered-To").contains("boef"), "{}", String::from_utf8_lossy(mail));
        ensure!(field(mail, "To").matches('@').count() == 1, "{}", field(mail, "To"));
    }
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fills_in_a_form_is_answered_by_mail_where_there_is_an_address() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let postfix = postfix(1, "")?;
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates)?;
    std::fs::write(templates.join("ack.nl.txt"), "Subject: Uw formulier\nBeste {{ name or 'klant' }}, dit is een {{ class }}.\n")?;
    let fields =
        ["name", "email", "phone", "subject", "text"].map(|name| format!("[[webform.contact.field]]\nname = \"{name}\"\n")).concat();
    let keys = format!("{}\ntemplates = \"{}\"\n[webform.contact]\n{fields}", plain(postfix.port), templates.display());
    let mut site = Site::start(folder.path(), "loket", &keys).await?;
    let config = std::fs::read_to_string(&site.loket.config)?.replace("[\"email.support\"]", "[\"email.support\", \"webform.contact\"]");
    std::fs::write(&site.loket.config, config)?;
    ensure!(site.loket.stop().await?.success());
    site.loket.start().await?;
    let complaint = "Ik ben erg ontevreden: mijn bestelling is alweer beschadigd aangekomen en niemand belt terug. Ik wil mijn geld terug.";
    for body in [
        json!({ "name": "Marloes Terwindt", "email": "marloes@klanten.example", "subject": "Klacht", "text": complaint }),
        json!({ "name": "Win www.kwaad.example", "email": "jan@klanten.example", "subject": "Klacht", "text": format!("{complaint} Bestelling 7.") }),
        json!({ "name": "Piet", "phone": "+31 20 555 12 34", "text": format!("{complaint} Bestelling 8.") }),
    ] {
        let status = site.loket.client().post(site.loket.url("/forms/contact")).json(&body).send().await?.status();
        ensure!(status == 202, "{status}");
    }
    let cases = site.wait_for_cases(3).await?;
    site.wait_until_idle().await?;
    let kept = wait_for_kept(&postfix, 2).await?;
    for mail in &kept {
        let text = body(mail);
        ensure!(text.trim_end().ends_with("dit is een complaint.") && !text.contains("kwaad"), "{text}");
        ensure!(field(mail, "Subject").starts_with("Uw formulier [#"), "{}", field(mail, "Subject"));
        ensure!(!names_of(mail).iter().any(|name| name == "in-reply-to" || name == "references"));
    }
    let withheld = site.wait_for_state(None, "withheld").await?;
    assert_eq!(withheld["said"], "its sender has no mail address");
    let number =
        cases.iter().find(|case| case["number"] == withheld["case"]).and_then(|case| case["number"].as_str()).context("no case")?;
    let id = site.reply(number, &text("Wij bellen u.")).await?;
    let failed = site.wait_for_state(Some(&id), "failed").await?;
    ensure!(failed["said"].as_str().is_some_and(|said| said.contains("the customer has no mail address")), "{failed:#?}");
    let id = site.reply(number, &json!({ "text": "Wij bellen u.", "to": "piet@klanten.example" })).await?;
    site.wait_for_state(Some(&id), "sent").await?;
    wait_for_kept(&postfix, 3).await?;
    // A template that somebody breaks is named with file and line, before and after the start.
    std::fs::write(templates.join("ack.nl.txt"), "Beste\n{{ naam }}\n")?;
    let check = site.loket.command(&["check"])?;
    let said = [check.stdout, check.stderr].concat();
    ensure!(String::from_utf8_lossy(&said).contains("ack.nl.txt:2: undefined value"), "{}", String::from_utf8_lossy(&said));
    ensure!(site.loket.stop().await?.success());
    Ok(())
}
