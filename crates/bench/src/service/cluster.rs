//! A throw-away PostgreSQL cluster: PostgreSQL's own defaults, reached through a socket only.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

use crate::Failure;

/// Where Debian and its like put the programs of every major version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// PostgreSQL refuses to run as root; Debian's package makes this account.
const ACCOUNT: &str = "postgres";
const MISSING: &str = "PostgreSQL's programs (initdb, pg_ctl) were not found in /usr/lib/postgresql/*/bin or on the \
                       PATH: install them with apt-get install postgresql";

/// A running cluster; stopped when dropped, and removed with the directory of the run.
pub(crate) struct Cluster {
    programs: PathBuf,
    data: PathBuf,
    /// In the system's directory for such files: a socket's path has to stay below 107 bytes.
    socket: TempDir,
}

impl Cluster {
    /// Makes and starts a cluster within the directory of a run.
    pub(crate) fn start(run: &Path) -> Result<Self, Failure> {
        let programs = programs()?;
        let place = run.join("postgres");
        fs::create_dir(&place)?;
        let socket = tempfile::Builder::new().prefix("pg").tempdir()?;
        if is_root() {
            // The account has to reach its directory; only names can be read on the way.
            fs::set_permissions(run, fs::Permissions::from_mode(0o711))?;
            for directory in [&place, socket.path()] {
                run_quietly(Command::new("chown").arg(ACCOUNT).arg(directory))?;
            }
        }
        let data = place.join("data");
        let cluster = Self { programs, data, socket };
        let mut initdb = cluster.program("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--pgdata"]);
        run_quietly(initdb.arg(&cluster.data))?;
        let socket = cluster.socket.path().display();
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{socket}'");
        let mut start = cluster.program("pg_ctl");
        start.args(["start", "--wait", "--timeout=120", "--options"]).arg(options);
        start.arg("--log").arg(place.join("log")).arg("--pgdata").arg(&cluster.data);
        run_quietly(&mut start)?;
        Ok(cluster)
    }

    /// A connection of its own.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let mut config = Config::new();
        config.host_path(self.socket.path()).user("postgres").dbname("postgres");
        let (client, connection) = config.connect(NoTls).await?;
        // How it ends is told to whoever waits for an answer.
        tokio::spawn(connection);
        Ok(client)
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={ACCOUNT}"), format!("--regid={ACCOUNT}")]);
            command.arg("--clear-groups").arg(program);
            command
        } else {
            Command::new(program)
        };
        // The account may not look into the directory that the benchmark was started in.
        command.current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "--wait", "--mode=immediate", "--pgdata"]).arg(&self.data);
        // A cluster that did not start is not there to stop.
        let _ = run_quietly(&mut stop);
    }
}

/// The directory of the newest version's programs.
fn programs() -> Result<PathBuf, Failure> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .filter(|(_, directory)| is_complete(directory))
        .collect();
    found.sort_unstable();
    if let Some((_, newest)) = found.pop() {
        return Ok(newest);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directory = std::env::split_paths(&path).find(|directory| is_complete(directory));
    directory.ok_or_else(|| MISSING.into())
}

fn is_complete(directory: &Path) -> bool {
    ["initdb", "pg_ctl"].iter().all(|program| directory.join(program).is_file())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Its output is read only where it fails: `pg_ctl start` leaves a server that keeps an inherited pipe open, so it goes to
/// a file.
fn run_quietly(command: &mut Command) -> Result<(), Failure> {
    let output = tempfile::NamedTempFile::new()?;
    let status = command.stdout(output.reopen()?).stderr(output.reopen()?).status();
    let name = command.get_program().to_string_lossy().into_owned();
    let status = status.map_err(|error| format!("cannot start {name}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read_to_string(output.path())?;
    Err(format!("{command:?} ended with {status}:\n{said}").into())
}
