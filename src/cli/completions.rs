//! `completions SHELL`. The same files are committed in `completions/`; a test keeps them current.
//!
//! What clap makes knows flags and words of the program. Each script is given a few lines more, by which the shell asks the program
//! itself for open calls (`completions --calls -- WORDS`, hidden): whatever is wrong then, nothing is offered and nothing is said, and
//! nothing is made or changed.

use std::path::PathBuf;

use clap::ArgAction;
use clap_complete::Shell;

use crate::config::{self, Mode, Sources};
use crate::store::{self, StoreMode, StoreSettings};

use super::args::command;
use super::exit::ExitStatus;
use super::location::location_of;
use super::output::Output;
use super::report::CliError;

/// What stands where a call is meant.
const CALL: &str = "CALL";

/// Which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(required_unless_present = "calls")]
    shell: Option<Shell>,
    /// Open calls that can stand behind these words of a line
    #[arg(long, hide = true, conflicts_with = "shell")]
    calls: bool,
    #[arg(hide = true, last = true, requires = "calls")]
    words: Vec<String>,
}

pub(crate) async fn run(args: &Args, out: &mut Output) -> Result<ExitStatus, CliError> {
    let Some(shell) = args.shell else {
        for call in open_calls(&args.words).await {
            out.raw(&call);
        }
        return Ok(ExitStatus::Done);
    };
    let mut buffer = Vec::new();
    clap_complete::generate(shell, &mut command(), "dispatchctl", &mut buffer);
    let text =
        String::from_utf8(buffer).map_err(|e| CliError::new(ExitStatus::Bug, "completions are not text").cause(e))?;
    let text = with_calls(shell, text)
        .ok_or_else(|| CliError::new(ExitStatus::Bug, "the completions of this shell are not as they were"))?;
    out.raw(text.trim_end());
    Ok(ExitStatus::Done)
}

/// Behind what the shell's own function has found; a call's id is never read as words of the shell.
const BASH: &str = r#"
_dispatchctl_with_calls() {
    _dispatchctl "$@"
    local cur="${COMP_WORDS[COMP_CWORD]}" call
    [[ "${cur}" == -* ]] && return 0
    while IFS= read -r call; do
        [[ "${call}" == "${cur}"* ]] && COMPREPLY+=("${call}")
    done < <("$1" completions --calls -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)
    return 0
}
"#;
const ZSH: &str = r#"_dispatchctl() {
    local -a typed calls
    typed=("${(@)words[2,CURRENT-1]}")
    local program="${words[1]}" cur="${PREFIX}" ret
    _dispatchctl_of_words "$@"
    ret=$?
    if [[ "${cur}" != -* ]]; then
        calls=("${(@f)$("${program}" completions --calls -- "${typed[@]}" 2>/dev/null)}")
        calls=("${(@)calls:#}")
        (( ${#calls} )) && compadd -a calls && ret=0
    fi
    return ret
}

"#;
const FISH: &str = r#"
complete -c dispatchctl -n "not string match -q -- '-*' (commandline -ct)" -a "(command dispatchctl completions --calls -- (commandline -opc)[2..-1] 2>/dev/null)" -d 'Open call'
"#;
const POWERSHELL: &str = r"    if (-not $wordToComplete.StartsWith('-')) {
        $typed = @($commandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
        $completions += @(& dispatchctl completions --calls '--' @typed 2>$null | ForEach-Object {
            [CompletionResult]::new($_, $_, [CompletionResultType]::ParameterValue, 'Open call')
        })
    }

";

/// The script, which asks for calls too; `None`: it has no place for that any more.
fn with_calls(shell: Shell, text: String) -> Option<String> {
    let insert = |at: &str, more: &str| text.find(at).map(|i| format!("{}{more}{}", &text[..i], &text[i..]));
    match shell {
        Shell::Bash => {
            let known = text.replace("complete -F _dispatchctl ", "complete -F _dispatchctl_with_calls ");
            let at = known.find("\nif [[ \"${BASH_VERSINFO[0]}\"")?;
            (known != text).then(|| format!("{}{BASH}{}", &known[..at], &known[at..]))
        }
        Shell::Zsh => {
            let own = text.replacen("\n_dispatchctl() {", "\n_dispatchctl_of_words() {", 1);
            let at = own.find("if [ \"$funcstack[1]\" = \"_dispatchctl\" ]")?;
            (own != text).then(|| format!("{}{ZSH}{}", &own[..at], &own[at..]))
        }
        Shell::Fish => Some(format!("{text}{FISH}")),
        Shell::PowerShell => insert("    $completions.Where{", POWERSHELL),
        _ => Some(text),
    }
}

/// What is typed before the word that is completed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Typed {
    config: Option<PathBuf>,
    store: Option<String>,
    test_mode: bool,
    /// Whether a call can stand next.
    wants_call: bool,
}

fn typed(words: &[String]) -> Typed {
    let (mut typed, mut at, mut places, mut only_words) = (Typed::default(), command(), 0_usize, false);
    at.build();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            only_words = true;
        } else if let Some(flag) = word.strip_prefix('-').filter(|_| !only_words) {
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            let is_it = |a: &&clap::Arg| match name.strip_prefix('-') {
                Some(long) => a.get_long() == Some(long),
                None => a.get_short().is_some_and(|c| name.ends_with(c)),
            };
            let Some(arg) = at.get_arguments().find(is_it).cloned() else { continue };
            if matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
                let Some(value) = value.or_else(|| words.next().cloned()) else {
                    typed.wants_call = is_call(&arg);
                    return typed;
                };
                match arg.get_id().as_str() {
                    "config" => typed.config = Some(value.into()),
                    "store" => typed.store = Some(value),
                    _ => {}
                }
            } else if arg.get_id() == "test_mode" {
                typed.test_mode = true;
            }
        } else if let Some(sub) = at.find_subcommand(word).filter(|_| !only_words).cloned() {
            (at, places) = (sub, 0);
        } else {
            places += 1;
        }
    }
    typed.wants_call = at.get_positionals().nth(places).is_some_and(is_call);
    typed
}

