//! What is written beside the configuration on demand: a unit for systemd, a container's file, rules and a dashboard for Prometheus.

use std::path::{Path, PathBuf};

const UNIT: &str = include_str!("files/dispatchctl.service");
const CONTAINER: &str = include_str!("files/Containerfile");
const RULES: &str = include_str!("files/dispatchctl.rules.yml");
const DASHBOARD: &str = include_str!("files/dispatchctl.dashboard.json");
/// Where the unit says that the program is.
const PROGRAM: &str = "@program@";
/// Where the files name the configuration that is to be installed, and the file of its token.
const CONFIG: &str = "@config@";
const TOKEN: &str = "@token@";

/// Which of them.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Extras {
    /// Write dispatchctl.service, a hardened unit for systemd, beside it
    #[arg(long)]
    systemd: bool,
    /// Write a Containerfile beside it
    #[arg(long)]
    container: bool,
    /// Write alert rules for Prometheus and a dashboard for Grafana beside it
    #[arg(long)]
    prometheus: bool,
}

/// What the configuration and the file of its token are named.
pub(super) struct Names {
    pub(super) config: String,
    /// `None`: the configuration that is there names none that was written.
    pub(super) token: Option<String>,
}

/// One file to be written.
pub(super) struct ExtraFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Extras {
    pub(super) fn any(self) -> bool {
        self.systemd || self.container || self.prometheus
    }

    /// In this directory; `program`: where the unit finds it.
    pub(super) fn files(self, directory: &Path, program: &Path, names: &Names) -> Vec<ExtraFile> {
        let file = |name: &str, text: String| {
            let lines = text.lines().filter(|line| names.token.is_some() || !line.contains(TOKEN));
            let text: String = lines.flat_map(|line| [line, "\n"]).collect();
            let token = names.token.as_deref().unwrap_or_default();
            ExtraFile { path: directory.join(name), text: text.replace(CONFIG, &names.config).replace(TOKEN, token) }
        };
        let mut all = Vec::new();
        if self.systemd {
            all.push(file("dispatchctl.service", UNIT.replace(PROGRAM, &escaped(program))));
        }
        if self.container {
            all.push(file("Containerfile", CONTAINER.to_owned()));
        }
        if self.prometheus {
            all.push(file("dispatchctl.rules.yml", RULES.to_owned()));
            all.push(file("dispatchctl.dashboard.json", DASHBOARD.to_owned()));
        }
        all
    }
}

/// As `ExecStart=` takes it: a percent sign begins a specifier there, and a space ends the path (`man systemd.service`).
fn escaped(program: &Path) -> String {
    let path = program.display().to_string().replace('%', "%%");
    if path.contains(char::is_whitespace) { format!("\"{path}\"") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_names_the_program_as_systemd_reads_it() {
        for (path, want) in [
            ("/usr/local/bin/dispatchctl", "/usr/local/bin/dispatchctl"),
            ("/opt/our tools/dispatchctl", "\"/opt/our tools/dispatchctl\""),
            ("/opt/100%/dispatchctl", "/opt/100%%/dispatchctl"),
        ] {
            let all = Extras { systemd: true, container: false, prometheus: false };
            let names = Names { config: "shop.toml".into(), token: Some("shop.token".into()) };
            let files = all.files(Path::new("here"), Path::new(path), &names);
            let text = &files[0].text;
            for installed in [
                "dispatchctl shop.toml /etc/dispatchctl/config.toml",
                "dispatchctl shop.token /etc/dispatchctl/shop.token",
            ] {
                assert!(text.contains(installed), "{installed}: {text}");
            }
            assert!(text.contains(&format!("ExecStart={want} --config")), "{text}");
            assert!(!text.contains(PROGRAM), "{text}");
        }
    }

    #[test]
    fn without_a_file_of_the_token_no_step_names_one() {
        let all = Extras { systemd: true, container: true, prometheus: false };
        let files =
            all.files(Path::new("here"), Path::new("/bin/d"), &Names { config: "shop.toml".into(), token: None });
        assert_eq!(files.len(), 2);
        for file in files {
            assert!(!file.text.contains(TOKEN) && !file.text.contains("token_file"), "{}", file.text);
            assert!(file.text.contains("shop.toml"), "{}", file.text);
        }
    }

    #[test]
    fn the_dashboard_is_json_with_a_place_for_every_panel() {
        let board: serde_json::Value = serde_json::from_str(DASHBOARD).expect("JSON");
        let panels = board["panels"].as_array().expect("panels");
        let places: std::collections::BTreeSet<_> =
            panels.iter().map(|p| (p["gridPos"]["x"].as_u64(), p["gridPos"]["y"].as_u64())).collect();
        assert!(panels.len() > 10 && places.len() == panels.len());
    }
}
