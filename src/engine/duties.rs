//! The table of an engine's duties: a new one is one file and one line here. The supervisor, health and the engine's beat read
//! what the line says, and know no duty by name.

use std::sync::Arc;
use std::time::Duration;

use crate::config::MailedReports;

use super::adopt::Adopter;
use super::alert_texts::{self, AlertTextDuty};
use super::backups::{self, Backups};
use super::checkpoints::{self, Checkpoints};
use super::clocks::{self, ClockWatch};
use super::dispatcher::{Dispatcher, SWEPT_EVERY};
use super::duty::{Duty, DutyLimits, DutyWork, IDLE_MAX};
use super::event_webhooks::{self, EventTarget};
use super::heartbeat::HeartbeatDuty;
use super::listener::{self, Listener};
use super::mirror::Mirror;
use super::oncall::calendars::{self, CalendarReader};
use super::oncall::roll_calls::RollCallDuty;
use super::oncall::table::OverrideTable;
use super::oncall::watch::OnCallWatch;
use super::phone_calls::{CallListWatch, fallback};
use super::poller::Poller;
use super::provider_clock::{self, ProviderClockWatch};
use super::reconciler::Reconciler;
use super::requests::{self, Requests};
use super::retention::{self, Retention};
use super::ringing::{self, Ringing};
use super::scheduler::Scheduler;
use super::sink::Sink;
use super::store_alarm::Alarm;
use super::synced_contacts::ContactSync;
use super::wake::WakeSignal;
use super::{
    Engine, Scope, alert_receipts, beat, followthrough, history, integrity, morning, oncall, outbox, reports, silence,
    store_alarm, store_file, waiting, watch,
};

/// The group of what an engine does whatever its settings are.
pub const ENGINE: &str = "engine";
/// The group that tells alerts to their sinks.
pub const ALERTS: &str = "alerts";
/// The group that keeps the shop's base current.
pub const MIRROR: &str = "mirror";
/// The group that reads contacts from another system.
pub const CONTACTS: &str = "contacts";
/// The group that reads exceptions to who is on call from another system.
pub const OVERRIDES: &str = "overrides";
/// The group that reads calendars of who is on call.
pub const CALENDARS: &str = "calendars";
/// The group that tells receivers of event webhooks.
pub const EVENTS: &str = "events";
/// The group of the dead-man's switch.
pub const HEARTBEAT: &str = "heartbeat";
/// The list of the morning by mail.
pub const REPORTS: &str = "reports";
/// The group that takes calls of other systems over.
pub const ADOPT: &str = "adopt";
/// The group that compares lists of phone calls with what was reported.
pub const CALL_LISTS: &str = "call-lists";

