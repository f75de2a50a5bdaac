//! `status --watch`: the whole screen on a terminal, the changed lines elsewhere. A terminal of its own is made by `script`
//! (Debian's package bsdutils).

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use crate::support::process::report;
use crate::support::stage::Stage;
use crate::support::wait::until;

/// The whole screen begins, and ends.
const SECOND_SCREEN: &str = "\u{1b}[?1049h";
const FIRST_SCREEN: &str = "\u{1b}[?1049l";

/// A command on a terminal this wide; `None`, said aloud: there is no `script` here.
fn on_a_terminal(stage: &Stage, columns: u16, args: &[&str]) -> Option<Child> {
    let inner = stage.shop.command(&[&["--utc"], args].concat());
    let words: Vec<String> = std::iter::once(inner.get_program())
        .chain(inner.get_args())
        .map(|w| format!("'{}'", w.to_string_lossy()))
        .collect();
    let line = format!("stty cols {columns} rows 24; {}; echo \"ended with $?\"", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qefc", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    script
        .current_dir(stage.shop.path(""))
        .env_clear()
        .env("TERM", "xterm")
        .env("PATH", "/usr/bin:/bin")
        .env("SHELL", "/bin/sh");
    for (name, value) in inner.get_envs() {
        if let (Some(value), true) = (value, name != "PATH") {
            script.env(name, value);
        }
    }
    match script.spawn() {
        Ok(child) => Some(child),
        Err(_) => {
            report("left out: script is not installed (Debian's package bsdutils)");
            None
        }
    }
}

/// Whether these words were drawn: a screen that changes little skips over spaces by moving its cursor.
fn shows(drawn: &str, words: &str) -> bool {
    if words.contains('\x1b') {
        return drawn.contains(words);
    }
    let mut plain = String::new();
    let mut chars = drawn.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            // A sequence ends with its letter.
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else if !c.is_whitespace() {
            plain.push(c);
        }
    }
    plain.contains(&words.split_whitespace().collect::<String>())
}

/// What a process writes, as it comes.
fn collected(child: &mut Child) -> std::sync::Arc<std::sync::Mutex<String>> {
    let mut from = child.stdout.take().expect("piped");
    let text = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let into = text.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            into.lock().expect("not poisoned").push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    });
    text
}

#[test]
fn the_screen_shows_takes_notes_and_gives_the_terminal_back() {
    let stage = Stage::new("");
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 1);
    for columns in [40, 80, 140] {
        let Some(mut child) = on_a_terminal(&stage, columns, &["status", "--watch"]) else { return };
        let seen = collected(&mut child);
        let mut keys = child.stdin.take().expect("piped");
        let has = |words: &str| shows(&seen.lock().expect("not poisoned"), words).then_some(());
        until("the screen", || has("TEST MODE").and(has("DISPATCHING").or(has("ACKNOWLEDGED"))).and(has("q quit")));
        if columns == 80 {
            keys.write_all(b"nquay b\r").expect("typed");
            until("the note is written", || has("the note stands in its story"));
            keys.write_all(b"ay").expect("typed");
            stage.until_call("c1", "is taken", |c| c["status"] == "ACKNOWLEDGED");
        }
        keys.write_all(b"q").expect("typed");
        until("its end", || has("ended with 0"));
        let text = seen.lock().expect("not poisoned").clone();
        assert!(
            text.contains(SECOND_SCREEN) && text.rfind(FIRST_SCREEN) > text.rfind(SECOND_SCREEN),
            "{columns}: {text:?}"
        );
        child.wait().expect("ended");
    }
    let story = stage.call("c1").to_string();
    assert!(story.contains("quay b"), "{story}");
    drop(serve);
}

#[test]
fn ctrl_c_and_sigterm_give_the_terminal_back() {
    let stage = Stage::new("");
    stage.shop.expect(0, &["send", "--issue", "Leak", "--call-id", "c1", "--wait", "none"]);
    for (label, end) in [("Ctrl-C", None), ("SIGTERM", Some("TERM"))] {
        let Some(mut child) = on_a_terminal(&stage, 80, &["status", "--watch"]) else { return };
        let seen = collected(&mut child);
        let mut keys = child.stdin.take().expect("piped");
        let has = |words: &str| shows(&seen.lock().expect("not poisoned"), words).then_some(());
        until("the screen", || has("q quit"));
        match end {
            None => keys.write_all(&[3]).expect("typed"),
            Some(signal) => {
                let id = child.id().to_string();
                // The program is the child of the shell that `script` started.
                let below = format!("for s in $(pgrep -P {id}); do pgrep -P $s; done");
                let found = Command::new("sh").args(["-c", &below]).output().expect("pgrep runs");
                let pid = String::from_utf8_lossy(&found.stdout).trim().to_owned();
                assert!(!pid.is_empty(), "{label}: no program");
                let sent =
                    Command::new("kill").args([&format!("-{signal}"), pid.as_str()]).status().expect("kill runs");
                assert!(sent.success(), "{label}");
            }
        }
        until(&format!("{label}: its end"), || has("ended with 130"));
        let text = seen.lock().expect("not poisoned").clone();
        assert!(text.rfind(FIRST_SCREEN) > text.rfind(SECOND_SCREEN), "{label}: {text:?}");
        child.wait().expect("ended");
    }
}

#[test]
fn on_a_terminal_of_80_columns_no_line_is_wider() {
    let stage = Stage::new("");
    for call in ["c1", "c2"] {
        let issue = "Water through the kitchen ceiling of the flat below, nobody can find the stop valve";
        stage.shop.expect(0, &["send", "--issue", issue, "--call-id", call, "--wait", "none"]);
    }
    for args in [
        &["status"][..],
        &["status", "c1"],
        &["follow-up", "list"],
        &["breaker", "list"],
        &["alerts"],
        &["contacts", "list"],
        &["doctor"],
    ] {
        let Some(mut child) = on_a_terminal(&stage, 80, &[&["--quiet"], args].concat()) else { return };
        let seen = collected(&mut child);
        let all = || seen.lock().expect("not poisoned").clone();
        until(&format!("{args:?}: its end"), || all().contains("ended with").then_some(()));
        child.wait().expect("ended");
        for line in all().lines() {
            // Nothing breaks a word, such as the path of the store.
            let has_long_word = line.split_whitespace().any(|w| console::measure_text_width(w) > 44);
            assert!(console::measure_text_width(line) <= 80 || has_long_word, "{args:?}: {line:?}\n{}", all());
        }
    }
}

#[test]
fn elsewhere_only_the_lines_that_changed_are_written() {
    let stage = Stage::new("");
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 1);
    let watch = stage.start(&["status", "--watch"]);
    until("the overview", || watch.stdout().contains("open calls 1").then_some(()));
    stage.dispatch("c2", "normal");
    until("what has changed", || watch.stdout().contains("open calls 2").then_some(()));
    let text = watch.stdout();
    let engine = text.lines().filter(|l| l.starts_with("engine: ")).count();
    assert_eq!(engine, 1, "what did not change is said once: {text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    watch.kill();
    drop(serve);
}
