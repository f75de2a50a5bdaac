//! The committed completion files are those of the binary.

use std::path::Path;
use std::process::Command;

use dispatchctl::testkit::Stopwatch;

use crate::support::Shop;
use crate::support::process::report;

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

/// Files of a directory with what they hold.
fn files(shop: &Shop) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(shop.path(""))
        .expect("listed")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.is_file())
        .map(|p| (p.clone(), std::fs::read(&p).expect("read")))
        .collect();
    all.sort();
    all
}

fn calls(shop: &Shop, line: &[&str]) -> String {
    let run = shop.run_as_is(&[&["completions", "--calls", "--"], line].concat());
    assert!(run.code == 0 && run.stderr.is_empty(), "{line:?}: {run:?}");
    run.stdout
}

#[test]
fn open_calls_are_offered_where_a_call_is_meant_and_nothing_is_made_or_said() {
    let shop = Shop::new();
    let store = shop.store();
    let here = ["--test-mode", "--store", store.as_str()];
    let ask = |line: &[&str]| calls(&shop, &[&here, line].concat());
    assert_eq!(ask(&["status"]), "", "there is no store");
    assert!(!shop.path("shop.db").exists(), "and none is made");
    shop.send("over", &["--wait", "none"]);
    shop.expect(0, &["resolve", "over"]);
    shop.send("open-1", &["--wait", "none"]);
    shop.send("$(reboot)", &["--wait", "none"]);
    let before = files(&shop);
    let offered = ask(&["status"]);
    let offered: Vec<&str> = offered.lines().collect();
    assert!(offered.contains(&"open-1") && !offered.contains(&"over"), "{offered:?}");
    assert!(offered.len() == 2 && offered.iter().all(|o| !o.contains('$')), "the other by its reference: {offered:?}");
    for line in [&["ack"][..], &["log", "--call"], &["follow-up", "run", "--call"]] {
        assert!(ask(line).contains("open-1"), "{line:?}");
    }
    for line in [&["send"][..], &["status", "open-1"], &["doctor"]] {
        assert_eq!(ask(line), "", "{line:?}");
    }
    let watch = Stopwatch::start();
    for _ in 0..10 {
        ask(&["status"]);
    }
    let each = watch.passed() / 10;
    report(&format!("a completion takes {} ms", each.as_millis()));
    assert!(each < std::time::Duration::from_millis(1_000), "{each:?}: nobody waits so long for a word");
    assert_eq!(files(&shop), before, "nothing is made or changed");
    // Whatever is wrong is nobody's matter who types.
    shop.write_config("this is no configuration");
    assert_eq!(calls(&shop, &["status"]), "");
    std::fs::write(shop.path("shop.db"), "no database").expect("written");
    assert_eq!(ask(&["status"]), "");
    for line in [&["--config"][..], &["--store"], &["--no-such", "status"], &["--", "status"]] {
        calls(&shop, line);
    }
}

/// Another program where the shop's commands run, and with what they are given.
fn as_in(shop: &Shop, mut program: Command) -> Command {
    let like = shop.command(&[]);
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => program.env(name, value),
            None => program.env_remove(name),
        };
    }
    if let Some(dir) = like.get_current_dir() {
        program.current_dir(dir);
    }
    program
}

/// How long a shell may take, in seconds: one that waits for what never comes fails.
const SHELL_WITHIN: &str = "60";

/// This shell in a directory where the binary of this build is found; `None`: the machine has no such shell.
fn shell(shop: &Shop, name: &str, args: &[&str]) -> Option<String> {
    let bin = shop.path("bin");
    std::fs::create_dir_all(&bin).expect("made");
    let link = bin.join("dispatchctl");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_dispatchctl"), &link).expect("linked");
    }
    let mut program = as_in(shop, Command::new("timeout"));
    let others = std::env::var("PATH").unwrap_or_default();
    program.args(["-k", "5", SHELL_WITHIN, name]).args(args);
    program.env("PATH", format!("{}:{others}", bin.display())).env("TERM", "dumb");
    let out = program.output().expect("timeout runs");
    match out.status.code() {
        Some(124 | 137) | None => panic!("{name} took longer than {SHELL_WITHIN} s: {out:?}"),
        Some(127) if out.stderr.starts_with(b"timeout:") => {
            report(&format!("{name} is not installed: what it offers is not looked at"));
            None
        }
        _ => Some(String::from_utf8_lossy(&out.stdout).into_owned()),
    }
}

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(name).display().to_string()
}

#[test]
fn fish_completes_a_call() {
    let shop = Shop::new();
    shop.send("open-1", &["--wait", "none"]);
    shop.send("other", &["--wait", "none"]);
    let (script, store) = (script("dispatchctl.fish"), shop.store());
    for (typed, offered, not) in [("op", "open-1", "other"), ("--wa", "--watch", "open-1")] {
        let line = format!("source {script}; complete -C 'dispatchctl --test-mode --store {store} status {typed}'");
        let Some(found) = shell(&shop, "fish", &["-N", "-c", &line]) else { return };
        let words: Vec<&str> = found.lines().filter_map(|l| l.split('\t').next()).collect();
        assert!(words.contains(&offered) && !words.contains(&not), "{typed:?}: {found:?}");
    }
}

/// A shell in a terminal of its own, in which the word is completed and what stands there then is printed.
#[test]
fn zsh_completes_a_call() {
    let shop = Shop::new();
    shop.send("open-1", &["--wait", "none"]);
    shop.send("other", &["--wait", "none"]);
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let (dir, dump, store) = (dir.display(), shop.path("zcompdump"), shop.store());
    for (typed, offered) in [("op", "open-1"), ("--wa", "--watch")] {
        let line = format!(
            r#"zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; fpath=({dir} \$fpath); autoload -Uz compinit; compinit -u -d {}; show() {{ print -r -- \"<<\$BUFFER>>\"; zle kill-buffer }}; zle -N show; bindkey '^X' show; bindkey '^I' complete-word"
zpty -n -w z "dispatchctl --test-mode --store {store} status {typed}"$'\t\x18'
zpty -r -m z out '*\<\<dispatchctl*>>*'
print -r -- "$out"
"#,
            dump.display()
        );
        let Some(found) = shell(&shop, "zsh", &["-f", "-c", &line]) else { return };
        let wanted = format!("<<dispatchctl --test-mode --store {store} status {offered} >>");
        assert!(found.contains(&wanted), "{typed:?}: {found:?}");
    }
}

#[test]
fn bash_completes_a_call() {
    let shop = Shop::new();
    shop.send("open-1", &["--wait", "none"]);
    shop.send("other", &["--wait", "none"]);
    let script = script("dispatchctl.bash");
    let typed = |words: &str, at: usize| {
        let line = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={at}; _dispatchctl_with_calls {} \"${{COMP_WORDS[{at}]}}\" \"\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script,
            env!("CARGO_BIN_EXE_dispatchctl")
        );
        let mut bash = as_in(&shop, Command::new("bash"));
        bash.args(["-c", &line]);
        let out = bash.output().expect("bash");
        assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (store, program) = (shop.store(), env!("CARGO_BIN_EXE_dispatchctl"));
    let found = typed(&format!("{program} --test-mode --store {store} status op"), 5);
    assert!(found.contains(&"open-1".to_owned()) && !found.contains(&"other".to_owned()), "{found:?}");
    let found = typed(&format!("{program} --test-mode --store {store} status --wa"), 5);
    assert!(found.contains(&"--watch".to_owned()) && !found.contains(&"open-1".to_owned()), "{found:?}");
}
