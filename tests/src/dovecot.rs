//! A Dovecot of our own: in a temporary folder, on free ports of loopback, with a certificate authority of its own, gone when
//! the test is. Mail goes in as a delivery agent puts it, and a second client does what people do to it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// Every user's password.
pub const PASSWORD: &str = "pass \"word\" \\ é";
/// How long a start, a stop or an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const PROGRAM: &str = "/usr/sbin/dovecot";
const MISSING: &str = "Dovecot is not installed. script/test installs it; by hand: apt-get install dovecot-imapd";
/// The user to whom mail belongs when the tests run as root: Dovecot opens none as root.
const NOBODY: u32 = 65_534;

/// A running (or stopped) Dovecot server. Dropping it stops it and removes its folder.
pub struct Server {
    folder: TempDir,
    /// Without TLS, and with STARTTLS.
    pub port: u16,
    /// With TLS from the first byte.
    pub tls_port: u16,
    running: Option<Running>,
    delivered: AtomicU32,
}

struct Running {
    master: Child,
    /// Ends the server when this process dies without saying good-bye: it waits on a pipe that only we hold open.
    guard: Child,
}

impl Server {
    /// Starts a server for these users.
    pub fn start(users: &[&str]) -> Result<Self> {
        Self::start_with(users, "")
    }

    /// Starts a server that takes tokens besides passwords, and asks there about them.
    pub fn start_with_tokens(users: &[&str], introspection_url: &str) -> Result<Self> {
        let database = format!(
            "introspection_mode = auth\nintrospection_url = {introspection_url}\nusername_attribute = username\n\
             active_attribute = active\nactive_value = true\ntimeout_msecs = 20000\n"
        );
        let settings = "auth_mechanisms = plain login xoauth2 oauthbearer\npassdb {\n  driver = oauth2\n  \
                        mechanisms = xoauth2 oauthbearer\n  args = {folder}/tokens\n}\n";
        Self::start_on(Self::folder()?, users, settings, &[("tokens", &database)])
    }

    /// Starts a server for these users with settings on top, in the language of its configuration.
    pub fn start_with(users: &[&str], settings: &str) -> Result<Self> {
        Self::start_on(Self::folder()?, users, settings, &[])
    }

    fn folder() -> Result<TempDir> {
        let folder = tempfile::Builder::new().prefix("loket-imap-").tempdir().context("no temporary folder")?;
        // Its processes give up root and must still find their sockets.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        Ok(folder)
    }

