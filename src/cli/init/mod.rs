//! `init`: a commented configuration, made for the shop's own base where it has one. It reads schema and rows of the base and
//! changes nothing there; it writes new files, never over another, and says what it could not map and what is to be added. The token
//! of the API has a file of its own: the store keeps the paths of secrets and no secret, so that `serve` starts under the settings
//! in force where the configuration cannot be read.

mod files;
mod survey;
mod text;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::config::{self, Airtable, Config};
use crate::domain::team::{Directory, Line, OWNER, TeamEntry, TeamRole};
use crate::domain::types::Role;
use crate::engine::synced_contacts::merge::merge;
use crate::engine::synced_contacts::{ContactSource, EVERY};
use crate::gateways::MirrorError;
use crate::gateways::mirror::{Refusal, RefusalScope};
use crate::ids;

use super::app::App;
use super::exit::ExitStatus;
use super::output::{Output, spinner};
use super::report::CliError;
use files::ExtraFile;
use survey::{Learned, Survey};
use text::Ladder;

/// Where the file goes and what is read for it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read the shop's own base (AIRTABLE_API_KEY and AIRTABLE_BASE_ID, also from .env) and make the maps for it
    #[arg(long)]
    from_airtable: bool,
    /// The ladder: `default`, or `previous`, that of the system whose base this was
    #[arg(long, value_name = "WHICH", default_value = "default")]
    ladder: Ladder,
    /// Where the configuration is written
    #[arg(long, value_name = "PATH", default_value = "dispatchctl.toml")]
    out: PathBuf,
    #[command(flatten)]
    extras: files::Extras,
}

impl Args {
    /// A base is meant, whatever this shell says of one: what is missing is named.
    pub(crate) fn overrides(&self) -> Vec<(String, String)> {
        let base = ("airtable.mirror".to_owned(), "realtime".to_owned());
        if self.from_airtable { vec![base] } else { Vec::new() }
    }
}

pub(crate) async fn run(args: Args, mut app: App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    let token_file = token_file(&args.out);
    let extras = extra_files(&args, &token_file)?;
    if let Some(file) = extras.iter().find(|file| is_there(&file.path)) {
        return Err(exists(&file.path));
    }
    if is_there(&args.out) {
        if extras.is_empty() || args.from_airtable {
            return Err(exists(&args.out));
        }
        out.note(&format!("{} is there already and was not touched", args.out.display()));
        for file in &extras {
            create(&file.path, &file.text, 0o644)?;
        }
        show_extras(&extras, out);
        return Ok(ExitStatus::Done);
    }
    if is_there(&token_file) {
        return Err(exists(&token_file));
    }
    let learned = if args.from_airtable {
        let sandbox = app.sandbox_if_needed(out).await?;
        let learned = learn(&app, out).await;
        if let Some(sandbox) = sandbox {
            sandbox.shutdown().await;
        }
        Some(learned?)
    } else {
        None
    };
    let written = text::configuration(learned.as_ref(), args.ladder, &name_of(&token_file));
    create(&token_file, &format!("{}\n", ids::secret()), 0o600)?;
    if let Err(wrong) = create(&args.out, &written, 0o600) {
        // A token that no configuration names would keep the next `init` from its work.
        let _ = std::fs::remove_file(&token_file);
        return Err(wrong);
    }
    for file in &extras {
        create(&file.path, &file.text, 0o644)?;
    }
    // What was just written is read as `serve` will read it: a file of ours that is refused would be a bug of ours.
    let mut sources = app.sources.clone();
    sources.flag_config = Some(args.out.clone());
    if let Err(wrong) = config::load(&sources) {
        return Err(CliError::new(ExitStatus::Bug, format!("{} was written and cannot be used", args.out.display()))
            .cause(wrong));
    }
    show(&Written { config: &args.out, token: &token_file }, learned.as_ref(), &extras, out);
    Ok(ExitStatus::Done)
}

/// The two files of a new configuration.
struct Written<'a> {
    config: &'a Path,
    token: &'a Path,
}

