//! The rules, with what a drill has taken away of the safeguards.

use crate::domain::rules::Rules;
use crate::domain::safeguards::SafeguardsOff;
use crate::failpoint::Safeguard;

/// The rules, with what a drill has taken away of the guards.
pub(super) fn rules_in_force(rules: &Rules) -> Rules {
    let off = SafeguardsOff {
        claim_check: Safeguard::ClaimCheck.is_off(),
        claim_recheck: Safeguard::ClaimRecheck.is_off(),
        monotone_receipts: Safeguard::MonotoneReceipts.is_off(),
        reply_dedup: Safeguard::ReplyDedup.is_off(),
        last_text: Safeguard::LastText.is_off(),
        reply_time: Safeguard::ReplyTime.is_off(),
        prompts: Safeguard::Prompts.is_off(),
        provider_times: Safeguard::ProviderTimes.is_off(),
        last_resort: Safeguard::LastResort.is_off(),
        one_phone_call: Safeguard::OnePhoneCall.is_off(),
        key_needed: Safeguard::KeyNeeded.is_off(),
    };
    Rules { off, ..rules.clone() }
}
