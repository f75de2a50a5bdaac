//! A call's status callbacks: those that were subscribed to, numbered, one after the other.

use std::sync::Arc;

use super::call::VoiceCall;
use super::resource::status_form;
use crate::sandbox::armed::Subject;
use crate::sandbox::callbacks::{CallbackLine, Outgoing};
use crate::sandbox::faults::On;
use crate::sandbox::state::Shared;
use crate::sandbox::target::Target;

/// See the module.
pub(super) struct CallEvents {
    line: CallbackLine,
    sequence: u32,
}

impl CallEvents {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { line: CallbackLine::new(shared), sequence: 0 }
    }

    /// Tells where a call is now, if that was asked for.
    pub(super) fn tell(&mut self, shared: &Shared, call: &VoiceCall, answered_by: Option<&str>) {
        let asked = call.status.event().is_some_and(|event| call.events.iter().any(|e| e == event));
        let target = call.callback.as_deref().and_then(|c| Target::parse(c).ok());
        let Some(target) = target.filter(|_| asked) else { return };
        let form = status_form(shared, call, self.sequence, answered_by);
        self.sequence += 1;
        let subject = Subject {
            on: Some(On::CallEvent),
            to: Some(&call.to),
            from: Some(&call.from),
            call_status: Some(call.status),
            ..Subject::default()
        };
        let outgoing = Outgoing { target, form, sid: call.sid.clone(), word: call.status.as_str() };
        self.line.enqueue(outgoing, subject);
    }

    /// Makes what a fault held back.
    pub(super) fn release(&mut self) {
        self.line.release();
    }
}
