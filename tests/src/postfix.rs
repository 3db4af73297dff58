//! A Postfix of our own: in a temporary folder, on a free port of loopback, gone when the test is. It takes mail as a site's own
//! server does and passes it on as its settings say; nothing ever leaves this machine. Mail to [`CUSTOMERS`] it keeps itself.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::free_port;

/// The domain of which Postfix keeps the mail itself: bounces and answers to customers end up here.
pub const CUSTOMERS: &str = "klanten.example";

/// How long a start, a stop or an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const PROGRAM: &str = "/usr/sbin/postfix";
const MASTER: &str = "/usr/lib/postfix/sbin/master";
const MISSING: &str = "Postfix is not installed. script/test installs it; by hand: apt-get install postfix";
const NO_SWAKS: &str = "swaks is not installed. script/test installs it; by hand: apt-get install swaks";
/// To whom the kept mail belongs.
const NOBODY: u32 = 65_534;

/// A running (or stopped) Postfix. Dropping it stops it and removes its folder.
pub struct Server {
    folder: TempDir,
    /// Where it takes mail by SMTP.
    pub port: u16,
    /// Where it takes mail by SMTP in TLS from the first byte, when its settings name a certificate.
    pub tls_port: u16,
    running: Option<Running>,
}

struct Running {
    master: Child,
    /// Ends the server when this process dies without saying good-bye: it waits on a pipe that only we hold open.
    guard: Child,
}

/// A mail that waits to be passed on.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its id in Postfix's queue and log.
    pub id: String,
    /// `incoming`, `active` or `deferred`.
    pub queue: String,
    /// The recipients that it was not passed on for yet, and why not.
    pub recipients: Vec<(String, String)>,
}

