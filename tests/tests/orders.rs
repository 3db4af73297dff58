//! Orders as documents, whatever carries them: a mail, a form, a folder; held against what ops say of their customers and items.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use loket_tests::daemon::{Loket, binary, lines};
use loket_tests::wait_for;
use serde_json::{Value, json};

const CRLF: &str = "\r\n";

/// An interchange of two orders of one buyer.
fn edifact(interchange: u32) -> String {
    let order = |number: u32| {
        [
            format!("UNH+{number}+ORDERS:D:96A:UN:EAN008'BGM+220+PO-{interchange}-{number}+9'DTM+137:20261125:102'"),
            "NAD+BY+8712345000004::9++Bouwmarkt De Hamer'NAD+SU+8798765000008::9'CUX+2:EUR:9'".into(),
            "LIN+1++8712345000028:EN'PIA+1+SPX-440:SA'QTY+21:24:PCE'PRI+AAA:6.95'".into(),
            format!("LIN+2++8712345000035:EN'PIA+1+VERF-10:SA'QTY+21:12:PCE'PRI+AAA:31,50'UNS+S'UNT+15+{number}'"),
        ]
        .concat()
    };
    format!("UNB+UNOC:3+8712345000004:14+8798765000008:14+261125:0815+{interchange}'{}{}UNZ+2+{interchange}'", order(1), order(2))
}

const CXML: &str = r#"<?xml version="1.0"?><!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd">
<cXML payloadID="1@atelier.example" timestamp="2026-11-25T09:00:00+01:00"><Header><From><Credential domain="DUNS"><Identity>123456789</Identity></Credential></From>
<To><Credential domain="DUNS"><Identity>987654321</Identity></Credential></To><Sender><Credential domain="x"><Identity>x</Identity></Credential><UserAgent>x</UserAgent></Sender></Header>
<Request><OrderRequest><OrderRequestHeader orderID="AT-9" orderDate="2026-11-25" type="new"><Total><Money currency="EUR">7.00</Money></Total></OrderRequestHeader>
<ItemOut quantity="2" lineNumber="1"><ItemID><SupplierPartID>ZK-A2</SupplierPartID></ItemID><ItemDetail><UnitPrice><Money currency="EUR">3.50</Money></UnitPrice>
<Description xml:lang="de">Zeichenkarton</Description><UnitOfMeasure>EA</UnitOfMeasure></ItemDetail></ItemOut></OrderRequest></Request></cXML>"#;

fn mail(text: &str, name: &str, media_type: &str, document: &str) -> String {
    [
        "From: Inkoop <inkoop@hamer.example>",
        "To: verkoop@loket.example",
        "Subject: bijgaand",
        "Message-ID: <order-1@hamer.example>",
        "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; boundary=grens",
        "",
        "--grens",
        "Content-Type: text/plain; charset=utf-8",
        "",
        text,
        "--grens",
        &format!("Content-Type: {media_type}; name=\"{name}\""),
        "Content-Disposition: attachment",
        "",
        document,
        "--grens--",
        "",
    ]
    .join(CRLF)
}

fn read(path: &Path) -> Result<Vec<Value>> {
    let output = Command::new(binary()).arg("read").arg(path).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    lines(&output.stdout)
}

