//! What is wrong with the store of a drill at the moment, and what is started under it.

use std::path::Path;
use std::process::Command;

use crate::store::corrupt::{CorruptedPage, Held};

use super::process::Process;

/// How a step says that this machine cannot play it; the rest is why.
pub(super) const SKIPPED: &str = "skipped: ";

/// What is wrong with the store now; ends with the value.
#[derive(Default)]
pub(super) struct Trouble {
    pub(super) backup: Option<Vec<u8>>,
    pub(super) held: Option<Held>,
    pub(super) corrupted: Vec<CorruptedPage>,
    /// What is started from now on has no right to write what its permissions forbid: root's own is taken from it.
    pub(super) obeys: bool,
}

impl Trouble {
    /// Starts a process, see [`Process::start`].
    pub(super) fn start(&self, command: &mut Command, dir: &Path, name: &str) -> Result<Process, String> {
        if !self.obeys {
            return Process::start(command, dir, name);
        }
        // What a thread gives up, its children have not; the thread ends here.
        std::thread::scope(|scope| {
            let started = scope.spawn(|| {
                give_up_override()?;
                Process::start(command, dir, name)
            });
            started.join().unwrap_or_else(|_| Err("the thread that starts it has ended".into()))
        })
    }
}

/// Root may write whatever it likes: what this thread starts may not. Nothing to do for others.
#[cfg(target_os = "linux")]
fn give_up_override() -> Result<(), String> {
    use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    remove_capability_from_bounding_set(CapabilitySet::DAC_OVERRIDE)
        .map_err(|e| format!("{SKIPPED}root may write any file, and that right cannot be given up here ({e})"))
}

#[cfg(not(target_os = "linux"))]
fn give_up_override() -> Result<(), String> {
    if rustix::process::geteuid().is_root() {
        return Err(format!("{SKIPPED}root may write any file: run the drills as another user"));
    }
    Ok(())
}
