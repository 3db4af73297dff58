//! Mailboxes pulled from a real Dovecot, and from servers that misbehave.

mod after;
mod busy;
mod connect;
mod fake;
mod faults;
mod hostile;
mod instances;
mod pull;
mod rig;

use loket_tests::dovecot::Server;

/// The user whose mail is pulled.
const USER: &str = "support";

/// The TOML for that user on this server, over TLS, with keys on top.
fn over_tls(server: &Server, more: &str) -> String {
    format!("host = \"localhost\"\nport = {}\nca_file = \"{}\"\n{}{more}", server.tls_port, server.ca_file().display(), credentials(server))
}

/// The TOML for that user on a port of this machine, without TLS, with keys on top.
fn plain(server: &Server, port: u16, more: &str) -> String {
    format!("host = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n{}{more}", credentials(server))
}

fn credentials(server: &Server) -> String {
    format!("user = \"{USER}\"\npassword = \"file:{}\"\n", server.password_file().unwrap().display())
}

/// A server with so many of our mails in the user's INBOX.
fn server_with(mails: std::ops::Range<usize>) -> Server {
    let server = start(&[USER], "");
    for number in mails {
        server.deliver(USER, "INBOX", &rig::mail(number)).unwrap();
    }
    server
}

fn start(users: &[&str], settings: &str) -> Server {
    Server::start_with(users, settings).unwrap_or_else(|error| panic!("{error:#}"))
}
