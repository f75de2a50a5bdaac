//! The rules, with what a drill has taken away of the safeguards.

use crate::domain::guards::GuardsOff;
use crate::domain::rules::Rules;
use crate::killpoint::Guard;

/// The rules, with what a drill has taken away of the guards.
pub(super) fn rules_in_force(rules: &Rules) -> Rules {
    let off = GuardsOff {
        claim_check: Guard::ClaimCheck.is_off(),
        claim_recheck: Guard::ClaimRecheck.is_off(),
        monotone_receipts: Guard::MonotoneReceipts.is_off(),
        reply_dedup: Guard::ReplyDedup.is_off(),
        last_text: Guard::LastText.is_off(),
        reply_time: Guard::ReplyTime.is_off(),
        prompts: Guard::Prompts.is_off(),
        provider_times: Guard::ProviderTimes.is_off(),
        last_resort: Guard::LastResort.is_off(),
    };
    Rules { off, ..rules.clone() }
}
