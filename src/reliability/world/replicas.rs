//! What a storm over several replicas needs of its world.

use std::net::SocketAddr;
use std::path::Path;

use super::World;
use crate::reliability::process::Process;
use crate::store::ServerSocket;

impl World {
    /// Where the server of the store listens.
    ///
    /// # Errors
    /// The store is in a file.
    pub(in crate::reliability) fn server(&self) -> Result<ServerSocket, String> {
        let schema = self.schema.as_ref().ok_or("several replicas need a store on a server: --store postgres://...")?;
        schema.server().map_err(|e| e.to_string())
    }

    /// The directory of the drill.
    pub(in crate::reliability) fn dir(&self) -> &Path {
        self.drill_dir.path()
    }

    /// A replica that listens there and reaches the server by the socket in this directory.
    pub(in crate::reliability) fn start_replica(
        &mut self,
        at: SocketAddr,
        way: &Path,
        name: &str,
    ) -> Result<Process, String> {
        let schema = self.schema.as_ref().ok_or("the store is in a file")?;
        let store = schema.argument_by(way).map_err(|e| e.to_string())?;
        // What each says of its terms and requests is compared in the end.
        let args = ["-v", "-o", "json", "serve", "--listen", &at.to_string()].map(str::to_owned);
        let mut command = self.command_on(&store, &args);
        command.envs(self.armed_faults.environment());
        self.logs.push(self.drill_dir.path().join(format!("{name}.err")));
        Process::start(&mut command, self.drill_dir.path(), name)
    }

    /// What each replica has said, by its name and all its starts.
    pub(in crate::reliability) fn logs(&self) -> Vec<(String, String)> {
        let said = |path: &std::path::PathBuf| {
            let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            let bytes = std::fs::read(path).unwrap_or_default();
            (name, String::from_utf8_lossy(&bytes).into_owned())
        };
        self.logs.iter().map(said).collect()
    }

    /// From now on this process is the one that is asked.
    pub(in crate::reliability) fn asks(&mut self, process: Process, at: SocketAddr) {
        self.engine = Some(process);
        self.at = at;
    }
}