    /// `{folder}` in the settings is the server's own, in which these files are.
    fn start_on(folder: TempDir, users: &[&str], settings: &str, files: &[(&str, &str)]) -> Result<Self> {
        if !Path::new(PROGRAM).exists() {
            bail!(MISSING);
        }
        for (name, text) in files {
            fs::write(folder.path().join(name), text)?;
        }
        let settings = settings.replace("{folder}", &folder.path().display().to_string());
        certificates(folder.path())?;
        let mut server = Self { folder, port: 0, tls_port: 0, running: None, delivered: AtomicU32::new(0) };
        let mut passwords = String::new();
        for user in users {
            passwords.push_str(&format!("{user}:{{PLAIN}}{PASSWORD}\n"));
            server.make_maildir(&server.maildir(user, "INBOX"))?;
        }
        fs::write(server.path("users"), passwords)?;
        // Between finding a free port and listening on it somebody else may take it.
        let mut last = None;
        for _ in 0..5 {
            (server.port, server.tls_port) = (free_port()?, free_port()?);
            fs::write(server.path("conf"), server.configuration(&settings)?)?;
            match server.start_again() {
                Ok(()) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no free port")))
    }

    fn configuration(&self, settings: &str) -> Result<String> {
        let folder = self.folder.path().display();
        let (uid, gid) = owner()?;
        let users = if is_root()? {
            String::new()
        } else {
            let name = user_name(uid)?;
            format!("default_internal_user = {name}\ndefault_login_user = {name}\ndefault_internal_group = {gid}\n")
        };
        Ok(format!(
            "protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
{users}first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{folder}/server.crt
ssl_key = <{folder}/server.key
auth_mechanisms = plain login
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 100
mailbox_idle_check_interval = 1 secs
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    address = 127.0.0.1
    port = {}
  }}
  inet_listener imaps {{
    address = 127.0.0.1 127.0.0.2
    port = {}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service imap {{
  process_min_avail = 2
}}
{settings}
",
            self.port, self.tls_port
        ))
    }

    /// Starts it again on the same ports after [`Server::stop`]; returns when it answers.
    pub fn start_again(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let mut dovecot = Command::new(PROGRAM);
        dovecot.arg("-F").arg("-c").arg(self.path("conf")).current_dir(self.folder.path());
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("output"))?;
        dovecot.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let master = dovecot.spawn().context("cannot start dovecot")?;
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
                bail!("dovecot ended with {status}:\n{}", self.log());
            }
            if [self.port, self.tls_port].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
                && Client::connect(self.port).is_ok()
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("dovecot does not answer after {PATIENCE:?}:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it, with all its sessions; returns when it has ended. The mail stays.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        let sessions = children(running.master.id())?;
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &running.master.id().to_string()]).status()?;
        let deadline = Instant::now() + PATIENCE;
        while sent.success() && running.master.try_wait()?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        if running.master.try_wait()?.is_none() {
            running.master.kill()?;
            running.master.wait()?;
        }
        // A session in IDLE looks for its master every ten seconds only.
        for session in sessions {
            let _ = Command::new("sh").args(["-c", "kill -TERM \"$0\" 2>&-", &session.to_string()]).status()?;
        }
        if let Some(mut pipe) = running.guard.stdin.take() {
            pipe.write_all(b"stopped\n")?;
        }
        running.guard.wait()?;
        Ok(())
    }

    /// The certificate of the authority that signed the server's, for `localhost` and 127.0.0.1.
    pub fn ca_file(&self) -> PathBuf {
        self.path("ca.crt")
    }

    /// A file with the users' password, as a secret is kept.
    pub fn password_file(&self) -> Result<PathBuf> {
        let path = self.path("password");
        fs::write(&path, format!("{PASSWORD}\n"))?;
        Ok(path)
    }

    /// Puts a mail into a folder that is there, as a delivery agent does: written aside, then renamed in.
    pub fn deliver(&self, user: &str, folder: &str, mail: &[u8]) -> Result<()> {
        let maildir = self.maildir(user, folder);
        // Mails get their UIDs in the order of these names.
        let number = self.delivered.fetch_add(1, Ordering::Relaxed);
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let name = format!("{seconds}.M{number:08}.test");
        let part = maildir.join("tmp").join(&name);
        fs::write(&part, mail).with_context(|| format!("no folder {folder} of {user}"))?;
        fs::set_permissions(&part, fs::Permissions::from_mode(0o644))?;
        fs::rename(&part, maildir.join("new").join(&name))?;
        Ok(())
    }

    /// Gives a folder another UIDVALIDITY.
    pub fn set_uid_validity(&self, user: &str, folder: &str, validity: u32) -> Result<()> {
        self.doveadm(&["mailbox", "update", "-u", user, "--uid-validity", &validity.to_string(), folder])
    }

    /// Runs one of Dovecot's administration commands.
    pub fn doveadm(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new("doveadm").arg("-c").arg(self.path("conf")).args(arguments).output().context(MISSING)?;
        succeeded(&output, "doveadm")
    }

    /// A second client, logged in.
    pub fn client(&self, user: &str) -> Result<Client> {
        let mut client = Client::connect(self.port)?;
        client.command(&format!("LOGIN {user} \"{}\"", PASSWORD.replace('\\', "\\\\").replace('"', "\\\"")))?;
        Ok(client)
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        ["output", "log"].iter().map(|name| fs::read_to_string(self.path(name)).unwrap_or_default()).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn maildir(&self, user: &str, folder: &str) -> PathBuf {
        let root = self.path("mail").join(user);
        if folder == "INBOX" { root } else { root.join(format!(".{}", folder.replace('/', "."))) }
    }

    fn make_maildir(&self, maildir: &Path) -> Result<()> {
        let (uid, gid) = owner()?;
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(maildir.join(part))?;
        }
        for folder in [&self.path("mail"), maildir, &maildir.join("cur"), &maildir.join("new"), &maildir.join("tmp")] {
            chown(folder, Some(uid), Some(gid))?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody needs its mail any more.
        let _ = self.stop();
    }
}