#[test]
fn orders_are_found_in_what_is_attached_whatever_it_is_called() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, media_type) in [("orders.edi", "application/edifact"), ("data.bin", "application/octet-stream"), ("brief.txt", "text/plain")]
    {
        let path = folder.path().join("mail.eml");
        fs::write(&path, mail("Zie bijlage.", name, media_type, &edifact(4711)))?;
        let messages = read(&path)?;
        assert_eq!(messages.len(), 2, "the mail with the first order, and the second one");
        assert_eq!(messages[0]["subject"], "bijgaand");
        assert_eq!(messages[0]["from"]["address"], "inkoop@hamer.example");
        let sum = &messages[0]["attachments"][0]["sha256"];
        for (message, po) in messages.iter().zip(["PO-4711-1", "PO-4711-2"]) {
            let order = &message["order"];
            assert_eq!(order["po_number"], po, "{name}");
            assert_eq!(message["extra"]["order_document"]["sha256"], *sum);
            assert_eq!((&order["lines"][1]["quantity"], &order["lines"][1]["unit_price"]), (&json!("12"), &json!("31.50")));
        }
    }
    // A picture that says it is one, and a page, hold none.
    let path = folder.path().join("page.eml");
    fs::write(&path, mail("Zie bijlage.", "page.html", "text/html", "<html><body><Order><ID>1</ID></Order></body></html>"))?;
    assert_eq!(read(&path)?[0]["order"], Value::Null);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_by_mail_form_and_folder_is_one_order() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (inbox, partner) = (folder.path().join("inbox"), folder.path().join("partner"));
    fs::create_dir_all(&inbox)?;
    fs::create_dir_all(&partner)?;
    let items = folder.path().join("items.csv");
    fs::write(
        &items,
        "item;gtin;description;unit;price\nSPX-440;8712345000028;Schroeven;H87;6,95\nVERF-10;8712345000035;Muurverf;H87;29,95\n",
    )?;
    let tables = format!(
        "[email.inbox]\nfolder = \"{}\"\npoll = \"100ms\"\n[webform.orders]\n[edi.hamer]\nfolder = \"{}\"\npoll = \"100ms\"\nsettle = \"50ms\"\n\
         acknowledge = \"never\"\n[master.main]\nitems = \"{}\"\n",
        inbox.display(),
        partner.display(),
        items.display()
    );
    let store = format!("sqlite:{}", folder.path().join("loket.db").display());
    let mut loket = Loket::new(folder.path(), "loket", &store, &tables)?;
    loket.start().await?;

    fs::write(partner.join("orders.edi"), edifact(4711))?;
    let orders = until_orders(&mut loket, 2).await?;
    let first = orders.iter().find(|order| order["order"]["po_number"] == "PO-4711-1").context("no PO-4711-1")?;
    // The price of the paint is another one in our own list: somebody should look.
    let told: Vec<_> = first["order"]["exceptions"].as_array().into_iter().flatten().map(|one| &one["code"]).collect();
    assert_eq!(told, ["price-differs"], "{first}");
    let case = loket.get(&format!("/v1/cases/{}", first["case"].as_str().unwrap_or_default())).await?;
    assert_eq!((&case["review"], &case["class"], &case["confidence"]), (&json!(true), &json!("order"), &json!(1.0)));

    // The same interchange by another file name, and renumbered: nothing new, and the link says why.
    fs::write(partner.join("again.edi"), edifact(4711) + "\n")?;
    let renumbered = edifact(4711).replace("+4711'", "+4712'");
    fs::write(partner.join("renumbered.edi"), renumbered)?;
    let told = wait_for(Duration::from_secs(60), async || {
        let case = loket.get(&format!("/v1/cases/{}", first["case"].as_str()?)).await.ok()?;
        let rules: Vec<String> = case["messages"].as_array()?.iter().map(|message| message["link"]["rule"].to_string()).collect();
        (rules.len() == 3).then_some(rules)
    });
    let mut rules = told.await.context("the copies did not join the case")?;
    rules.sort();
    assert_eq!(rules, ["\"identity\"", "\"none\"", "\"order\""]);
    assert_eq!(orders_of(&mut loket).await?.len(), 2);

    // A document by mail and one by form.
    fs::write(inbox.join("mail.eml"), mail("Graag leveren.", "order.xml", "application/xml", CXML))?;
    let orders = until_orders(&mut loket, 3).await?;
    assert!(orders.iter().any(|order| order["order"]["po_number"] == "AT-9"), "{orders:?}");
    let part = reqwest::multipart::Part::bytes(edifact(5000).into_bytes()).file_name("bestelling.txt").mime_str("text/plain")?;
    let form =
        reqwest::multipart::Form::new().text("email", "inkoop@hamer.example").text("text", "Bestelling als bestand").part("file", part);
    let answer =
        reqwest::Client::new().post(loket.url("/forms/orders")).multipart(form).header("accept", "application/json").send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    until_orders(&mut loket, 5).await?;
    loket.stop().await?;
    Ok(())
}

async fn orders_of(loket: &mut Loket) -> Result<Vec<Value>> {
    Ok(loket.get("/v1/orders").await?["orders"].as_array().context("no orders")?.clone())
}

async fn until_orders(loket: &mut Loket, count: usize) -> Result<Vec<Value>> {
    let found = wait_for(Duration::from_secs(60), async || orders_of(loket).await.ok().filter(|orders| orders.len() >= count));
    let found = found.await.with_context(|| format!("there are no {count} orders; the log:\n{}", loket.log_text()))?;
    ensure!(found.len() == count, "{} orders and not {count}", found.len());
    Ok(found)
}
