//! What is read of a call to whoever picks up.

use crate::domain::call::CallData;
use crate::domain::change::SpokenJob;
use crate::domain::work::Work;

/// What is read of the call.
pub(in crate::domain) fn job(w: &Work<'_>) -> SpokenJob {
    let call = &w.state.call;
    let (line, _) = w.ctx.directory.line(call.data.twilio_to_number.as_deref());
    SpokenJob {
        business: line.name.clone(),
        level: call.level.clone(),
        reference: call.reference.as_str().to_owned(),
        issue: issue(&call.data),
        address: call.data.address.clone().unwrap_or_default(),
        has_texts: call.policy.has_texts(),
        test_mode: w.ctx.rules.test_mode,
    }
}

/// What is wrong. The free text of an intake may hold a name or a gate code, and what is said may stay in a mailbox: it is read only
/// where nothing else says what is wrong.
pub(crate) fn issue(data: &CallData) -> String {
    let summary = data.issue_summary.clone().filter(|b| !b.trim().is_empty());
    summary.or_else(|| data.body.clone()).unwrap_or_default()
}

/// The same as it is kept with the attempt, for people: the words themselves are spoken from the call as it is then.
pub(crate) fn kept(job: &SpokenJob) -> String {
    let test = if job.test_mode { "TEST MODE. " } else { "" };
    let parts =
        [&job.issue, &job.address].into_iter().map(|p| p.trim().trim_end_matches('.')).filter(|p| !p.is_empty());
    let said: Vec<String> = parts.map(|p| format!("{p}.")).collect();
    format!("{test}{} emergency job {}. {}", job.business, job.reference, said.join(" ")).trim().to_owned()
}
