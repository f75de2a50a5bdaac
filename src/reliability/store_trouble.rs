//! What happens to the store in a drill: a disk that takes no more, a lock that another program holds, files that may not be
//! written, bytes and rows that are not what they were. What each of them simulates is said with it.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use serde_json::Value;

use crate::domain::MessageStatus;
use crate::domain::change::{Change, ReceiptRow};
use crate::domain::codes::NO_CODE;
use crate::domain::event::{Load, Source, StatusUpdate};
use crate::domain::types::CallId;
use crate::store::corrupt::{self, Corruption, beside};

use super::documents::{list, text};
use super::store_words::StoreTrouble;
use super::world::World;

/// The byte of a SQLite file at which its `user_version` begins.
const VERSION_AT: usize = 60;
/// Makes it happen.
pub(super) async fn make(trouble: StoreTrouble, call: Option<&str>, world: &mut World) -> Result<(), String> {
    let call = call.unwrap_or_default();
    match trouble {
        StoreTrouble::Full => limit(world, Some(0)),
        StoreTrouble::Room => limit(world, None),
        StoreTrouble::ReadOnly => {
            permit(world, 0o444)?;
            world.trouble.obeys = true;
            Ok(())
        }
        StoreTrouble::Writable => {
            world.trouble.obeys = false;
            permit(world, 0o600)
        }
        StoreTrouble::Locked => {
            let path = world.store_file()?;
            let held = tokio::task::spawn_blocking(move || corrupt::hold(&path)).await.map_err(|e| e.to_string())?;
            world.trouble.held = Some(held.map_err(|e| e.to_string())?);
            Ok(())
        }
        StoreTrouble::Released => world.trouble.held.take().map(drop).ok_or_else(|| "nobody holds it".into()),
        StoreTrouble::Removed | StoreTrouble::MovedAway | StoreTrouble::MovedBack | StoreTrouble::LockFileRemoved => {
            move_files(trouble, world)
        }
        StoreTrouble::ReceiptKept => keep_receipt(call, world).await,
        StoreTrouble::Unreadable => corrupt_row(call, Corruption::Policy, world),
        StoreTrouble::Stranded => corrupt_row(call, Corruption::Wake, world),
        StoreTrouble::Mended => {
            world.trouble.corrupted.drain(..).try_for_each(|s| s.repair().map_err(|e| e.to_string()))
        }
        StoreTrouble::Newer
        | StoreTrouble::Damaged
        | StoreTrouble::DamagedCalls
        | StoreTrouble::DamagedAttempts
        | StoreTrouble::CutOff
        | StoreTrouble::Restored => change_bytes(trouble, world),
    }
}

/// What a clean-up job or a person does to the files of a store that is open.
fn move_files(trouble: StoreTrouble, world: &World) -> Result<(), String> {
    let path = world.store_file()?;
    let (away, lock) = (beside(&path, ".away"), beside(&path, ".lock"));
    let done = match trouble {
        StoreTrouble::Removed => std::fs::remove_file(&path),
        StoreTrouble::MovedAway => std::fs::rename(&path, &away),
        StoreTrouble::MovedBack => std::fs::rename(&away, &path),
        _ => std::fs::remove_file(lock),
    };
    done.map_err(|e| format!("{}: {e}", path.display()))
}

fn change_bytes(trouble: StoreTrouble, world: &mut World) -> Result<(), String> {
    if world.engine_runs() {
        return Err("the store's file is changed only while no engine runs".into());
    }
    let path = world.store_file()?;
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let all = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let page = match trouble {
        StoreTrouble::DamagedAttempts => corrupt::page_of(&path, "attempts").map_err(|e| e.to_string())?,
        // What is in the log beside the file is in the file itself then.
        StoreTrouble::DamagedCalls | StoreTrouble::CutOff => {
            corrupt::page_of(&path, "calls").map_err(|e| e.to_string())?
        }
        _ => (0, 512),
    };
    if trouble == StoreTrouble::Restored {
        let whole = world.trouble.backup.take().ok_or("it was not changed before")?;
        for beside in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{beside}", path.display()));
        }
        return std::fs::write(&path, whole).map_err(failed);
    }
    let mut bytes = std::fs::read(&path).map_err(failed)?;
    world.trouble.backup = Some(bytes.clone());
    let corrupted = vec![0x5a; all(page.1)];
    let (at, with): (usize, &[u8]) = match trouble {
        StoreTrouble::Newer => (VERSION_AT, &[0, 0, 3, 231]),
        StoreTrouble::CutOff => {
            bytes.truncate(bytes.len() / 2);
            return std::fs::write(&path, bytes).map_err(failed);
        }
        _ => (all(page.0), &corrupted),
    };
    bytes.get_mut(at..at + with.len()).ok_or("the store's file is too short")?.copy_from_slice(with);
    std::fs::write(&path, bytes).map_err(failed)
}

/// How far the files of the running engine may grow.
#[cfg(target_os = "linux")]
fn limit(world: &mut World, bytes: Option<u64>) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
    world.store_file()?;
    let engine = world.engine.as_ref().ok_or("no engine runs")?;
    // The hard limit is inherited and stays, so that what is taken can be given back.
    let own = getrlimit(Resource::Fsize);
    let limit = Rlimit { current: bytes.or(own.maximum), maximum: own.maximum };
    prlimit(Some(engine.pid()), Resource::Fsize, limit)
        .map(drop)
        .map_err(|e| format!("the size of the engine's files cannot be limited: {e}"))
}

#[cfg(not(target_os = "linux"))]
fn limit(_world: &mut World, _bytes: Option<u64>) -> Result<(), String> {
    Err(format!("{}only Linux can limit the files of a running process", super::trouble::SKIPPED))
}

fn permit(world: &World, mode: u32) -> Result<(), String> {
    let path = world.store_file()?;
    let files = ["", "-wal", "-shm"].map(|end| std::path::PathBuf::from(format!("{}{end}", path.display())));
    for file in files.iter().filter(|f| f.exists()) {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode))
            .map_err(|e| format!("{}: {e}", file.display()))?;
    }
    Ok(())
}

fn corrupt_row(call: &str, what: Corruption, world: &mut World) -> Result<(), String> {
    let call: CallId = call.parse().map_err(|_| format!("{call} is no call's id"))?;
    let corrupted = corrupt::corrupt(&world.store_file()?, &call, what).map_err(|e| e.to_string())?;
    world.trouble.corrupted.push(corrupted);
    Ok(())
}

/// A delivery of the call's first message, as a receipt that came before anybody knew of the message leaves it.
async fn keep_receipt(call: &str, world: &mut World) -> Result<(), String> {
    let story = world.story(call).await?.ok_or_else(|| format!("there is no call {call}"))?;
    let first = list(&story, "attempts").first().unwrap_or(&Value::Null);
    let sid = text(first, "sid").parse().map_err(|_| format!("{call} has no message"))?;
    let update = StatusUpdate {
        attempt: None,
        sid,
        status: MessageStatus::Delivered,
        code: None,
        error_class: NO_CODE,
        source: Source::Receipt,
        provider_at: None,
    };
    let row = ReceiptRow { update, joined: None, effect: "orphan", at: world.now() };
    let store = world.open_store().await?;
    let change = Arc::new(move |_: &_| Ok(Change { receipts: vec![row.clone()], ..Change::default() }));
    let kept = store.transact(Load::Nothing, Vec::new(), change).await;
    store.close().await.map_err(|e| e.to_string())?;
    kept.map(drop).map_err(|e| e.to_string())
}