/// The file of the intake's token: beside the configuration and named as it is, as a relative path is meant from there.
fn token_file(config: &Path) -> PathBuf {
    let path = config.with_extension("token");
    if path == config { config.with_extension("token.token") } else { path }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is wanted besides; the unit starts this very program.
fn extra_files(args: &Args, token_file: &Path) -> Result<Vec<ExtraFile>, CliError> {
    if !args.extras.any() {
        return Ok(Vec::new());
    }
    let program = std::env::current_exe()
        .map_err(|e| CliError::new(ExitStatus::Bug, "it is not known where this program is").cause(e))?;
    let directory = args.out.parent().unwrap_or(Path::new(""));
    // Beside a configuration that was there before, none is written.
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    let has_token = !is_there(&args.out) || is_there(token_file);
    let names = files::Names { config: name_of(&args.out), token: has_token.then(|| name_of(token_file)) };
    Ok(args.extras.files(directory, &program, &names))
}

fn show_extras(extras: &[ExtraFile], out: &mut Output) {
    let names: Vec<String> = extras.iter().map(|file| file.path.display().to_string()).collect();
    if out.is_json() {
        out.document(&json!({ "file": null, "extras": names }));
        return;
    }
    for name in names {
        out.line(&format!("Wrote {name}; see how to use it at its top."));
    }
}

fn exists(path: &Path) -> CliError {
    CliError::new(ExitStatus::Usage, format!("{} is there already and was not touched", path.display()))
        .hint("name another place with --out, or move it away")
}

fn create(path: &Path, text: &str, mode: u32) -> Result<(), CliError> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = made.and_then(|mut file| {
        let whole = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        whole.inspect_err(|_| {
            // Half a file would keep the next `init` from its work.
            let _ = std::fs::remove_file(path);
        })
    });
    match written {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(e) => Err(CliError::new(ExitStatus::Usage, format!("{} cannot be written", path.display())).cause(e)),
    }
}

/// Reads the base: its schema first, which says what it is, then the rows of people and businesses.
async fn learn(app: &App, out: &Output) -> Result<Learned, CliError> {
    let Some(mirror) = app.mirror()? else {
        return Err(
            CliError::new(ExitStatus::Usage, "no base is named").hint("set AIRTABLE_API_KEY and AIRTABLE_BASE_ID")
        );
    };
    let bar = spinner(out, "reading the base");
    let tables = mirror.tables().await.map_err(|e| failed(e, "the tables of the base"))?;
    let survey = Survey::of(&tables, &candidates(app)?);
    let mut learned = Learned { survey, ..Learned::default() };
    let config = under(app, &learned.survey)?;
    if let Some(source) = config.airtable.as_ref().and_then(|a| ContactSource::of(a, EVERY)) {
        let listed = source.list(&*mirror).await.map_err(|e| failed(e, "the rows of the roster"))?;
        let (reading, lines) = listed.read(&config.directory, None);
        learned.survey.add.extend(listed.lacks.iter().cloned());
        let merged = merge(&config.directory, &reading.contacts, &lines);
        let wrong = reading.wrong.iter().chain(&merged.wrong);
        learned.rows = wrong.map(|w| format!("{}: {}", w.row(), w.why)).collect();
        learned.owners = owners(&merged.directory);
        learned.lines = merged.directory.lines.iter().map(|l| line_shown(&merged.directory, l)).collect();
        if learned.lines.is_empty() {
            learned.lines = vec![line_shown(&merged.directory, &merged.directory.default_line)];
        }
        learned.contacts = merged.directory.contacts.len();
    }
    bar.finish_and_clear();
    Ok(learned)
}

/// The settings of this shell with each preset, and with none.
fn candidates(app: &App) -> Result<Vec<(Option<&'static str>, Airtable)>, CliError> {
    let mut all = Vec::new();
    for preset in std::iter::once(None).chain(config::preset_names().map(Some)) {
        let flags = preset.map(|name| ("airtable.preset".to_owned(), name.to_owned()));
        if let Some(airtable) = loaded(app, flags.into_iter().collect())?.airtable {
            all.push((preset, airtable));
        }
    }
    Ok(all)
}

/// The settings of this shell under what the survey found.
fn under(app: &App, survey: &Survey) -> Result<Config, CliError> {
    let flag = |key: &str, value: &Option<String>| value.clone().map(|v| (format!("airtable.{key}"), v));
    let preset = survey.preset.map(str::to_owned);
    let (contacts, businesses) = (&survey.contacts, &survey.businesses);
    let flags = [flag("preset", &preset), flag("tables.contacts", contacts), flag("tables.businesses", businesses)];
    loaded(app, flags.into_iter().flatten().collect())
}

fn loaded(app: &App, flags: Vec<(String, String)>) -> Result<Config, CliError> {
    let mut sources = app.sources.clone();
    sources.flags.extend(flags);
    let mut config = config::load(&sources)?;
    config.point_at_sandbox(app.config.sandbox_listen);
    Ok(config)
}

/// Those who answer for the night: everybody who is an owner somewhere, whoever is on duty or on leave just now.
fn owners(directory: &Directory) -> Vec<String> {
    let is_owner = |role: &Role| role.as_str().eq_ignore_ascii_case(OWNER);
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    let of_teams = lines.filter_map(|l| l.team.as_ref()).flatten();
    let of_teams =
        of_teams.filter(|e| matches!(&e.role, TeamRole::Named(role) if is_owner(role))).filter_map(TeamEntry::contact);
    let by_themselves = directory.contacts.iter().filter(|c| c.role.as_ref().is_some_and(is_owner)).map(|c| &c.id);
    let ids: BTreeSet<String> = of_teams.chain(by_themselves).map(ToString::to_string).collect();
    ids.into_iter().collect()
}

