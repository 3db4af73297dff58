//! An OpenSSH server of our own: in a temporary folder, on a free port of loopback, with host keys of its own, gone when the test is.
//! It knows one user, the one who runs the tests, by one key, and gives nothing but SFTP.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::daemon::free_port;

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const PROGRAM: &str = "/usr/sbin/sshd";
const SFTP: &str = "/usr/lib/openssh/sftp-server";
const MISSING: &str = "OpenSSH's server is not installed. script/test installs it; by hand: apt-get install openssh-server";

/// A running (or stopped) server. Dropping it stops it and removes its folder.
pub struct Server {
    folder: TempDir,
    /// Where it listens.
    pub port: u16,
    running: Option<Running>,
}

struct Running {
    child: Child,
    /// Ends the server when this process dies without saying good-bye: it waits on a pipe that only we hold open.
    guard: Child,
}

impl Server {
    /// Starts a server.
    pub fn start() -> Result<Self> {
        ensure!(Path::new(PROGRAM).exists() && Path::new(SFTP).exists(), MISSING);
        let folder = tempfile::Builder::new().prefix("loket-sftp-").tempdir()?;
        for kind in ["ed25519", "rsa"] {
            keygen(kind, &folder.path().join(format!("host_{kind}")), "")?;
        }
        keygen("ed25519", &folder.path().join("client"), "")?;
        keygen("rsa", &folder.path().join("client_rsa"), "open sesame")?;
        let mut keys = fs::read_to_string(folder.path().join("client.pub"))?;
        keys.push_str(&fs::read_to_string(folder.path().join("client_rsa.pub"))?);
        fs::write(folder.path().join("authorized"), keys)?;
        fs::create_dir(folder.path().join("files"))?;
        // Where it separates its privileges when root starts it; the system's own service makes it at its start.
        if is_root()? {
            fs::create_dir_all("/run/sshd")?;
            fs::set_permissions("/run/sshd", fs::Permissions::from_mode(0o755))?;
        }
        let mut server = Self { folder, port: 0, running: None };
        // Between finding a free port and listening on it somebody else may take it.
        let mut last = None;
        for _ in 0..5 {
            server.port = free_port();
            match server.start_again() {
                Ok(()) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no free port")))
    }

    /// Starts it again on the same port after [`Server::stop`]; returns when it answers.
    pub fn start_again(&mut self) -> Result<()> {
        self.stop()?;
        let folder = self.folder.path().display();
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {folder}/host_ed25519\nHostKey {folder}/host_rsa\nPidFile none\n\
             AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\nUsePAM no\n\
             PermitRootLogin yes\nStrictModes no\nLogLevel DEBUG1\nMaxStartups 100\nX11Forwarding no\nPrintMotd no\n\
             Subsystem sftp {SFTP} -d {folder}/files\n",
            self.port
        );
        fs::write(self.path("config"), config)?;
        let log = fs::File::options().create(true).append(true).open(self.path("log"))?;
        let child = Command::new(PROGRAM)
            .args(["-D", "-e", "-f"])
            .arg(self.path("config"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start sshd")?;
        let guard = Command::new("sh")
            .args(["-c", "read -r word && exit; kill -TERM \"$0\"; sleep 1; rm -rf \"$1\"", &child.id().to_string()])
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start sh")?;
        self.running = Some(Running { child, guard });
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.running.as_mut().map(|running| running.child.try_wait()).transpose()?.flatten();
            if let Some(status) = ended {
                self.stop()?;
                bail!("sshd ended with {status}:\n{}", self.log());
            }
            if Instant::now() > until {
                self.stop()?;
                bail!("sshd does not answer:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops it, with every connection.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            for session in children(running.child.id()) {
                kill(session)?;
            }
            running.child.kill()?;
            running.child.wait()?;
            // The word that ends the guard.
            if let Some(mut pipe) = running.guard.stdin.take() {
                std::io::Write::write_all(&mut pipe, b"done\n")?;
            }
            running.guard.wait()?;
        }
        Ok(())
    }

    /// Cuts every connection, and goes on listening. Answers how many there were.
    pub fn cut_connections(&self) -> Result<usize> {
        let Some(running) = &self.running else { return Ok(0) };
        let sessions = children(running.child.id());
        for session in &sessions {
            for worker in children(*session) {
                kill(worker)?;
            }
            kill(*session)?;
        }
        Ok(sessions.len())
    }

    /// The folder in which a user finds itself.
    pub fn files(&self) -> PathBuf {
        self.path("files")
    }

    /// The user's private key; the other one is `rsa` with the passphrase `open sesame`.
    pub fn client_key(&self) -> PathBuf {
        self.path("client")
    }

    /// The user's other private key, RSA, and its passphrase.
    pub fn rsa_key(&self) -> (PathBuf, &'static str) {
        (self.path("client_rsa"), "open sesame")
    }

    /// The fingerprint of one of the server's keys: `ed25519` or `rsa`.
    pub fn fingerprint(&self, kind: &str) -> Result<String> {
        let output = Command::new("ssh-keygen").arg("-lf").arg(self.path(&format!("host_{kind}.pub"))).output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.split_whitespace().find(|word| word.starts_with("SHA256:")).context("no fingerprint")?.to_owned())
    }

    /// One of the server's keys as a line of known_hosts.
    pub fn known_hosts(&self, kind: &str) -> Result<String> {
        let key = fs::read_to_string(self.path(&format!("host_{kind}.pub")))?;
        Ok(format!("[127.0.0.1]:{} {}", self.port, key.trim()))
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// The name of the user who runs the tests.
pub fn user() -> Result<String> {
    let output = Command::new("id").arg("-un").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn is_root() -> Result<bool> {
    Ok(Command::new("id").arg("-u").output()?.stdout == b"0\n")
}

fn keygen(kind: &str, path: &Path, passphrase: &str) -> Result<()> {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"]).arg(path);
    if kind == "rsa" {
        command.args(["-b", "2048"]);
    }
    ensure!(command.stdin(Stdio::null()).status().context(MISSING)?.success(), "ssh-keygen failed");
    Ok(())
}

/// The processes that a process started and that still run.
fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn kill(pid: u32) -> Result<()> {
    // One that ended meanwhile is no error.
    Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status()?;
    Ok(())
}
