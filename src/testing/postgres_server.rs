//! A PostgreSQL server for tests: one a test process, behind a Unix socket, gone with the process; a schema for each case. The
//! integration tests include this file too.
//!
//! `DISPATCHCTL_TEST_POSTGRES`: the URL of a server to use instead of one that is started here; `required`: where none can be
//! had, the tests fail and are not skipped.

use std::io::Read as _;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const VARIABLE: &str = "DISPATCHCTL_TEST_POSTGRES";
/// As whom the server runs where the tests run as root, which it refuses to: nobody.
const NOBODY: u32 = 65_534;
/// Starts a server and stops it when the tests' process, however it ends, lets go of the other end of its input.
const SCRIPT: &str = r#"
"$1/initdb" -D "$2/data" -U postgres -A trust --no-sync --locale=C.UTF-8 >"$2/log" 2>&1 || { cat "$2/log"; exit 1; }
"$1/postgres" -D "$2/data" -h '' -k "$2" -c fsync=off -c max_connections=300 >>"$2/log" 2>&1 &
server=$!
i=0
until "$1/psql" -h "$2" -U postgres -qtAc 'SELECT 1' postgres >/dev/null 2>&1; do
  i=$((i + 1)); [ $i -gt 300 ] && { cat "$2/log"; break; }
  sleep 0.1
done
[ $i -gt 300 ] || echo ready
exec 1>&-
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$2"
"#;

/// A server, and where the cases' schemas are.
pub(crate) struct TestServer {
    /// Of `psql`.
    bin: Option<PathBuf>,
    /// With a `?` already.
    pub(crate) url: String,
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
fn said_aloud(why: &str) {
    eprintln!("SKIPPED: there is no PostgreSQL for this test: {why}");
}

impl TestServer {
    /// The URL of a schema of a case's own.
    pub(crate) fn schema(&self) -> String {
        let name = format!("case_{}_{}", std::process::id(), CASES.fetch_add(1, Ordering::Relaxed));
        self.psql(&self.url, &format!("CREATE SCHEMA {name}"));
        format!("{}&options=-csearch_path%3D{name}", self.url)
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
        let url = if asked.contains('?') { asked.to_owned() } else { format!("{asked}?connect_timeout=5") };
        return Ok(TestServer { bin: binaries(), url, _watch: None });
    }
    let bin = binaries().ok_or("initdb is neither below /usr/lib/postgresql nor named by pg_config")?;
    let dir = tempfile::Builder::new().prefix("dcpg").tempdir_in("/tmp").map_err(|e| e.to_string())?.keep();
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "sh"]).arg(&bin).arg(&dir).current_dir(&dir);
    if rustix::process::geteuid().is_root() {
        use std::os::unix::process::CommandExt as _;
        chown(&dir, Some(NOBODY), Some(NOBODY)).map_err(|e| e.to_string())?;
        command.uid(NOBODY).gid(NOBODY);
    }
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut watch = started.map_err(|e| e.to_string())?;
    let mut said = String::new();
    watch.stdout.take().ok_or("no output")?.read_to_string(&mut said).map_err(|e| e.to_string())?;
    if !said.ends_with("ready\n") {
        return Err(said);
    }
    let url = format!("postgres://postgres@/postgres?host={}", dir.display());
    Ok(TestServer { bin: Some(bin), url, _watch: Some(watch) })
}

fn binaries() -> Option<PathBuf> {
    let named = Command::new("pg_config").arg("--bindir").output().ok();
    let named = named.map(|said| PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()));
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    all.sort();
    all.into_iter().rev().chain(named).find(|bin| bin.join("initdb").exists())
}
