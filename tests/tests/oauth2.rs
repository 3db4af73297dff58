//! Logging in with tokens: a real Dovecot with its OAuth2 database, and a token endpoint that gives, rotates and revokes them.

#[path = "imap/fake.rs"]
#[allow(dead_code, reason = "each suite uses its own part")]
mod fake;
#[path = "imap/rig.rs"]
mod rig;

use std::path::PathBuf;

use fake::Fake;
use loket_core::health::ChannelState;
use loket_tests::dovecot::Server;
use loket_tests::token_endpoint::{CLIENT_ID, CLIENT_SECRET, TokenEndpoint};
use loket_tests::wait_for;
use rig::{PATIENCE, Rig, mail};

const USER: &str = "support";

/// A token endpoint, and a mail server with so many mails that believes it.
async fn servers(mails: usize) -> (TokenEndpoint, Server) {
    let endpoint = TokenEndpoint::start(USER).await.unwrap();
    let server = Server::start_with_tokens(&[USER], &endpoint.introspection_url()).unwrap_or_else(|error| panic!("{error:#}"));
    for number in 0..mails {
        server.deliver(USER, "INBOX", &mail(number)).unwrap();
    }
    (endpoint, server)
}

/// The TOML for the mailbox on this server; `keys` are the mailbox's, `oauth2` the table's.
fn toml(server: &Server, keys: &str, oauth2: &str) -> String {
    format!(
        "host = \"localhost\"\nport = {}\nca_file = \"{}\"\nuser = \"{USER}\"\n{keys}\n[oauth2]\n{oauth2}",
        server.tls_port,
        server.ca_file().display()
    )
}

/// The table's keys for a client that asks in its own name.
fn application(rig: &Rig, endpoint: &TokenEndpoint) -> String {
    format!(
        "token_url = \"{}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"file:{}\"\nscope = \"https://mail.example/.default\"\n",
        endpoint.token_url(),
        secret(rig, "client-secret", CLIENT_SECRET).display()
    )
}

/// The table's keys for a client with a refresh token, which the endpoint knows.
fn refresh(rig: &Rig, endpoint: &TokenEndpoint, token: &str) -> String {
    endpoint.state().refresh_tokens.insert(token.into());
    let place = secret(rig, "refresh-token", token);
    format!("{}grant = \"refresh_token\"\nrefresh_token = \"file:{}\"\n", application(rig, endpoint), place.display())
}

fn secret(rig: &Rig, name: &str, text: &str) -> PathBuf {
    let path = rig.path(name);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    path
}

async fn until(what: &str, so: impl Fn() -> bool) {
    wait_for(PATIENCE, async || so().then_some(())).await.unwrap_or_else(|error| panic!("{error} for {what}"));
}