/// Every duty, in the order in which health shows them.
pub const TABLE: &[DutyRow] = &[
    always("scheduler", essential(WakeSignal::Due).rests(), |of| {
        DutyWork::of(&Arc::new(Scheduler::new(of.engine.clone())), |s| Box::pin(async move { s.pass().await }))
    }),
    always("dispatcher", essential(WakeSignal::Send).rests(), |of| {
        DutyWork::of(&of.dispatcher, |d| Box::pin(async move { d.pass().await }))
            .drained_by(&of.dispatcher, |d| Box::pin(async move { d.drained().await }))
    }),
    always("claims", every(SWEPT_EVERY).rests(), |of| {
        DutyWork::of(&of.dispatcher, |d| Box::pin(async move { d.sweep().await }))
    }),
    always("poller", DutyLimits::usual().on(WakeSignal::Poll).only_asks().rests(), |of| {
        DutyWork::of(&of.poller, |p| Box::pin(async move { p.pass().await }))
    }),
    always("reconciler", DutyLimits::usual().only_asks().rests(), |of| {
        DutyWork::of(&Arc::new((Reconciler::new(of.engine.clone()), of.clocks.clone())), |of| {
            Box::pin(async move {
                // A step that nobody has seen yet would make a send look older than it is.
                of.1.pass().await?;
                of.0.pass().await
            })
        })
    }),
    always("ringing", every(ringing::EVERY).on(WakeSignal::Ringing).only_asks().rests(), |of| {
        DutyWork::of(&Arc::new(Ringing::new(of.engine.clone())), |r| {
            // One that the provider has queued is stale by time alone.
            Box::pin(async move { r.pass().await.map(|next| next.or_else(|| Some(r.look_again()))) })
        })
    }),
    always("waiting-replies", every(waiting::EVERY).on(WakeSignal::Reply).only_asks().rests(), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { waiting::pass(&e).await }))
    }),
    of_the_whole_store("phone-calls", every(fallback::EVERY).rests(), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { fallback::pass(&e.core).await }))
    }),
    always("listener", every(listener::EVERY_WITH_WEBHOOK).on(WakeSignal::Listen).only_asks(), |of| {
        DutyWork::of(&Arc::new(Listener::new(of.engine.clone())), |l| Box::pin(async move { l.pass().await }))
    }),
    always("history", every(history::EVERY).only_asks(), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { history::pass(&e).await }))
    }),
    always("clocks", every(clocks::EVERY), |of| DutyWork::of(&of.clocks, |c| Box::pin(async move { c.pass().await }))),
    always("provider-clock", every(provider_clock::EVERY), |of| {
        DutyWork::of(&Arc::new(ProviderClockWatch::new(of.engine.clone())), |c| Box::pin(async move { c.pass().await }))
    }),
    always("requests", every(requests::EVERY_BESIDE_HINTS).on(WakeSignal::Others).only_asks(), |of| {
        DutyWork::of(&Arc::new(Requests::new(of.engine.clone(), of.poller.clone())), |r| {
            Box::pin(async move { r.pass().await })
        })
    }),
    always("checkpoints", every(checkpoints::EVERY), |of| {
        DutyWork::of(&Arc::new(Checkpoints::new(of.engine.clone())), |c| Box::pin(async move { c.pass().await }))
    }),
    always("beat", every(beat::EVERY_ON_A_SERVER), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { beat::pass(&e).await }))
    }),
    of_the_whole_store("silence", every(silence::EVERY).still_after(silence::STILL_MAX).rests(), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { silence::pass(&e).await }))
    }),
    of_the_whole_store("on-call", every(oncall::watch::EVERY).on(WakeSignal::OnCall).rests(), |of| {
        DutyWork::of(&Arc::new(OnCallWatch::new(of.engine.clone())), |w| Box::pin(async move { w.pass().await }))
    }),
    of_the_whole_store("roll-calls", every(oncall::roll_calls::EVERY).on(WakeSignal::RollCall).rests(), |of| {
        DutyWork::of(&Arc::new(RollCallDuty::new(of.engine.clone(), of.dispatcher.clone())), |r| {
            Box::pin(async move { r.pass().await })
        })
    }),
    of_the_whole_store("alert-texts", every(alert_texts::EVERY).on(WakeSignal::AlertText).rests(), |of| {
        DutyWork::of(&Arc::new(AlertTextDuty::new(of.engine.clone(), of.dispatcher.clone())), |a| {
            Box::pin(async move { a.pass().await })
        })
    }),
    of_the_whole_store("morning", every(morning::EVERY).rests(), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { morning::pass(&e).await }))
    }),
    of_the_whole_store("followthrough", every(followthrough::EVERY).rests(), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { followthrough::pass(&e).await }))
    }),
    // Where a term may end, its process watches the store in all its terms and between them.
    without_terms("store", every(store_alarm::EVERY).on(WakeSignal::Store), |of| {
        let alarm = Alarm::of_the_store(of.engine.core.clone(), Arc::new(of.engine.clone()));
        DutyWork::of(&Arc::new(alarm), |alarm| Box::pin(async move { store_alarm::pass(&alarm).await.map(|()| None) }))
    }),
    of_the_whole_store("store-file", every(store_file::EVERY), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { store_file::pass(&e).await.map(|()| None) }))
    }),
    of_the_whole_store("watch", every(watch::EVERY).rests(), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { watch::pass(&e).await }))
    }),
    of_the_whole_store("backups", every(backups::EVERY).still_after(backups::STILL_MAX).only_asks(), |of| {
        DutyWork::of(&Arc::new(Backups::new(of.engine.clone())), |b| Box::pin(async move { b.pass().await }))
    }),
    of_the_whole_store("retention", every(retention::EVERY).still_after(backups::STILL_MAX), |of| {
        DutyWork::of(&Arc::new(Retention::new(of.engine.clone())), |r| Box::pin(async move { r.pass().await }))
    }),
    of_the_whole_store("integrity", every(integrity::EVERY).rests(), |of| {
        DutyWork::of(&of.engine, |e| Box::pin(async move { integrity::pass(&e).await }))
    }),
    by_settings(ALERTS, DutyLimits::usual().on(WakeSignal::Alerts).only_delivers().rests()),
    by_settings(MIRROR, DutyLimits::usual().on(WakeSignal::Mirror).only_asks().rests()),
    by_settings(CONTACTS, DutyLimits::usual().on(WakeSignal::ContactSync).only_asks()),
    by_settings(OVERRIDES, DutyLimits::usual().on(WakeSignal::ContactSync)),
    by_settings(CALENDARS, DutyLimits::usual().on(WakeSignal::ContactSync).only_asks()),
    by_settings(EVENTS, DutyLimits::usual().on(WakeSignal::Events).only_delivers().rests()),
    by_settings(HEARTBEAT, DutyLimits::usual().only_asks()),
    by_settings(REPORTS, DutyLimits::usual().only_delivers()),
    by_settings(ADOPT, DutyLimits::usual().only_asks()),
    by_settings(CALL_LISTS, DutyLimits::usual().only_asks()),
];