fn is_call(arg: &clap::Arg) -> bool {
    arg.get_id() == "call" || arg.get_value_names().unwrap_or_default().iter().any(|name| name.as_str() == CALL)
}

/// Open calls, newest first, as far as one can be typed as it is.
async fn open_calls(words: &[String]) -> Vec<String> {
    let typed = typed(words);
    if !typed.wants_call {
        return Vec::new();
    }
    let sources = Sources::from_process(typed.config, typed.store, typed.test_mode, Vec::new());
    let Ok((place, mode)) = config::place(&sources) else { return Vec::new() };
    let mode = if mode == Mode::Test { StoreMode::Test } else { StoreMode::Live };
    let found = store::open_calls(StoreSettings::of(location_of(&place), mode)).await;
    let all = found.unwrap_or_default().into_iter();
    // Whatever a caller has chosen for an id is offered to a shell only if no shell makes anything of it.
    all.map(|(id, reference)| if is_plain(&id) { id } else { reference }).filter(|word| is_plain(word)).collect()
}

fn is_plain(word: &str) -> bool {
    word.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Typed {
        typed(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn calls_stand_where_a_call_is_meant_and_nowhere_else() {
        for line in [
            "status",
            "ack",
            "resolve",
            "cancel",
            "reopen",
            "raise",
            "seen",
            "note",
            "--utc status",
            "-o json status",
            "--store x.db status",
            "status --refresh",
            "log --call",
            "verify-events --call",
            "follow-up run --call",
            "follow-up cancel --call",
            "ack --by kim",
        ] {
            assert!(of(line).wants_call, "{line}");
        }
        for line in [
            "",
            "send",
            "log",
            "status one",
            "ack one",
            "note one",
            "ack --by",
            "doctor",
            "store backup",
            "status --state",
            "no-such",
        ] {
            assert!(!of(line).wants_call, "{line}");
        }
    }

    #[test]
    fn the_configuration_that_is_typed_is_the_one_that_is_read() {
        let typed = of("--config a.toml --store=b.db --test-mode status");
        assert_eq!((typed.config, typed.store, typed.test_mode), (Some("a.toml".into()), Some("b.db".into()), true));
    }

    #[test]
    fn no_shell_makes_anything_of_what_is_offered() {
        for plain in ["call_0190", "test-123", "7K3Q", "a.b"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "",
            "$(reboot)",
            "a b",
            "a;b",
            "-rf",
            "a`b`",
            "a\nb",
            "a:b",
            "ä",
            "*",
            "a$(b)",
            "a${b}",
            "a|b",
            "a&b",
            "a>b",
            "a*",
            "a'b",
            "a\"b",
            "a\\b",
            "a!b",
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }

    #[test]
    fn every_shell_asks_for_calls() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let mut buffer = Vec::new();
            clap_complete::generate(shell, &mut command(), "dispatchctl", &mut buffer);
            let script = with_calls(shell, String::from_utf8(buffer).expect("text")).expect("a place");
            assert!(script.contains("completions --calls"), "{shell}");
        }
    }
}