fn logins(server: &Server) -> usize {
    server.log().lines().filter(|line| line.contains("Login: user=<support>")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_logs_in_with_either_mechanism() {
    for mechanism in ["xoauth2", "oauthbearer"] {
        let (endpoint, server) = servers(2).await;
        let rig = Rig::new().await;
        let channel = rig.run(&toml(&server, "", &format!("{}mechanism = \"{mechanism}\"\n", application(&rig, &endpoint))));
        rig.wait_for_entries(2).await;
        channel.wait_until_up().await;
        channel.stop().await;
        let state = endpoint.state();
        let asked = &state.asked[0];
        assert_eq!((asked["grant_type"].as_str(), asked["client_id"].as_str()), ("client_credentials", CLIENT_ID));
        assert_eq!((asked["client_secret"].as_str(), asked["scope"].as_str()), (CLIENT_SECRET, "https://mail.example/.default"));
        assert_eq!((state.asked.len(), &state.shown[0]), (1, &(state.given[0].clone(), true)));
        let log = server.log().to_ascii_lowercase();
        assert!(log.lines().any(|line| line.contains("login: user=<support>") && line.contains(&format!("method={mechanism}"))), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_share_one_token() {
    let (endpoint, server) = servers(1).await;
    server.client(USER).unwrap().command("CREATE Orders").unwrap();
    server.deliver(USER, "Orders", &mail(7)).unwrap();
    let rig = Rig::new().await;
    let channel = rig.run(&toml(&server, "folders = [\"INBOX\", \"Orders\"]", &application(&rig, &endpoint)));
    rig.wait_for_entries(2).await;
    channel.stop().await;
    let state = endpoint.state();
    assert_eq!(state.asked.len(), 1);
    assert_eq!(state.shown.iter().filter(|(_, good)| *good).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_before_it_ends_and_the_session_goes_on() {
    let (endpoint, mut server) = servers(1).await;
    endpoint.state().expires_in = 3;
    let rig = Rig::new().await;
    let channel = rig.run(&toml(&server, "", &application(&rig, &endpoint)));
    rig.wait_for_entries(1).await;
    until("three tokens", || endpoint.state().given.len() >= 3).await;
    let status = channel.wait_until_up().await;
    assert_eq!((status.last_error, logins(&server)), (None, 1));
    server.deliver(USER, "INBOX", &mail(1)).unwrap();
    rig.wait_for_entries(2).await;
    assert_eq!(logins(&server), 1);
    // The next login shows a newer one.
    server.stop().unwrap();
    server.start_again().unwrap();
    server.deliver(USER, "INBOX", &mail(2)).unwrap();
    rig.wait_for_entries(3).await;
    channel.stop().await;
    let state = endpoint.state();
    let (shown, good) = state.shown.last().unwrap();
    assert!(*good && state.given.iter().position(|token| token == shown) >= Some(2), "{shown} of {:?}", state.given);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_refresh_token_is_written_back_and_outlives_the_process() {
    let (endpoint, server) = servers(1).await;
    endpoint.state().rotates = true;
    endpoint.state().expires_in = 3;
    let rig = Rig::new().await;
    let toml = toml(&server, "", &refresh(&rig, &endpoint, "refresh-0"));
    let channel = rig.run(&toml);
    rig.wait_for_entries(1).await;
    until("three tokens", || endpoint.state().given.len() >= 3).await;
    let status = channel.stop().await;
    assert_eq!(status.last_error, None);
    let asked: Vec<_> = endpoint.state().asked.iter().map(|form| form["refresh_token"].clone()).collect();
    assert_eq!(asked[..3], ["refresh-0", "refresh-2", "refresh-3"]);
    until("the last one in its file", || {
        let kept = std::fs::read_to_string(rig.path("refresh-token")).unwrap();
        endpoint.state().refresh_tokens.contains(kept.trim_end())
    })
    .await;
    let channel = rig.run(&toml);
    server.deliver(USER, "INBOX", &mail(1)).unwrap();
    rig.wait_for_entries(2).await;
    assert_eq!(channel.stop().await.last_error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_refresh_token_that_cannot_be_kept_is_said_and_used() {
    let (endpoint, server) = servers(1).await;
    endpoint.state().rotates = true;
    endpoint.state().expires_in = 3;
    let rig = Rig::new().await;
    let toml = toml(&server, "", &refresh(&rig, &endpoint, "refresh-0"));
    let place = rig.path("refresh-token");
    std::fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    let channel = rig.run(&toml);
    rig.wait_for_entries(1).await;
    until("three tokens", || endpoint.state().given.len() >= 3).await;
    let status = channel.wait_until_up().await;
    let error = status.last_error.unwrap();
    assert!(error.contains("in memory only") && error.contains("cannot be written") && !error.contains("refresh-2"), "{error}");
    assert_eq!(std::fs::read_to_string(place).unwrap(), "refresh-0\n");
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_right_is_said_plainly_and_a_new_one_is_taken_up() {
    let (endpoint, mut server) = servers(1).await;
    let rig = Rig::new().await;
    let channel = rig.run(&toml(&server, "", &refresh(&rig, &endpoint, "refresh-0")));
    rig.wait_for_entries(1).await;
    channel.wait_until_up().await;
    endpoint.state().good.clear();
    endpoint.state().refresh_tokens.clear();
    server.stop().unwrap();
    server.start_again().unwrap();
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    let error = status.last_error.unwrap();
    let place = rig.path("refresh-token");
    let advice = format!("the refresh token was revoked or has ended: authorize anew and put the new one into file:{}", place.display());
    assert!(error.contains(&advice) && error.contains("localhost") && error.contains("Token has been expired or revoked."), "{error}");
    assert!(!error.contains("refresh-0") && !error.contains("access-") && !error.contains(CLIENT_SECRET), "{error}");
    server.deliver(USER, "INBOX", &mail(1)).unwrap();
    endpoint.state().refresh_tokens.insert("refresh-anew".into());
    secret(&rig, "refresh-token", "refresh-anew");
    rig.wait_for_entries(2).await;
    channel.wait_until_up().await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_replaced_at_once() {
    let (endpoint, mut server) = servers(1).await;
    let rig = Rig::new().await;
    let channel = rig.run(&toml(&server, "", &application(&rig, &endpoint)));
    rig.wait_for_entries(1).await;
    channel.wait_until_up().await;
    endpoint.state().good.clear();
    server.stop().unwrap();
    server.deliver(USER, "INBOX", &mail(1)).unwrap();
    server.start_again().unwrap();
    rig.wait_for_entries(2).await;
    let status = channel.wait_until_up().await;
    channel.stop().await;
    // It was told that the server was gone, but not that the token was no good.
    assert!(!status.last_error.unwrap_or_default().contains("token"));
    let state = endpoint.state();
    assert_eq!(state.given.len(), 2);
    let last: Vec<_> = state.shown.iter().rev().take(2).rev().cloned().collect();
    assert_eq!(last, [(state.given[0].clone(), false), (state.given[1].clone(), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_mailbox_is_a_refusal() {
    for (mechanism, reason) in [("xoauth2", "status 4"), ("oauthbearer", "status invalid_token")] {
        let (endpoint, server) = servers(1).await;
        endpoint.state().user = "somebody-else".into();
        let rig = Rig::new().await;
        let channel = rig.run(&toml(&server, "", &format!("{}mechanism = \"{mechanism}\"\n", application(&rig, &endpoint))));
        let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
        let error = status.last_error.unwrap();
        assert!(error.contains("the mail server does not take the token for support") && error.contains(reason), "{error}");
        assert!(!error.contains("access-"), "{error}");
        channel.stop().await;
        assert_eq!(rig.entries().await.len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_secret_is_a_refusal_until_it_is_right() {
    let (endpoint, server) = servers(1).await;
    let rig = Rig::new().await;
    let toml = toml(&server, "", &application(&rig, &endpoint));
    secret(&rig, "client-secret", "hunter2");
    let channel = rig.run(&toml);
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("check `client_id` and `client_secret` file:") && error.contains("The client secret is wrong."), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    assert_eq!(logins(&server), 0);
    secret(&rig, "client-secret", CLIENT_SECRET);
    rig.wait_for_entries(1).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_down_is_tried_until_it_is_not() {
    let (endpoint, server) = servers(1).await;
    endpoint.state().down = true;
    let rig = Rig::new().await;
    let channel = rig.run(&toml(&server, "", &application(&rig, &endpoint)));
    let status = channel.wait_until("a failure", |status| status.state == ChannelState::Retrying).await;
    assert!(status.last_error.unwrap().contains("the token endpoint cannot be reached"));
    endpoint.state().down = false;
    let busy = ("503 Service Unavailable".into(), "Retry-After: 1\r\n".into(), "<html>".into());
    endpoint.state().instead = Some(busy);
    channel.wait_until("its words", |status| status.last_error.as_ref().is_some_and(|error| error.contains("HTTP 503"))).await;
    endpoint.state().instead = None;
    rig.wait_for_entries(1).await;
    channel.wait_until_up().await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_misbehaves_is_a_clear_error_and_gets_no_secret_elsewhere() {
    let (endpoint, server) = servers(1).await;
    let other = TokenEndpoint::start(USER).await.unwrap();
    let redirect = format!("Location: {}\r\n", other.token_url());
    let table = [
        ("307 Temporary Redirect", redirect.as_str(), String::new(), "`token_url` is not where tokens are given"),
        ("200 OK", "", " ".repeat(100 << 10), "larger than 64 KB"),
        ("200 OK", "", "<html>Welcome to our network</html>".into(), "no usable access_token"),
        ("200 OK", "", "{\"access_token\":\"a\\r\\nL9 LOGOUT\"}".into(), "no usable access_token"),
        ("nonsense", "", String::new(), "the token endpoint cannot be reached"),
    ];
    let rig = Rig::new().await;
    let channel = rig.run(&toml(&server, "timeout = \"1s\"", &application(&rig, &endpoint)));
    for (status, headers, body, part) in table {
        endpoint.state().instead = Some((status.into(), headers.into(), body));
        channel.wait_until(part, |status| status.last_error.as_ref().is_some_and(|error| error.contains(part))).await;
    }
    endpoint.state().silent = true;
    let late = |error: &String| error.contains("does not answer in time");
    channel.wait_until("the time-out", |status| status.last_error.as_ref().is_some_and(late)).await;
    (endpoint.state().silent, endpoint.state().instead) = (false, None);
    rig.wait_for_entries(1).await;
    channel.stop().await;
    assert_eq!(other.state().asked.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_wants_to_be_left_alone_is() {
    let (endpoint, server) = servers(1).await;
    let enough = ("429 Too Many Requests".into(), "Retry-After: 3000\r\n".into(), String::new());
    endpoint.state().instead = Some(enough);
    let rig = Rig::new().await;
    let channel = rig.run(&toml(&server, "poll = \"1s\"", &application(&rig, &endpoint)));
    let waits = |error: &String| error.contains("asked us to wait");
    channel.wait_until("the pause", |status| status.last_error.as_ref().is_some_and(waits)).await;
    channel.wait_until("the next try", |status| status.state == ChannelState::Starting || status.state == ChannelState::Retrying).await;
    channel.stop().await;
    assert_eq!(endpoint.state().asked.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_renewed_is_an_error_while_the_channel_works() {
    let (endpoint, server) = servers(1).await;
    endpoint.state().expires_in = 4;
    let rig = Rig::new().await;
    let channel = rig.run(&toml(&server, "", &application(&rig, &endpoint)));
    rig.wait_for_entries(1).await;
    let revoked = ("400 Bad Request".into(), String::new(), "{\"error\":\"invalid_client\"}".into());
    endpoint.state().instead = Some(revoked);
    let says = |error: &String| error.contains("the access token cannot be renewed") && error.contains("check `client_id`");
    let status = channel.wait_until("an error", |status| status.last_error.as_ref().is_some_and(says)).await;
    assert_eq!(status.state, ChannelState::Up);
    server.deliver(USER, "INBOX", &mail(1)).unwrap();
    rig.wait_for_entries(2).await;
    let before = endpoint.state().given.len();
    endpoint.state().instead = None;
    until("the next token", || endpoint.state().given.len() > before).await;
    assert_eq!(logins(&server), 1);
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoints_certificate_is_checked() {
    let (endpoint, server) = servers(1).await;
    let rig = Rig::new().await;
    // A TLS server with a certificate of its own authority; that it talks IMAP and not HTTP comes out after the handshake only.
    let elsewhere = format!("https://localhost:{}/token", server.tls_port);
    let oauth2 = application(&rig, &endpoint).replace(&endpoint.token_url(), &elsewhere);
    let channel = rig.run(&toml(&server, "", &oauth2));
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("the token endpoint's certificate is not trusted") && error.contains("ca_file"), "{error}");
    channel.stop().await;
    let trusting = format!("{oauth2}ca_file = \"{}\"\n", server.ca_file().display());
    let channel = rig.run(&toml(&server, "", &trusting));
    let status = channel.wait_until("a failure", |status| status.state == ChannelState::Retrying).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("the token endpoint cannot be reached") && !error.contains("certificate"), "{error}");
    channel.stop().await;
}

/// The TOML for a server that says what the test wants.
fn fake_toml(fake: &Fake, oauth2: &str) -> String {
    format!(
        "host = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nuser = \"{USER}\"\ntimeout = \"5s\"\npoll = \"1s\"\nidle = false\n[oauth2]\n{oauth2}",
        fake.port
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_first_word_is_the_servers_the_token_waits_for_it() {
    let endpoint = TokenEndpoint::start(USER).await.unwrap();
    let rig = Rig::new().await;
    let fake = Fake::start(vec![mail(1)], |command| match command {
        "CAPABILITY" => Some(b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER\r\n{tag} OK done\r\n".to_vec()),
        "AUTHENTICATE OAUTHBEARER" => Some(b"* CAPABILITY IMAP4rev1\r\n+ \r\n".to_vec()),
        first if first.starts_with("bixhP") => Some(b"L2 OK done\r\n".to_vec()),
        _ => None,
    })
    .await;
    let channel = rig.run(&fake_toml(&fake, &format!("{}mechanism = \"oauthbearer\"\n", application(&rig, &endpoint))));
    rig.wait_for_entries(1).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_reasons_are_heard_to_their_end() {
    // {"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}
    const REASONS: &str = "eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==";
    for (mechanism, last) in [("xoauth2", ""), ("oauthbearer", "AQ==")] {
        let endpoint = TokenEndpoint::start(USER).await.unwrap();
        let rig = Rig::new().await;
        let fake = Fake::start(vec![], move |command| match command {
            "CAPABILITY" => Some(b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER\r\n{tag} OK done\r\n".to_vec()),
            first if first.starts_with("AUTHENTICATE ") => Some(format!("+ {REASONS}\r\n").into_bytes()),
            word if word == last => Some(b"L2 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n".to_vec()),
            _ => None,
        })
        .await;
        let channel = rig.run(&fake_toml(&fake, &format!("{}mechanism = \"{mechanism}\"\n", application(&rig, &endpoint))));
        let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
        let (error, first) = (status.last_error.unwrap(), status.last_error_at);
        assert!(error.contains("(status 400; it wants the scope https://mail.google.com/)"), "{error}");
        assert!(error.contains("Invalid credentials"), "{error}");
        channel.wait_until("the next try", |status| status.last_error_at > first).await;
        channel.stop().await;
        // One token for each try, not one after another.
        let shown = fake.heard().iter().filter(|command| command.starts_with("AUTHENTICATE ")).count();
        assert!((2..=fake.connections() as usize).contains(&shown), "{:?}", fake.heard());
        let given = endpoint.state().given.len();
        assert!((shown..=shown + 1).contains(&given), "{given} tokens for {shown} tries");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exchange_lets_an_application_in_that_may_not_read_the_mailbox() {
    let endpoint = TokenEndpoint::start(USER).await.unwrap();
    let rig = Rig::new().await;
    let fake = Fake::start(vec![], |command| match command.split(' ').next() {
        Some("CAPABILITY") => Some(b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2\r\n{tag} OK done\r\n".to_vec()),
        Some("EXAMINE") => Some(b"{tag} BAD User is authenticated but not connected.\r\n".to_vec()),
        _ => None,
    })
    .await;
    let channel = rig.run(&fake_toml(&fake, &application(&rig, &endpoint)));
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("gives no access to this mailbox") && error.contains("not connected"), "{error}");
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_tokens_is_a_refusal_that_says_what_it_takes() {
    let endpoint = TokenEndpoint::start(USER).await.unwrap();
    let rig = Rig::new().await;
    let fake = Fake::start(vec![], |command| {
        (command == "CAPABILITY").then(|| b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\r\n{tag} OK done\r\n".to_vec())
    })
    .await;
    let channel = rig.run(&fake_toml(&fake, &application(&rig, &endpoint)));
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("the server does not take XOAUTH2; it offers: LOGIN, PLAIN"), "{error}");
    channel.stop().await;
    assert!(fake.heard().iter().all(|command| !command.starts_with("AUTHENTICATE")), "{:?}", fake.heard());
}