/// A line of the table.
pub struct DutyRow {
    /// Its name; that of its group where it depends on the settings.
    pub name: &'static str,
    /// Its limits; the pause of some is in the settings.
    pub limits: DutyLimits,
    work: Assigned,
}

/// Who assigns a duty.
enum Assigned {
    /// Every engine.
    Always(fn(&SharedByDuties) -> DutyWork),
    /// An engine that does all of the store's work.
    OfTheWholeStore(fn(&SharedByDuties) -> DutyWork),
    /// The same, where it is the engine for as long as its process lives.
    WithoutTerms(fn(&SharedByDuties) -> DutyWork),
    /// Whoever reads the settings, and again when they change: [`super::supervisor::Supervisor::assign`].
    BySettings,
}

/// What several duties of one engine share.
struct SharedByDuties {
    engine: Arc<Engine>,
    dispatcher: Arc<Dispatcher>,
    poller: Arc<Poller>,
    clocks: Arc<ClockWatch>,
}

const fn always(name: &'static str, limits: DutyLimits, work: fn(&SharedByDuties) -> DutyWork) -> DutyRow {
    DutyRow { name, limits, work: Assigned::Always(work) }
}

const fn of_the_whole_store(name: &'static str, limits: DutyLimits, work: fn(&SharedByDuties) -> DutyWork) -> DutyRow {
    DutyRow { name, limits, work: Assigned::OfTheWholeStore(work) }
}

const fn without_terms(name: &'static str, limits: DutyLimits, work: fn(&SharedByDuties) -> DutyWork) -> DutyRow {
    DutyRow { name, limits, work: Assigned::WithoutTerms(work) }
}

const fn by_settings(name: &'static str, limits: DutyLimits) -> DutyRow {
    DutyRow { name, limits, work: Assigned::BySettings }
}

const fn every(pause_max: Duration) -> DutyLimits {
    DutyLimits::usual().every(pause_max)
}

const fn essential(signal: WakeSignal) -> DutyLimits {
    DutyLimits::usual().on(signal).essential()
}

impl DutyRow {
    /// Whether an engine of this scope has it, whatever its settings are.
    pub fn is_of(&self, scope: &Scope) -> bool {
        match self.work {
            Assigned::Always(_) => true,
            Assigned::OfTheWholeStore(_) | Assigned::WithoutTerms(_) => *scope == Scope::All,
            Assigned::BySettings => false,
        }
    }

    fn duty(&self, of: &SharedByDuties) -> Option<Duty> {
        match self.work {
            Assigned::WithoutTerms(_) if of.engine.is_in_a_term() => None,
            Assigned::Always(work) | Assigned::OfTheWholeStore(work) | Assigned::WithoutTerms(work) => {
                self.is_of(&of.engine.scope).then(|| Duty::new(self.name, self.limits, work(of)))
            }
            Assigned::BySettings => None,
        }
    }
}

/// What every engine of this scope does, by group.
pub fn of(engine: &Arc<Engine>) -> Vec<(&'static str, Vec<Duty>)> {
    let shared = SharedByDuties {
        engine: engine.clone(),
        dispatcher: Arc::new(Dispatcher::new(engine.clone())),
        poller: Arc::new(Poller::new(engine.clone())),
        clocks: Arc::new(ClockWatch::new(engine.core.clone())),
    };
    let own = TABLE.iter().filter_map(|line| line.duty(&shared)).collect();
    let mut all = vec![(ENGINE, own)];
    if engine.scope == Scope::All {
        all.push((ALERTS, alerts(engine)));
    }
    all
}

/// What the table says of a duty that depends on the settings.
fn limits(name: &str) -> DutyLimits {
    TABLE.iter().find(|line| line.name == name).map_or_else(DutyLimits::usual, |line| line.limits)
}

/// Delivers alerts: one duty a sink, so that none waits for another, and one more for a sink that says who has seen them.
pub fn alerts(engine: &Arc<Engine>) -> Vec<Duty> {
    let of = |sink: &Arc<Sink>| {
        let both = Arc::new((engine.clone(), sink.clone()));
        let work = DutyWork::of(&both, |b| Box::pin(async move { outbox::pass(&b.0, &b.1).await }));
        Duty::new(format!("alerts to {}", sink.name), limits(ALERTS), work)
    };
    let receipts = |sink: &Arc<Sink>| {
        let both = Arc::new((engine.clone(), sink.clone()));
        let work = DutyWork::of(&both, |b| Box::pin(async move { alert_receipts::pass(&b.0, &b.1).await }));
        Duty::new(format!("receipts of {}", sink.name), limits(ALERTS).only_asks(), work)
    };
    let sinks = engine.sinks();
    let reading = sinks.iter().filter(|sink| sink.gateway.gives_receipts()).map(receipts);
    sinks.iter().map(of).chain(reading).collect()
}

