//! The command line: the clap tree, one match, and the wiring of what commands share.

mod alert_texts;
mod alerts;
mod app;
mod args;
mod assign;
mod board;
mod breaker;
mod brought;
mod calendars;
mod call_lists;
mod card;
mod completions;
mod config;
mod contacts;
mod credentials;
mod decide;
mod doctor;
#[cfg(feature = "drills")]
mod drills;
#[cfg(not(feature = "drills"))]
#[path = "no_drills.rs"]
mod drills;
mod durations;
mod engine;
mod examples;
mod exit;
mod fault_injection;
mod follow_up;
mod global;
mod init;
mod location;
mod log;
mod manual;
mod night;
mod oncall;
mod open_calls;
mod operator;
mod output;
mod parse;
mod rebuild;
mod recipient;
mod recover;
mod refresh;
mod reload;
mod replica;
mod report;
mod rotation;
mod screen;
mod send;
mod send_dry_run;
mod send_outcome;
mod serve;
mod service_manager;
mod settings_file;
mod settle;
mod signals;
mod sinks;
mod status;
mod status_watch;
mod store;
mod table;
mod timeline;
mod trials;
mod unnotified;
mod verify_events;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::domain::event::Decision;

use app::App;
use args::{Cli, Command};
use exit::ExitStatus;
use output::Output;
use report::CliError;

/// Runs the program with these arguments; its exit code is one of those of the README.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let read = args::command().try_get_matches_from(&args).and_then(|read| Cli::from_arg_matches(&read));
    let cli = match read {
        Ok(cli) => cli,
        Err(e) => {
            #[cfg(not(feature = "drills"))]
            let e = drills::explain(e);
            return usage(&e, &args);
        }
    };
    // Every HTTPS client of this process uses it; a second installation is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let g = &cli.global;
    let mut out = Output::new(g.output, g.quiet, g.color, crate::config::no_color(), g.utc);
    let status = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let result =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(dispatch(cli, &mut out))));
            // Threads that wait for a disk or a name server must not keep a finished command alive.
            runtime.shutdown_timeout(std::time::Duration::from_millis(500));
            match result {
                Ok(result) => result.unwrap_or_else(|e| report::report(&e, &mut out)),
                // The panic's own words are on stderr already.
                Err(_) => ExitStatus::Bug,
            }
        }
        Err(e) => report::report(&CliError::new(ExitStatus::Bug, "the runtime cannot be started").cause(e), &mut out),
    };
    exit_code(out.close(status))
}

/// Clap's own words: help and version on stdout with 0, the rest on stderr with 2; a problem object too where JSON was asked for.
fn usage(e: &clap::Error, args: &[OsString]) -> ExitCode {
    let printed = e.print();
    let mut out =
        Output::new(wants_json(args).then_some(output::Format::Json), false, output::Color::Never, true, true);
    if args.iter().any(|a| a == "--test-mode") {
        out.set_mode("test");
    }
    if e.use_stderr() {
        if out.is_json() {
            report::problem_of_usage(e, &mut out);
        }
        return exit_code(ExitStatus::Usage);
    }
    match printed {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => exit_code(ExitStatus::No),
        _ => ExitCode::SUCCESS,
    }
}

/// Whether a line that clap did not take asks for JSON all the same.
fn wants_json(args: &[OsString]) -> bool {
    let words: Vec<&str> = args.iter().map_while(|a| a.to_str()).take_while(|a| *a != "--").collect();
    let apart = words.windows(2).any(|w| matches!(w, ["-o" | "--output", "json"]));
    apart || words.iter().any(|w| matches!(*w, "-ojson" | "-o=json" | "--output=json"))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    ExitCode::from(u8::try_from(status as i32).unwrap_or(70))
}

async fn dispatch(cli: Cli, out: &mut Output) -> Result<ExitStatus, CliError> {
    // These need no configuration at all.
    match &cli.command {
        Command::Completions(args) => return completions::run(args, out).await,
        Command::Help(asked) => return manual::help(asked, args::command(), out),
        Command::Man(asked) => return manual::man(asked, args::command(), out),
        #[cfg(feature = "drills")]
        Command::Drills(command) => return drills::run(command, &cli.global, out).await,
        _ => {}
    }
    if out.is_html() && !matches!(cli.command, Command::Report(_)) {
        let what = "html is the form of `dispatchctl report` alone";
        return Err(CliError::new(ExitStatus::Usage, what).hint("name another with -o: table, json or csv"));
    }
    let wanted = cli.command.wanted_settings(cli.global.settings);
    let app = App::load(&cli.global, cli.command.usual_log(), cli.command.overrides(), wanted, out).await?;
    if let Some(value) = crate::config::unknown_time_zone().filter(|_| !cli.global.utc && !out.is_json()) {
        out.note(&format!("TZ {value:?} is no time zone that this machine knows: times are shown in UTC"));
    }
    app::check_by(cli.command.by(), &app.config.server.tokens)?;
    match cli.command {
        Command::Send(args) => Box::pin(send::run(args, app, out)).await,
        Command::Serve(args) => Box::pin(serve::run(args, app, out)).await,
        Command::Status(args) => status::run(args, app, out).await,
        Command::Ack(args) => decide::acknowledge(args, &app, out).await,
        Command::Resolve(args) => decide::run(Decision::Resolve, args, &app, out).await,
        Command::Cancel(args) => decide::run(Decision::Cancel, args, &app, out).await,
        Command::Reopen(args) => decide::run(Decision::Reopen, args, &app, out).await,
        Command::Raise(args) => decide::raise(args, &app, out).await,
        Command::Seen(args) => decide::seen(args, &app, out).await,
        Command::Note(args) => decide::note(args, &app, out).await,
        Command::Settle(args) => settle::run(args, &app, out).await,
        Command::Recover(args) => Box::pin(recover::run(args, app, out)).await,
        Command::VerifyEvents(args) => Box::pin(verify_events::run(args, app, out)).await,
        Command::FollowUp(args) => follow_up::run(args, &app, out).await,
        Command::Alerts(args) => Box::pin(alerts::run(args, &app, out)).await,
        Command::Board(args) => board::run(args, &app, out).await,
        Command::Breaker(args) => breaker::run(args, &app, out).await,
        Command::Contacts(args) => contacts::run(args, &app, out).await,
        Command::Oncall(args) => oncall::run(args, &app, out).await,
        Command::Log(args) => log::run(args, &app, out).await,
        Command::Report(args) => night::run(args, &app, out).await,
        Command::Store(args) => store::run(args, &app, out).await,
        Command::Doctor(args) => Box::pin(doctor::run(args, app, out)).await,
        Command::Init(args) => Box::pin(init::run(args, app, out)).await,
        Command::Config(args) => config::run(&args, &app, out).await,
        // Run above.
        Command::Completions(_) | Command::Help(_) | Command::Man(_) => Ok(ExitStatus::Done),
        #[cfg(feature = "drills")]
        Command::Drills(_) => Ok(ExitStatus::Done),
    }
}
