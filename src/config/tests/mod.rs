//! Configuration as an operator meets it: files and variables in, settings or a list of problems out.

mod broken;
mod extremes;
mod layers;
mod limits;
mod maps;
mod mode;
mod quiet;
mod rotations;
mod secret;
mod voice;

use std::path::{Path, PathBuf};

use super::*;

/// A working directory of its own; nothing of the machine's environment counts.
struct Bench {
    dir: tempfile::TempDir,
    sources: Sources,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let sources = Sources {
            cwd: dir.path().to_owned(),
            system_config: dir.path().join("etc/config.toml"),
            env: vec![("HOME".into(), dir.path().join("home").display().to_string())],
            ..Sources::default()
        };
        Self { dir, sources }
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("directories");
        std::fs::write(path, text).expect("file");
        self
    }

    fn toml(self, text: &str) -> Self {
        self.file("dispatchctl.toml", text)
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.env.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.push((key.into(), value.into()));
        self
    }

    fn test_mode(mut self) -> Self {
        self.sources.flag_test_mode = true;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn load(&self) -> Config {
        load(&self.sources).unwrap_or_else(|e| panic!("{e}"))
    }

    fn errors(&self) -> String {
        load(&self.sources).err().map(|e| e.to_string()).unwrap_or_default()
    }
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config").join(name);
    std::fs::read_to_string(path).expect("fixture")
}

/// The least that a live provider needs.
const TWILIO: &str = "[twilio]\naccount_sid = \"AC00000000000000000000000000000001\"\nauth_token = \"hush-auth\"\nfrom = \"+15005550006\"\n";
