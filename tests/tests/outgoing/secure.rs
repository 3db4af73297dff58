//! TLS, STARTTLS and logging in, with a Postfix that asks a Dovecot.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use loket_tests::dovecot;
use loket_tests::postfix::Server;
use loket_tests::token_endpoint::{CLIENT_ID, CLIENT_SECRET, TokenEndpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::site::{Site, complaint, field, wait_for_kept};

const USER: &str = "support@loket.example";

/// A Dovecot that Postfix may ask who somebody is, and a Postfix that takes mail of those only, with TLS.
fn servers(tokens: Option<(&Path, &TokenEndpoint)>) -> Result<(dovecot::Server, Server)> {
    let mut settings = "service auth {\n  unix_listener {folder}/sasl {\n    mode = 0666\n  }\n}\n".to_owned();
    if let Some((folder, endpoint)) = tokens {
        let database = folder.join("tokens");
        let text = format!(
            "introspection_mode = auth\nintrospection_url = {}\nusername_attribute = username\nactive_attribute = active\n\
             active_value = true\ntimeout_msecs = 20000\n",
            endpoint.introspection_url()
        );
        fs::write(&database, text)?;
        settings.push_str(&format!(
            "auth_mechanisms = plain login xoauth2 oauthbearer\npassdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {}\n}}\n",
            database.display()
        ));
    }
    let dovecot = dovecot::Server::start_with(&[USER], &settings)?;
    let folder = dovecot.ca_file().parent().context("no folder")?.to_owned();
    let folder = folder.display();
    let postfix = Server::start(&format!(
        "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {folder}/server.crt\nsmtpd_tls_key_file = {folder}/server.key\n\
         smtpd_tls_auth_only = yes\nsmtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = {folder}/sasl\n\
         smtpd_relay_restrictions = permit_sasl_authenticated, reject\nsmtpd_recipient_restrictions = permit_sasl_authenticated, reject\n"
    ))?;
    Ok((dovecot, postfix))
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_work_by_starttls_and_by_tls_and_a_wrong_one_waits_for_somebody() -> Result<()> {
    let (dovecot, postfix) = servers(None)?;
    let mut sent = 0;
    for (security, port) in [("starttls", postfix.port), ("tls", postfix.tls_port)] {
        let folder = tempfile::tempdir()?;
        let password = folder.path().join("password");
        fs::write(&password, "wrong\n")?;
        let keys = format!(
            "host = \"localhost\"\nport = {port}\nsecurity = \"{security}\"\nca_file = \"{}\"\nuser = \"{USER}\"\npassword = \"file:{}\"",
            dovecot.ca_file().display(),
            password.display()
        );
        let mut site = Site::start(folder.path(), "loket", &keys).await?;
        site.deliver("marloes@klanten.example", USER, &complaint(sent)).await?;
        let waiting = site.wait_for_one(None, "the refusal", |one| one["said"].is_string()).await?;
        assert_eq!(waiting["state"], "waiting");
        ensure!(waiting["said"].as_str().is_some_and(|said| said.contains("refuses the login") && said.contains("535")), "{waiting:#?}");
        fs::copy(dovecot.password_file()?, &password)?;
        site.wait_for_state(None, "sent").await?;
        sent += 1;
        let kept = wait_for_kept(&postfix, sent).await?;
        ensure!(kept.iter().all(|mail| field(mail, "Received").contains("ESMTPS")), "{}", field(&kept[0], "Received"));
        ensure!(site.loket.stop().await?.success());
    }
    ensure!(postfix.log().contains(&format!("sasl_username={USER}")), "{}", postfix.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_gets_nothing() -> Result<()> {
    let (dovecot, postfix) = servers(None)?;
    let folder = tempfile::tempdir()?;
    for (security, port) in [("starttls", postfix.port), ("tls", postfix.tls_port)] {
        let folder = folder.path().join(security);
        fs::create_dir(&folder)?;
        let keys = format!(
            "host = \"localhost\"\nport = {port}\nsecurity = \"{security}\"\nuser = \"{USER}\"\npassword = \"file:{}\"",
            dovecot.password_file()?.display()
        );
        let mut site = Site::start(&folder, "loket", &keys).await?;
        site.deliver("marloes@klanten.example", USER, &complaint(1)).await?;
        let waiting = site.wait_for_one(None, "the refusal", |one| one["said"].is_string()).await?;
        ensure!(waiting["said"].as_str().is_some_and(|said| said.contains("certificate is not trusted")), "{waiting:#?}");
        ensure!(site.loket.stop().await?.success());
    }
    ensure!(postfix.kept()?.is_empty() && !postfix.log().contains("sasl_username"), "{}", postfix.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_shown_and_a_revoked_one_is_replaced() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let endpoint = TokenEndpoint::start(USER).await?;
    let (dovecot, postfix) = servers(Some((folder.path(), &endpoint)))?;
    let secret = folder.path().join("secret");
    fs::write(&secret, CLIENT_SECRET)?;
    let mut sent = 0;
    for mechanism in ["xoauth2", "oauthbearer"] {
        let folder = folder.path().join(mechanism);
        fs::create_dir(&folder)?;
        let keys = format!(
            "host = \"localhost\"\nport = {}\nca_file = \"{}\"\nuser = \"{USER}\"\n[outgoing.main.oauth2]\ntoken_url = \"{}\"\n\
             client_id = \"{CLIENT_ID}\"\nclient_secret = \"file:{}\"\nmechanism = \"{mechanism}\"",
            postfix.tls_port,
            dovecot.ca_file().display(),
            endpoint.token_url(),
            secret.display()
        );
        let mut site = Site::start(&folder, "loket", &keys).await?;
        site.deliver("marloes@klanten.example", USER, &complaint(2 * sent)).await?;
        sent += 1;
        wait_for_kept(&postfix, sent).await?;
        // The token is revoked; the connection that it opened is closed with the server's.
        endpoint.state().good.clear();
        ensure!(site.loket.stop().await?.success());
        site.loket.start().await?;
        site.deliver("marloes@klanten.example", USER, &complaint(2 * sent + 1)).await?;
        sent += 1;
        wait_for_kept(&postfix, sent).await?;
        ensure!(site.loket.stop().await?.success());
    }
    ensure!(postfix.log().contains("sasl_method=XOAUTH2") && postfix.log().contains("sasl_method=OAUTHBEARER"), "{}", postfix.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_before_tls_is_not_listened_to() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 1_000];
                for answer in
                    ["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n235 in\r\n250 ok\r\n250 ok\r\n"]
                {
                    if stream.write_all(answer.as_bytes()).await.is_err() || stream.read(&mut buffer).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
            });
        }
    });
    let folder = tempfile::tempdir()?;
    let keys = format!("host = \"localhost\"\nport = {port}\nsecurity = \"starttls\"");
    let mut site = Site::start(folder.path(), "loket", &keys).await?;
    site.deliver("marloes@klanten.example", USER, &complaint(1)).await?;
    let waiting = site.wait_for_one(None, "the refusal", |one| one["said"].is_string()).await?;
    ensure!(waiting["said"].as_str().is_some_and(|said| said.contains("says more than it was asked")), "{waiting:#?}");
    ensure!(site.loket.stop().await?.success());
    task.abort();
    Ok(())
}