/// A plain IMAP client that waits for each answer.
pub struct Client {
    stream: BufReader<TcpStream>,
    tag: u32,
}

impl Client {
    fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { stream: BufReader::new(stream), tag: 0 };
        let greeting = client.line()?;
        if !greeting.starts_with("* OK") {
            bail!("no greeting but {greeting}");
        }
        Ok(client)
    }

    /// Sends a command; the untagged answers, literals included. An error unless the server says OK.
    pub fn command(&mut self, command: &str) -> Result<Vec<String>> {
        self.tag += 1;
        let tag = format!("C{} ", self.tag);
        self.stream.get_mut().write_all(format!("{tag}{command}\r\n").as_bytes())?;
        let mut answers = Vec::new();
        loop {
            let line = self.line()?;
            match line.strip_prefix(&tag) {
                Some(end) if end.starts_with("OK") => return Ok(answers),
                Some(end) => bail!("{command}: {end}"),
                None => answers.push(line),
            }
        }
    }

    /// The numbers that a command such as `UID SEARCH ALL` answers with.
    pub fn search(&mut self, command: &str) -> Result<Vec<u32>> {
        let answers = self.command(command)?;
        let found = answers.iter().filter_map(|line| line.strip_prefix("* SEARCH"));
        Ok(found.flat_map(str::split_ascii_whitespace).filter_map(|number| number.parse().ok()).collect())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            let before = line.len();
            self.stream.read_until(b'\n', &mut line)?;
            if line.len() == before {
                bail!("the server closed the connection");
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let literal =
                text.strip_suffix('}').and_then(|text| text.rsplit_once('{')).and_then(|(_, number)| number.parse::<usize>().ok());
            let Some(length) = literal else { return Ok(text) };
            let start = line.len();
            line.resize(start + length, 0);
            self.stream.read_exact(&mut line[start..])?;
        }
    }
}

/// An authority, and a certificate signed by it.
fn certificates(folder: &Path) -> Result<()> {
    fs::write(folder.join("extensions"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")?;
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch"];
    let openssl = |arguments: &[&str]| -> Result<()> {
        let output = Command::new("openssl").args(arguments).current_dir(folder).output();
        succeeded(&output.context("openssl is not installed; by hand: apt-get install openssl")?, "openssl")
    };
    let mut authority = vec!["req", "-x509", "-days", "30", "-subj", "/CN=Loket test authority", "-keyout", "ca.key", "-out", "ca.crt"];
    authority.extend(["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]);
    authority.extend(key);
    openssl(&authority)?;
    let mut request = vec!["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
    request.extend(key);
    openssl(&request)?;
    let signing = ["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30"];
    openssl(&[signing.as_slice(), &["-extfile", "extensions", "-out", "server.crt"]].concat())
}

/// The processes that a process started and that still run.
fn children(parent: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // One that has just ended is no error.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let its_parent = stat.rsplit(')').next().and_then(|rest| rest.split_ascii_whitespace().nth(1));
        if its_parent.and_then(|number| number.parse().ok()) == Some(parent) {
            children.push(process);
        }
    }
    Ok(children)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// To whom the mail belongs.
fn owner() -> Result<(u32, u32)> {
    let own = fs::metadata("/proc/self")?;
    Ok(if own.uid() == 0 { (NOBODY, NOBODY) } else { (own.uid(), own.gid()) })
}

fn user_name(uid: u32) -> Result<String> {
    let users = fs::read_to_string("/etc/passwd")?;
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.with_context(|| format!("no user {uid} in /etc/passwd"))
}

/// A child that waits until we say that all is well, or until we are gone: then it ends the server and removes its folder.
fn guard(master: u32, folder: &Path) -> Result<Child> {
    let script = "read -r word && exit; kill -TERM \"$0\"; sleep 1; rm -rf \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, &master.to_string()]).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start sh")
}

fn succeeded(output: &Output, what: &str) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    bail!("{what} failed: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