impl Server {
    /// Starts a server with these settings on top, in the language of `main.cf`. Mail to other domains than those that the
    /// settings name goes nowhere.
    pub fn start(settings: &str) -> Result<Self> {
        ensure!(Path::new(PROGRAM).exists(), MISSING);
        ensure!(fs::metadata("/proc/self")?.uid() == 0, "Postfix can only be started by root: run these tests as root");
        let folder = tempfile::Builder::new().prefix("loket-smtp-").tempdir().context("no temporary folder")?;
        // Its processes give up root and must still find their files.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let mut server = Self { folder, port: 0, tls_port: 0, running: None };
        for part in ["conf", "queue", "data", "mail"] {
            fs::create_dir(server.path(part))?;
        }
        chown(server.path("data"), Some(id_of("postfix")?), None)?;
        chown(server.path("mail"), Some(NOBODY), Some(NOBODY))?;
        // Between finding a free port and listening on it somebody else may take it.
        let mut last = None;
        for _ in 0..5 {
            (server.port, server.tls_port) = (free_port(), free_port());
            server.configure(settings)?;
            match server.start_again() {
                Ok(()) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no free port")))
    }

    fn configure(&self, settings: &str) -> Result<()> {
        let folder = self.folder.path().display();
        let main = format!(
            "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.loket.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
biff = no
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = none
message_size_limit = 104857600
default_transport = error:5.1.2 no mail leaves this test
virtual_mailbox_domains = {CUSTOMERS}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_mailbox_limit = 0
virtual_uid_maps = static:{NOBODY}
virtual_gid_maps = static:{NOBODY}
{settings}
"
        );
        let mut services = format!("127.0.0.1:{} inet n - n - - smtpd\n", self.port);
        if settings.contains("smtpd_tls_cert_file") {
            let always = "-o smtpd_tls_wrappermode=yes -o smtpd_tls_security_level=encrypt";
            services.push_str(&format!("127.0.0.1:{} inet n - n - - smtpd {always}\n", self.tls_port));
            services.push_str("tlsmgr unix - - n 1000? 1 tlsmgr\n");
        }
        for service in [
            "pickup unix n - n 60 1 pickup",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "flush unix n - n 1000? 0 flush",
            "proxymap unix - - n - - proxymap",
            "showq unix n - n - - showq",
            "smtp unix - - n - - smtp",
            "lmtp unix - - n - - lmtp flags=R",
            "error unix - - n - - error",
            "retry unix - - n - - error",
            "virtual unix - n n - - virtual",
            "anvil unix - - n - 1 anvil",
            "scache unix - - n - 1 scache",
            "postlog unix-dgram n - n - 1 postlogd",
        ] {
            services.push_str(service);
            services.push('\n');
        }
        fs::write(self.path("conf/main.cf"), main)?;
        fs::write(self.path("conf/master.cf"), services)?;
        // Makes the folders of its queue.
        let check = Command::new(PROGRAM).arg("-c").arg(self.path("conf")).arg("check").output().context(MISSING)?;
        succeeded(&check, "postfix check").map(drop)
    }

    /// Starts it again on the same port after [`Server::stop`]; returns when it answers.
    pub fn start_again(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let output = fs::OpenOptions::new().create(true).append(true).open(self.path("output"))?;
        let mut master = Command::new(MASTER);
        master.arg("-c").arg(self.path("conf")).arg("-d").current_dir(self.path("queue"));
        // It ends its processes as a group.
        master.process_group(0).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let master = master.spawn().context("cannot start postfix")?;
        let guard = guard(master.id(), self.folder.path())?;
        self.running = Some(Running { master, guard });
        let ready = self.wait_until_ready();
        if ready.is_err() {
            self.stop()?;
        }
        ready
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.running.as_mut().map(|running| running.master.try_wait()).transpose()?.flatten();
            if let Some(status) = ended {
                bail!("postfix ended with {status}:\n{}", self.log());
            }
            if Smtp::connect(self.port).is_ok() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "postfix does not answer after {PATIENCE:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it; returns when it has ended. Its queue stays.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &running.master.id().to_string()]).status()?;
        let deadline = Instant::now() + PATIENCE;
        while sent.success() && running.master.try_wait()?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        if running.master.try_wait()?.is_none() {
            running.master.kill()?;
            running.master.wait()?;
        }
        if let Some(mut pipe) = running.guard.stdin.take() {
            pipe.write_all(b"stopped\n")?;
        }
        running.guard.wait()?;
        Ok(())
    }

    /// Hands it a mail by SMTP, as another server does; its bytes go as they are but for the dots at the start of lines. Answers
    /// with the id that it has in the queue.
    pub fn send(&self, from: &str, to: &[&str], mail: &[u8]) -> Result<String> {
        let mut smtp = Smtp::connect(self.port)?;
        smtp.command("EHLO mx.klant.example", "250")?;
        let utf8 = if from.is_ascii() && to.iter().all(|to| to.is_ascii()) { "" } else { " SMTPUTF8" };
        smtp.command(&format!("MAIL FROM:<{from}>{utf8}"), "250")?;
        for to in to {
            smtp.command(&format!("RCPT TO:<{to}>"), "250")?;
        }
        smtp.command("DATA", "354")?;
        smtp.stream.get_mut().write_all(&stuffed(mail))?;
        let kept = smtp.command(".", "250")?;
        smtp.command("QUIT", "221")?;
        let id = kept.rsplit(' ').next().unwrap_or_default();
        Ok(id.to_owned())
    }

    /// Has it try to pass on everything that waits, now.
    pub fn flush(&self) -> Result<()> {
        self.postqueue("-f").map(drop)
    }

    /// What waits to be passed on.
    pub fn queue(&self) -> Result<Vec<Queued>> {
        let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let mut queued = Vec::new();
        for line in String::from_utf8(self.postqueue("-j")?)?.lines() {
            let mail: Value = serde_json::from_str(line)?;
            let recipients = mail["recipients"].as_array().cloned().unwrap_or_default();
            let recipients = recipients.iter().map(|one| (text(one, "address"), text(one, "delay_reason"))).collect();
            queued.push(Queued { id: text(&mail, "queue_id"), queue: text(&mail, "queue_name"), recipients });
        }
        Ok(queued)
    }

    fn postqueue(&self, argument: &str) -> Result<Vec<u8>> {
        let output = Command::new("/usr/sbin/postqueue").arg("-c").arg(self.path("conf")).arg(argument).output().context(MISSING)?;
        succeeded(&output, "postqueue")
    }

    /// The mail that it kept for [`CUSTOMERS`], in no order.
    pub fn kept(&self) -> Result<Vec<Vec<u8>>> {
        let folder = self.path("mail/all/new");
        if !folder.exists() {
            return Ok(Vec::new());
        }
        fs::read_dir(folder)?.map(|entry| Ok(fs::read(entry?.path())?)).collect()
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        ["output", "log"].iter().map(|name| fs::read_to_string(self.path(name)).unwrap_or_default()).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody needs its mail any more.
        let _ = self.stop();
    }
}

/// Runs swaks, the SMTP and LMTP client, and gives back its whole conversation, whatever its end.
pub fn swaks(arguments: &[&str]) -> Result<String> {
    let output = Command::new("swaks").args(arguments).stdin(Stdio::null()).output().context(NO_SWAKS)?;
    Ok([output.stdout, output.stderr].iter().map(|text| String::from_utf8_lossy(text)).collect())
}

/// A mail as it goes over the wire, without its end: a dot at the start of a line is doubled, the last line has an end.
pub fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(mail.len() + 16);
    for &byte in mail {
        if byte == b'.' && (wire.is_empty() || wire.ends_with(b"\r\n")) {
            wire.push(b'.');
        }
        wire.push(byte);
    }
    if !wire.is_empty() && !wire.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

/// A plain SMTP client that waits for each answer.
struct Smtp {
    stream: BufReader<TcpStream>,
}

impl Smtp {
    fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut smtp = Self { stream: BufReader::new(stream) };
        smtp.answer("220").context("no greeting")?;
        Ok(smtp)
    }

    fn command(&mut self, command: &str, code: &str) -> Result<String> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        self.answer(code).with_context(|| command.to_owned())
    }

    /// The last line of an answer with this code.
    fn answer(&mut self, code: &str) -> Result<String> {
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "postfix closed the connection");
            ensure!(line.starts_with(code), "postfix says {line}");
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line.trim_end().to_owned());
            }
        }
    }
}

fn id_of(user: &str) -> Result<u32> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find_map(|line| line.strip_prefix(user)?.strip_prefix(':'));
    line.and_then(|rest| rest.split(':').nth(1)?.parse().ok()).with_context(|| format!("there is no user {user}: {MISSING}"))
}

/// A child that waits until we say that all is well, or until we are gone: then it ends the server and removes its folder.
fn guard(master: u32, folder: &Path) -> Result<Child> {
    let script = "read -r word && exit; kill -TERM \"$0\"; sleep 1; rm -rf \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, &master.to_string()]).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start sh")
}

fn succeeded(output: &Output, what: &str) -> Result<Vec<u8>> {
    if output.status.success() {
        return Ok(output.stdout.clone());
    }
    bail!("{what} failed: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
