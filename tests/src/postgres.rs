//! A PostgreSQL of our own: in a temporary folder, on a free port of loopback, with fsync on, gone when the test is.
//!
//! Its databases compare text by a language's rules (ICU), as most installations' do: what relies on the order of bytes must
//! say so itself.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

const USER: &str = "loket";
const PASSWORD: &str = "a-password-for-tests";
/// How long a start or a stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const MISSING: &str = "PostgreSQL 15 or newer is not installed: no initdb under /usr/lib/postgresql/*/bin. On Debian or Ubuntu: \
                       apt-get install postgresql";

/// How to stop it.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// In good order, connections cut.
    Fast,
    /// At once, as if it crashed: it recovers from its log at the next start.
    Immediate,
}

/// A running (or stopped) PostgreSQL server. Dropping it stops it and removes its folder.
pub struct Server {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    settings: Vec<String>,
    running: Mutex<Option<Running>>,
    databases: AtomicU32,
}

struct Running {
    postmaster: Child,
    /// Ends the server when this process dies without saying good-bye: it waits on a pipe that only we hold open.
    guard: Child,
}

impl Server {
    /// Starts a server with settings that a database in production has.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with these settings (`name=value`) on top.
    pub fn start_with(settings: &[&str]) -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("loket-pg-").tempdir().context("no temporary folder")?;
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD)?;
        if is_root()? {
            let (user, group) = postgres_user()?;
            chown(folder.path(), Some(user), Some(group))?;
            chown(&password, Some(user), Some(group))?;
        }
        let mut initdb = as_server_user(&programs.join("initdb"), folder.path())?;
        initdb.arg("--pgdata").arg(folder.path().join("data")).arg("--pwfile").arg(&password);
        initdb.args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"]);
        initdb.args(["--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en"]);
        succeeded(&initdb.output().context("cannot start initdb")?, "initdb")?;
        let mut server = Self {
            folder,
            programs,
            port: 0,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            running: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        // Between finding a free port and listening on it somebody else may take it.
        let mut last = None;
        for _ in 0..5 {
            server.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            match server.start_again() {
                Ok(()) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no free port")))
    }

    /// Starts it again on the same port after [`Server::stop`]; returns when it answers.
    pub fn start_again(&self) -> Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Ok(());
        }
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_file())?;
        let mut postgres = as_server_user(&self.programs.join("postgres"), self.folder.path())?;
        postgres.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        postgres.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=on"]);
        postgres.args(["-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "log_lock_waits=on"]);
        for setting in &self.settings {
            postgres.args(["-c", setting]);
        }
        postgres.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut postmaster = postgres.spawn().context("cannot start postgres")?;
        let guard = guard(postmaster.id(), self.folder.path())?;
        let ready = self.wait_until_ready(&mut postmaster);
        let started = Running { postmaster, guard };
        if let Err(error) = ready {
            end(started, Stop::Immediate)?;
            return Err(error);
        }
        *running = Some(started);
        Ok(())
    }

    fn wait_until_ready(&self, postmaster: &mut Child) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = postmaster.try_wait()? {
                bail!("postgres ended with {status}:\n{}", self.log());
            }
            let mut probe = Command::new(self.programs.join("pg_isready"));
            probe.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if probe.status().context("cannot start pg_isready")?.success() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("postgres does not answer after {PATIENCE:?}:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it; returns when it has ended. Its data stay.
    pub fn stop(&self, how: Stop) -> Result<()> {
        match self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(running) => end(running, how),
            None => Ok(()),
        }
    }

    /// The URL of a new, empty database.
    pub async fn database(&self) -> Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute(&self.url("postgres"), &format!("CREATE DATABASE {name}")).await?;
        Ok(self.url(&name))
    }

    /// Runs statements on a database, for preparing or damaging it.
    pub async fn execute(&self, url: &str, statements: &str) -> Result<()> {
        use sqlx::{Connection, Executor};
        let mut connection = sqlx::PgConnection::connect(url).await?;
        connection.execute(sqlx::AssertSqlSafe(statements.to_owned())).await?;
        connection.close().await?;
        Ok(())
    }

    /// The URL of a database by name.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody needs its data any more.
        let _ = self.stop(Stop::Immediate);
    }
}

/// The folder of the newest PostgreSQL's programs.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").context(MISSING)?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let version = folder.file_name()?.to_str()?.parse().ok()?;
            Some((version, folder.join("bin")))
        })
        .filter(|(version, folder)| *version >= 15 && folder.join("initdb").exists())
        .collect();
    found.sort();
    Ok(found.pop().context(MISSING)?.1)
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// The system's user for PostgreSQL, which comes with its package.
fn postgres_user() -> Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line =
        users.lines().find(|line| line.starts_with("postgres:")).context("no system user `postgres`, which PostgreSQL's package makes")?;
    let mut fields = line.split(':').skip(2);
    let mut next = || -> Result<u32> { Ok(fields.next().context("a broken line in /etc/passwd")?.parse()?) };
    Ok((next()?, next()?))
}

/// PostgreSQL refuses to run as root.
fn as_server_user(program: &Path, folder: &Path) -> Result<Command> {
    let mut command = if is_root()? {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).env_remove("PGDATA").env_remove("PGPORT");
    Ok(command)
}

/// A child that waits until we say that all is well, or until we are gone: then it ends the server and removes its folder.
fn guard(postmaster: u32, folder: &Path) -> Result<Child> {
    let script = "read -r word && exit; kill -QUIT \"$0\"; sleep 1; rm -rf \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, &postmaster.to_string()]).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start sh")
}

fn end(mut running: Running, how: Stop) -> Result<()> {
    let signal = match how {
        Stop::Fast => "INT",
        Stop::Immediate => "QUIT",
    };
    let sent = Command::new("sh").args(["-c", "kill -\"$0\" \"$1\"", signal, &running.postmaster.id().to_string()]).status()?;
    let deadline = Instant::now() + PATIENCE;
    while sent.success() && running.postmaster.try_wait()?.is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    if running.postmaster.try_wait()?.is_none() {
        running.postmaster.kill()?;
        running.postmaster.wait()?;
    }
    if let Some(mut pipe) = running.guard.stdin.take() {
        pipe.write_all(b"stopped\n")?;
    }
    running.guard.wait()?;
    Ok(())
}

fn succeeded(output: &Output, what: &str) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    bail!("{what} failed: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
