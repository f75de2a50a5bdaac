//! A PostgreSQL server and its standby, for tests of a failover: both are gone with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{fs, io::Read as _};

use super::postgres_server::{as_nobody, binaries, said_aloud};
use super::wait::until;

/// Starts both, the second as a copy of the first that follows it, and ends them when the other end of the input is let go.
const SCRIPT: &str = r#"
bin=$1 dir=$2
mkdir -p "$dir/first" "$dir/second" || exit 1
printf 'local all all trust\nlocal replication all trust\n' >"$dir/hba"
begin() {
  "$bin/postgres" -D "$dir/$1/data" -k "$dir/$1" -h '' -c hba_file="$dir/hba" -c fsync=off -c wal_level=replica \
    -c max_connections=100 -c wal_receiver_status_interval=1s >>"$dir/log" 2>&1 &
  i=0
  until "$bin/psql" -h "$dir/$1" -U postgres -qtAc 'SELECT 1' postgres >/dev/null 2>&1; do
    i=$((i + 1)); [ $i -gt 300 ] && { cat "$dir/log"; exit 1; }
    sleep 0.1
  done
}
end() { [ -f "$dir/$1/data/postmaster.pid" ] && kill -QUIT "$(head -n 1 "$dir/$1/data/postmaster.pid")" 2>/dev/null; }
"$bin/initdb" -D "$dir/first/data" -U postgres -A trust --no-sync --locale=C.UTF-8 >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
begin first
"$bin/pg_basebackup" -h "$dir/first" -U postgres -D "$dir/second/data" -R -X stream -c fast --no-sync >>"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
begin second
echo ready
exec 1>&-
cat >/dev/null
end first
end second
rm -rf "$dir"
"#;

/// Both servers.
pub(crate) struct ServerPair {
    bin: PathBuf,
    dir: PathBuf,
    _watch: Child,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    First,
    Second,
}

impl Server {
    const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
        }
    }
}

impl ServerPair {
    /// `None`: there is no PostgreSQL here.
    pub(crate) fn start() -> Option<Self> {
        match Self::try_start() {
            Ok(pair) => Some(pair),
            Err(why) if std::env::var("DISPATCHCTL_TEST_POSTGRES").is_ok_and(|asked| asked == "required") => {
                panic!("there is no PostgreSQL: {why}")
            }
            Err(why) => {
                said_aloud(&why);
                None
            }
        }
    }

    fn try_start() -> Result<Self, String> {
        let bin = binaries().ok_or("initdb is neither below /usr/lib/postgresql nor named by pg_config")?;
        let dir = tempfile::Builder::new().prefix("dcpg").tempdir_in("/tmp").map_err(|e| e.to_string())?.keep();
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(&bin).arg(&dir).current_dir(&dir);
        as_nobody(&mut command, &dir)?;
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut watch = started.map_err(|e| e.to_string())?;
        let mut said = String::new();
        watch.stdout.take().ok_or("no output")?.read_to_string(&mut said).map_err(|e| e.to_string())?;
        if said.ends_with("ready\n") { Ok(Self { bin, dir, _watch: watch }) } else { Err(said) }
    }

    /// The way to whichever of both can be written to.
    pub(crate) fn url(&self) -> String {
        let host = |server: Server| self.place(server).display().to_string();
        format!("postgres://postgres@/postgres?host={}&host={}", host(Server::First), host(Server::Second))
    }

    fn place(&self, server: Server) -> PathBuf {
        self.dir.join(server.name())
    }

    /// What `psql` prints for these statements on this one.
    pub(crate) fn psql(&self, server: Server, sql: &str) -> String {
        let url = format!("postgres://postgres@/postgres?host={}", self.place(server).display());
        let said = Command::new(self.bin.join("psql")).args([&url, "-v", "ON_ERROR_STOP=1", "-qtAc", sql]).output();
        let said = said.expect("psql runs");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    /// Every commit waits until the second one has it.
    pub(crate) fn is_synchronous(&self) {
        self.psql(Server::First, "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.psql(Server::First, "SELECT pg_reload_conf()");
        until("commits wait for the second one", || {
            (self.psql(Server::First, "SELECT sync_state FROM pg_stat_replication") == "sync").then_some(())
        });
    }

    /// The second one has all that the first one has, and gets nothing more.
    pub(crate) fn part(&self) {
        let newest = self.psql(Server::First, "SELECT pg_current_wal_lsn()");
        let has_it = format!("SELECT pg_last_wal_replay_lsn() >= '{newest}'");
        until("the second one has everything", || (self.psql(Server::Second, &has_it) == "t").then_some(()));
        self.psql(Server::Second, "ALTER SYSTEM SET primary_conninfo = ''");
        self.psql(Server::Second, "SELECT pg_reload_conf()");
        until("it follows no more", || {
            (self.psql(Server::First, "SELECT count(*) FROM pg_stat_replication") == "0").then_some(())
        });
    }

    /// The first one dies as by a power cut.
    pub(crate) fn kill_the_first(&self) {
        let file = self.place(Server::First).join("data/postmaster.pid");
        let pid = first_line(&file);
        let status = Command::new("kill").args(["-QUIT", &pid]).status().expect("kill runs");
        assert!(status.success());
        until("it is gone", || (!file.exists()).then_some(()));
    }

    /// The second one takes its place.
    pub(crate) fn promote_the_second(&self) {
        assert_eq!(self.psql(Server::Second, "SELECT pg_promote()"), "t");
    }
}

fn first_line(file: &Path) -> String {
    fs::read_to_string(file).expect("it runs").lines().next().unwrap_or_default().to_owned()
}
