//! Who is let in, and whom we talk to.

use loket_core::health::ChannelState;

use super::fake::Fake;
use super::rig::{Rig, mail};
use super::{USER, credentials, over_tls, plain, server_with};

#[tokio::test(flavor = "multi_thread")]
async fn starttls_and_plain_loopback_and_both_ways_to_log_in() {
    let server = server_with(0..2);
    let rig = Rig::new().await;
    let starttls = format!(
        "host = \"localhost\"\nport = {}\nsecurity = \"starttls\"\nca_file = \"{}\"\n{}",
        server.port,
        server.ca_file().display(),
        credentials(&server)
    );
    let channel = rig.run(&starttls);
    rig.wait_for_entries(2).await;
    channel.stop().await;
    let log = server.log();
    assert!(log.lines().any(|line| line.contains("Login: user=<support>") && line.contains("TLS")), "{log}");
    // Without TLS to this machine.
    let rig = Rig::new().await;
    let channel = rig.run(&plain(&server, server.port, ""));
    rig.wait_for_entries(2).await;
    channel.stop().await;
    // LOGIN, where the server does not offer PLAIN.
    let rig = Rig::new().await;
    let fake = Fake::start(vec![mail(1)], |_| None).await;
    let channel = rig.run(&fake.toml(&rig, ""));
    rig.wait_for_entries(1).await;
    channel.stop().await;
    assert!(fake.heard().contains(&"LOGIN \"u\" \"x\"".into()), "{:?}", fake.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_refusal_that_names_no_password() {
    let server = server_with(0..1);
    let rig = Rig::new().await;
    std::fs::write(rig.path("wrong"), "hunter2\n").unwrap();
    let toml = over_tls(&server, "").lines().filter(|line| !line.starts_with("password")).collect::<Vec<_>>().join("\n");
    let channel = rig.run(&format!("{toml}\npassword = \"file:{}\"\n", rig.path("wrong").display()));
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("login as support refused") && error.contains("localhost") && !error.contains("hunter2"), "{error}");
    // The secret is read at each try: once it is right, all is well.
    std::fs::copy(server.password_file().unwrap(), rig.path("wrong")).unwrap();
    rig.wait_for_entries(1).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_there_is_a_refusal() {
    let server = server_with(0..1);
    let rig = Rig::new().await;
    let toml = over_tls(&server, "").lines().filter(|line| !line.starts_with("password")).collect::<Vec<_>>().join("\n");
    let channel = rig.run(&format!("{toml}\npassword = \"file:{}\"\n", rig.path("nowhere").display()));
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    assert!(status.last_error.unwrap().contains("cannot read the secret"));
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_cannot_be_trusted_are_refused() {
    let server = server_with(0..1);
    let rig = Rig::new().await;
    let unknown = format!("host = \"localhost\"\nport = {}\n{}", server.tls_port, credentials(&server));
    let other_host =
        format!("host = \"127.0.0.2\"\nport = {}\nca_file = \"{}\"\n{}", server.tls_port, server.ca_file().display(), credentials(&server));
    let starttls = format!("host = \"localhost\"\nport = {}\nsecurity = \"starttls\"\n{}", server.port, credentials(&server));
    for toml in [unknown, other_host, starttls] {
        let channel = rig.run(&toml);
        let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
        let error = status.last_error.unwrap();
        assert!(error.contains("the server's certificate is not trusted") && error.contains("ca_file"), "{error}");
        channel.stop().await;
    }
    std::fs::write(rig.path("empty.pem"), "no certificate here\n").unwrap();
    let toml = format!(
        "host = \"localhost\"\nport = {}\nca_file = \"{}\"\n{}",
        server.tls_port,
        rig.path("empty.pem").display(),
        credentials(&server)
    );
    let channel = rig.run(&toml);
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    assert!(status.last_error.unwrap().contains("no certificate in it"));
    channel.stop().await;
    assert_eq!(rig.entries().await.len(), 0);
    assert!(!server.log().contains("Login: user"), "nothing was said to a server that is not trusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_folder_is_a_refusal_and_the_other_folders_go_on() {
    let server = server_with(0..3);
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "folders = [\"Nowhere\"]\n"));
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    assert!(status.last_error.unwrap().contains("folder `Nowhere` cannot be opened"));
    channel.stop().await;

    let channel = rig.run(&over_tls(&server, "folders = [\"Nowhere\", \"INBOX\"]\n"));
    rig.wait_for_entries(3).await;
    let status = channel.wait_until_up().await;
    assert!(status.last_error.unwrap().contains("folder `Nowhere` cannot be opened"));
    server.deliver(USER, "INBOX", &mail(3)).unwrap();
    rig.wait_for_entries(4).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_tried_until_it_is() {
    let mut server = server_with(0..2);
    server.stop().unwrap();
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, ""));
    let status = channel.wait_until("a failure", |status| status.state == ChannelState::Retrying).await;
    assert!(status.last_error.unwrap().contains("no connection"));
    server.start_again().unwrap();
    rig.wait_for_entries(2).await;
    channel.wait_until_up().await;
    // Restarted while we wait for mail: noticed, and connected again.
    server.stop().unwrap();
    channel.wait_until("a failure", |status| status.state == ChannelState::Retrying).await;
    server.deliver(USER, "INBOX", &mail(2)).unwrap();
    server.start_again().unwrap();
    rig.wait_for_entries(3).await;
    channel.stop().await;
}
