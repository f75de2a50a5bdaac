//! The committed completion files are those of the binary.

use std::path::Path;
use std::process::Command;

#[test]
fn committed_completions_are_current() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, file) in [
        ("bash", "dispatchctl.bash"),
        ("zsh", "_dispatchctl"),
        ("fish", "dispatchctl.fish"),
        ("powershell", "_dispatchctl.ps1"),
    ] {
        let out = Command::new(env!("CARGO_BIN_EXE_dispatchctl")).args(["completions", shell]).output().expect("runs");
        assert!(out.status.success(), "{shell}");
        let made = String::from_utf8(out.stdout).expect("text");
        let kept = std::fs::read_to_string(dir.join(file)).unwrap_or_default();
        assert!(made == kept, "completions/{file} is stale: `dispatchctl completions {shell} > completions/{file}`");
    }
}