fn line_shown(directory: &Directory, line: &Line) -> String {
    let entry = |e: &TeamEntry| {
        let contact = e.contact().and_then(|id| directory.contact(id));
        let name = contact.map_or(e.name(), |c| c.name.as_str());
        let role = match &e.role {
            TeamRole::Named(role) => role.to_string(),
            TeamRole::Ranked(u32::MAX) => "last".to_owned(),
            TeamRole::Ranked(place) => place.to_string(),
        };
        let hours = e.hours.as_ref().map(|h| format!(", {h}")).unwrap_or_default();
        let away = if e.off { ", away" } else { "" };
        format!("{name} ({role}{hours}{away})")
    };
    let people: Vec<String> = line.team.iter().flatten().map(entry).collect();
    let people = if people.is_empty() { "nobody".to_owned() } else { people.join(", ") };
    let number = line.number.as_deref().unwrap_or("every number");
    let name = if line.name.is_empty() { "the shop" } else { &line.name };
    format!("{number} {name}: {people}")
}

fn failed(error: MirrorError, what: &str) -> CliError {
    let (status, hint) = match &error {
        MirrorError::Refused(Refusal { scope: RefusalScope::Auth | RefusalScope::Access, .. }) => (
            ExitStatus::Refused,
            "check the token, that it lists the base, and that it may read the schema (schema.bases:read)",
        ),
        MirrorError::Refused(_) | MirrorError::NotFound { .. } => (ExitStatus::Refused, "check AIRTABLE_BASE_ID"),
        _ => (ExitStatus::Unreachable, "run it again later"),
    };
    CliError::new(status, format!("{what} cannot be read; nothing was written")).cause(error).hint(hint)
}

fn show(written: &Written, learned: Option<&Learned>, extras: &[ExtraFile], out: &mut Output) {
    let (path, token) = (written.config.display().to_string(), written.token.display().to_string());
    let of =
        |s: &Survey| json!({ "preset": s.preset, "contacts": s.contacts, "businesses": s.businesses, "add": s.add });
    if out.is_json() {
        let airtable = learned.map(|l| of(&l.survey));
        let mut document = json!({ "file": path, "tokenFile": token, "airtable": airtable });
        if let (Some(learned), Some(map)) = (learned, document.as_object_mut()) {
            map.insert("lines".into(), json!(learned.lines));
            map.insert("lastResort".into(), json!(learned.owners));
            map.insert("rowsToCorrect".into(), json!(learned.rows));
        }
        if let Some(map) = document.as_object_mut().filter(|_| !extras.is_empty()) {
            let names = extras.iter().map(|file| file.path.display().to_string()).collect::<Vec<_>>();
            map.insert("extras".into(), json!(names));
        }
        out.document(&document);
        return;
    }
    out.mode_line();
    if let Some(learned) = learned {
        let survey = &learned.survey;
        match survey.preset {
            Some(preset) => out.line(&format!("The base is of the shape {preset}.")),
            None => out.line("The base is of no shape that has a preset: our own names are used where it has them."),
        }
        match (&survey.contacts, &survey.businesses) {
            (Some(contacts), Some(businesses)) => {
                let people = learned.contacts;
                out.line(&format!("{people} people are read from {contacts:?}, lines from {businesses:?}:"));
            }
            (Some(contacts), None) => out.line(&format!("{} people are read from {contacts:?}:", learned.contacts)),
            _ => out.line("No table of people was found: name them in [[contacts]]."),
        }
        for line in &learned.lines {
            out.line(&format!("  {line}"));
        }
        said(out, "To be corrected in the base", &learned.rows);
        said(out, "Left out until the base has it", &survey.add);
    }
    if learned.is_some_and(|l| l.contacts > 0 && l.owners.is_empty()) {
        out.line("Nobody is an owner: name who is told when nobody takes a call, in [last_resort] notify.");
    }
    out.line(&format!("Wrote {path}."));
    out.line(&format!(
        "Wrote {token}: the token by which the intake dispatches over the API; nobody else is to read it."
    ));
    for file in extras {
        out.line(&format!("Wrote {}; see how to use it at its top.", file.path.display()));
    }
    out.chat(&format!(
        "next: fill in account_sid and from of [twilio] in {path} (or set TWILIO_ACCOUNT_SID and TWILIO_PHONE_NUMBER) and give \
         Twilio's auth token by TWILIO_AUTH_TOKEN, or by a file that TWILIO_AUTH_TOKEN_FILE names: without them `serve` ends at once"
    ));
    out.chat("then: `dispatchctl doctor` says what is still missing; `dispatchctl --test-mode serve` tries it, with no text sent");
}

fn said(out: &mut Output, title: &str, all: &[String]) {
    if all.is_empty() {
        return;
    }
    out.line(&format!("{title}:"));
    for one in all {
        out.line(&format!("  {one}"));
    }
}
