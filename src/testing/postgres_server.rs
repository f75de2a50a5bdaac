//! A PostgreSQL server for tests: one a test process, behind a Unix socket, gone with the process; a schema for each case. The
//! integration tests include this file too.
//!
//! `DISPATCHCTL_TEST_POSTGRES`: the URL of a server to use instead of one that is started here; `required`: where none can be
//! had, the tests fail and are not skipped.

use std::io::Read as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const VARIABLE: &str = "DISPATCHCTL_TEST_POSTGRES";
/// As whom the server runs where the tests run as root, which it refuses to: nobody.
const NOBODY: u32 = 65_534;
/// Starts a server and stops it when the tests' process, however it ends, lets go of the other end of its input. The users
/// `checked` and `rotated` must show a password.
const SCRIPT: &str = r#"
bin=$1 dir=$2
shift 2
"$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync --locale=C.UTF-8 >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
printf 'local all checked,rotated scram-sha-256\nlocal all all trust\nhostssl all all 127.0.0.1/32 trust\n' >"$dir/hba"
"$bin/postgres" -D "$dir/data" -k "$dir" -c hba_file="$dir/hba" -c fsync=off -c max_connections=300 "$@" >>"$dir/log" 2>&1 &
server=$!
i=0
until "$bin/psql" -h "$dir" -U postgres -qtAc 'SELECT 1' postgres >/dev/null 2>&1; do
  i=$((i + 1)); [ $i -gt 300 ] && { cat "$dir/log"; break; }
  kill -0 $server 2>/dev/null || { cat "$dir/log"; exit 1; }
  sleep 0.1
done
[ $i -gt 300 ] || echo ready
exec 1>&-
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$dir"
"#;

/// A server, and where the cases' schemas are.
pub(crate) struct TestServer {
    /// Of `psql`.
    bin: Option<PathBuf>,
    /// With a `?` already.
    pub(crate) url: String,
    /// Where its socket is; `None`: it was not started here.
    pub(crate) dir: Option<PathBuf>,
    /// Its input is open for as long as this process lives.
    _watch: Option<Child>,
}

static SERVER: OnceLock<Result<TestServer, String>> = OnceLock::new();
static CASES: AtomicU32 = AtomicU32::new(0);

/// The server of this process; `None`: there is no PostgreSQL here, which is said. Blocks while it starts.
pub(crate) fn test_server() -> Option<&'static TestServer> {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    match SERVER.get_or_init(|| server(&asked)) {
        Ok(server) => Some(server),
        Err(why) if asked == "required" => panic!("{VARIABLE}=required, and there is no PostgreSQL: {why}"),
        Err(why) => {
            said_aloud(why);
            None
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn said_aloud(why: &str) {
    eprintln!("SKIPPED: there is no PostgreSQL for this test: {why}");
}

impl TestServer {
    /// The URL of a schema of a case's own.
    pub(crate) fn schema(&self) -> String {
        let name = format!("case_{}_{}", std::process::id(), CASES.fetch_add(1, Ordering::Relaxed));
        self.psql(&self.url, &format!("CREATE SCHEMA {name}"));
        format!("{}&options=-csearch_path%3D{name}", self.url)
    }

    /// The URL of a database of a case's own, as this user; `None`, said aloud: the server was not started here.
    pub(crate) fn database(&self, user: &str) -> Option<String> {
        let Some(dir) = &self.dir else {
            said_aloud("it needs a server of its own");
            return None;
        };
        let name = format!("case_{}_{}", std::process::id(), CASES.fetch_add(1, Ordering::Relaxed));
        self.psql(&self.url, &format!("CREATE DATABASE {name}"));
        Some(format!("postgres://{user}@/{name}?host={}", dir.display()))
    }

    /// What `psql` prints for these statements, without headings.
    pub(crate) fn psql(&self, url: &str, sql: &str) -> String {
        let psql = self.bin.as_ref().map_or_else(|| PathBuf::from("psql"), |bin| bin.join("psql"));
        let said = Command::new(psql).args([url, "-v", "ON_ERROR_STOP=1", "-qtAc", sql]).output().expect("psql runs");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }
}

fn server(asked: &str) -> Result<TestServer, String> {
    if asked.contains("://") {
        let url = if asked.contains('?') { asked.to_owned() } else { format!("{asked}?application_name=tests") };
        return Ok(TestServer { bin: binaries(), url, dir: None, _watch: None });
    }
    start(&["-h", ""], 5432, |_| Ok(()))
}

/// Starts a server with these options, once what it needs is in its directory.
pub(crate) fn start(
    options: &[&str],
    port: u16,
    prepare: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<TestServer, String> {
    let bin = binaries().ok_or("initdb is neither below /usr/lib/postgresql nor named by pg_config")?;
    let dir = tempfile::Builder::new().prefix("dcpg").tempdir_in("/tmp").map_err(|e| e.to_string())?.keep();
    prepare(&dir)?;
    let mut command = Command::new("sh");
    command
        .args(["-c", SCRIPT, "sh"])
        .arg(&bin)
        .arg(&dir)
        .args(options)
        .env("PGPORT", port.to_string())
        .current_dir(&dir);
    as_nobody(&mut command, &dir)?;
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut watch = started.map_err(|e| e.to_string())?;
    let mut said = String::new();
    watch.stdout.take().ok_or("no output")?.read_to_string(&mut said).map_err(|e| e.to_string())?;
    if !said.ends_with("ready\n") {
        return Err(said);
    }
    let url = format!("postgres://postgres@/postgres?host={}&port={port}", dir.display());
    Ok(TestServer { bin: Some(bin), url, dir: Some(dir), _watch: Some(watch) })
}

/// Servers refuse to run as root: where the tests do, the directory and all in it become nobody's, and so does the process.
pub(crate) fn as_nobody(command: &mut Command, dir: &Path) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    use std::os::unix::process::CommandExt as _;
    let inside = std::fs::read_dir(dir).map_err(|e| e.to_string())?.flatten().map(|entry| entry.path());
    for path in inside.chain([dir.to_owned()]) {
        chown(&path, Some(NOBODY), Some(NOBODY)).map_err(|e| e.to_string())?;
    }
    command.uid(NOBODY).gid(NOBODY);
    Ok(())
}

pub(crate) fn binaries() -> Option<PathBuf> {
    let named = Command::new("pg_config").arg("--bindir").output().ok();
    let named = named.map(|said| PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()));
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    all.sort();
    all.into_iter().rev().chain(named).find(|bin| bin.join("initdb").exists())
}