/// Tells receivers of event webhooks: one duty each, so that none waits for another.
pub fn events(engine: &Arc<Engine>, targets: Vec<EventTarget>) -> Vec<Duty> {
    let of = |target: EventTarget| {
        let name = format!("events to {}", target.name);
        let both = Arc::new((engine.clone(), target));
        let work = DutyWork::of(&both, |b| Box::pin(async move { event_webhooks::pass(&b.0, &b.1).await }));
        Duty::new(name, limits(EVENTS), work)
    };
    targets.into_iter().map(of).collect()
}

/// Keeps this base current.
pub fn mirror(engine: &Arc<Engine>, mirror: Mirror) -> Vec<Duty> {
    let work = DutyWork::of(&Arc::new((engine.clone(), mirror)), |of| {
        Box::pin(async move {
            let (engine, mirror) = &*of;
            let next = mirror.pass().await;
            engine.set_mirror(mirror.mirror_health());
            let soon = mirror.waits().then(|| engine.core.clock.now().plus(IDLE_MAX));
            next.map(|next| next.into_iter().chain(soon).min())
        })
    });
    vec![Duty::new(MIRROR, limits(MIRROR), work)]
}

/// Reads contacts from another system.
pub fn contacts(synced_contacts: &Arc<ContactSync>) -> Vec<Duty> {
    let work = DutyWork::of(synced_contacts, |r| {
        Box::pin(async move {
            r.pass().await?;
            Ok(Some(r.next()))
        })
    });
    vec![Duty::new(CONTACTS, limits(CONTACTS).every(synced_contacts.every()), work)]
}

/// Reads exceptions to who is on call from another system.
pub fn overrides(table: &Arc<OverrideTable>) -> Vec<Duty> {
    let work = DutyWork::of(table, |t| Box::pin(async move { t.pass().await.map(Some) }));
    vec![Duty::new(OVERRIDES, limits(OVERRIDES).every(table.every()), work)]
}

/// Reads calendars of who is on call: one duty each, so that none waits for another.
pub fn calendars(readers: &[Arc<CalendarReader>]) -> Vec<Duty> {
    let of = |reader: &Arc<CalendarReader>| {
        let work = DutyWork::of(reader, |r| Box::pin(async move { r.pass().await.map(Some) }));
        Duty::new(reader.name(), limits(CALENDARS).every(calendars::EVERY), work)
    };
    readers.iter().map(of).collect()
}

/// Feeds a dead-man's switch.
pub fn heartbeat(heartbeat: HeartbeatDuty) -> Vec<Duty> {
    let every = heartbeat.every();
    let work = DutyWork::of(&Arc::new(heartbeat), |h| Box::pin(async move { h.pass().await }));
    vec![Duty::new(HEARTBEAT, limits(HEARTBEAT).every(every), work)]
}

/// Mails the list of the morning and the figures of the week.
pub fn reports(engine: &Arc<Engine>, mailed: MailedReports) -> Vec<Duty> {
    let work = DutyWork::of(&Arc::new((engine.clone(), mailed)), |of| {
        Box::pin(async move { reports::pass(&of.0, &of.1).await })
    });
    vec![Duty::new(REPORTS, limits(REPORTS).every(reports::EVERY), work)]
}

/// Takes calls of other systems over.
pub fn adopt(adopter: Adopter) -> Vec<Duty> {
    let every = adopter.every();
    let work = DutyWork::of(&Arc::new(adopter), |a| Box::pin(async move { a.pass().await }));
    vec![Duty::new(ADOPT, limits(ADOPT).every(every), work)]
}

/// Compares lists of phone calls: one duty a list, so that none waits for another.
pub fn call_lists(watches: Vec<CallListWatch>) -> Vec<Duty> {
    let of = |watch: CallListWatch| {
        let (name, every) = (format!("calls of {}", watch.source()), watch.every());
        let work = DutyWork::of(&Arc::new(watch), |w| Box::pin(async move { w.pass().await }));
        Duty::new(name, limits(CALL_LISTS).every(every), work)
    };
    watches.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_in_the_table_once() {
        let mut names: Vec<&str> = TABLE.iter().map(|line| line.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
        for name in [ALERTS, MIRROR, CONTACTS, OVERRIDES, CALENDARS, EVENTS, HEARTBEAT, REPORTS, ADOPT, CALL_LISTS] {
            assert!(names.contains(&name), "{name}");
        }
    }
}
