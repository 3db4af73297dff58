//! What is signed, verified by dkimpy after a Postfix has had it in its hands.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::site::{Site, complaint, field, plain, postfix, wait_for_kept};

/// Reads a mail, and says whether its signature is right by this public key.
const VERIFY: &str = "import sys, dkim
mail = sys.stdin.buffer.read()
asked = []
def dns(name, timeout=5):
    asked.append(name)
    return sys.argv[1].encode()
ok = dkim.verify(mail, dnsfunc=dns)
print(ok, asked[0].decode() if asked else '')
";

fn python() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let env = std::env::var_os("LOKET_PYTHON_ENV").map_or_else(|| PathBuf::from("target/python-env"), PathBuf::from);
    let python = root.join(env).join("bin/python");
    assert!(python.exists(), "{} is missing: run script/test, which makes the Python environment for this test", python.display());
    python
}

/// What dkimpy says about a mail, with what is in DNS.
fn verified(mail: &[u8], record: &str) -> Result<String> {
    let mut python = Command::new(python());
    let mut process =
        python.args(["-I", "-c", VERIFY, record]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    process.stdin.take().context("no stdin")?.write_all(mail)?;
    let output = process.wait_with_output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn openssl(arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new("openssl").args(arguments).output().context("openssl is not installed; by hand: apt-get install openssl")?;
    ensure!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// A private key in a file, and what belongs into DNS.
fn key(folder: &Path, kind: &str) -> Result<(PathBuf, String)> {
    let path = folder.join(format!("{kind}.pem"));
    let file = path.to_str().context("no text")?;
    match kind {
        "ed25519" => openssl(&["genpkey", "-algorithm", "ed25519", "-out", file])?,
        "rsa-pkcs1" => openssl(&["genrsa", "-traditional", "-out", file, "2048"])?,
        _ => openssl(&["genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file])?,
    };
    let public = openssl(&["pkey", "-in", file, "-pubout", "-outform", "DER"])?;
    // RFC 8463: the 32 bytes alone.
    let public = if kind == "ed25519" { &public[public.len() - 32..] } else { &public[..] };
    let name = if kind == "ed25519" { "ed25519" } else { "rsa" };
    Ok((path, format!("v=DKIM1; k={name}; p={}", base64(public))))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_are_right_and_notice_every_change() -> Result<()> {
    for kind in ["rsa", "rsa-pkcs1", "ed25519"] {
        let folder = tempfile::tempdir()?;
        let (key, record) = key(folder.path(), kind)?;
        let postfix = postfix(1, "")?;
        let dkim = format!("[outgoing.main.dkim]\nselector = \"s1\"\nkey = \"file:{}\"", key.display());
        let mut site = Site::start(folder.path(), "loket", &format!("{}\n{dkim}", plain(postfix.port))).await?;
        site.deliver("marloes@klanten.example", crate::SUPPORT, &complaint(1)).await?;
        let number = site.wait_for_cases(1).await?[0]["number"].as_str().context("no number")?.to_owned();
        let words = "Zoë,\n\n  twee  spaties \n.\nFrom hier € 40 = alles\n\n\n\tslot";
        site.reply(
            &number,
            &json!({ "text": words, "subject": "Een heel lang onderwerp met een € erin, dat over meer dan een regel gaat, en nog één" }),
        )
        .await?;
        let kept = wait_for_kept(&postfix, 2).await?;
        for mail in &kept {
            let text = String::from_utf8(mail.clone())?;
            assert_eq!(verified(mail, &record)?, "True s1._domainkey.loket.example.", "{kind}\n{text}");
            ensure!(field(mail, "DKIM-Signature").contains("d=loket.example"));
            // Each of these would be somebody else's words under our name.
            let changed = [
                text.replacen("\nSubject:", "\nSubject: x", 1),
                text.replacen("\nTo: ", "\nTo: boef@klanten.example, ", 1),
                text.replacen("\nFrom: ", "\nFrom: x", 1),
                text.replacen("\nDate:", "\nSubject: tweede\nDate:", 1),
                text.replacen("\nDate:", "\nFrom: boef@klanten.example\nDate:", 1),
                format!("{text}meer\n"),
            ];
            for other in changed {
                ensure!(other != text && verified(other.as_bytes(), &record)?.starts_with("False"), "{kind}\n{other}");
            }
        }
        ensure!(site.loket.stop().await?.success());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_mail_waits() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (key, record) = key(folder.path(), "rsa")?;
    let postfix = postfix(1, "")?;
    let place = folder.path().join("later.pem");
    let dkim = format!("[outgoing.main.dkim]\nselector = \"s1\"\nkey = \"file:{}\"", place.display());
    std::fs::copy(&key, &place)?;
    let mut site = Site::start(folder.path(), "loket", &format!("{}\n{dkim}", plain(postfix.port))).await?;
    std::fs::remove_file(&place)?;
    site.deliver("marloes@klanten.example", crate::SUPPORT, &complaint(1)).await?;
    let waiting = site.wait_for_one(None, "the reason", |one| one["said"].is_string()).await?;
    ensure!(waiting["said"].as_str().is_some_and(|said| said.contains("later.pem")), "{waiting:#?}");
    std::fs::copy(&key, &place)?;
    site.wait_for_state(None, "sent").await?;
    let kept = wait_for_kept(&postfix, 1).await?;
    ensure!(verified(&kept[0], &record)?.starts_with("True"));
    ensure!(site.loket.stop().await?.success());
    Ok(())
}
