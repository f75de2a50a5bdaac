//! Guards of decisions that a drill on a test store has taken away, by value: the core asks nobody.

/// Which of them; none outside a drill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SafeguardsOff {
    /// What is claimed is not claimed again.
    pub claim_check: bool,
    /// A claim looks whether the call still wants it.
    pub claim_recheck: bool,
    /// A late status moves nothing back.
    pub monotone_receipts: bool,
    /// A reply that comes again is answered as before.
    pub reply_dedup: bool,
    /// A soft word answers the last text alone.
    pub last_text: bool,
    /// A reply waits where it matters when it was written.
    pub reply_time: bool,
    /// A phone that answers by itself is not answered for ever.
    pub prompts: bool,
    /// A provider's times are compared with its own alone.
    pub provider_times: bool,
    /// The last resort is told before a call is given up.
    pub last_resort: bool,
    /// One number rings another once at a time.
    pub one_phone_call: bool,
    /// Only a key answers a phone call.
    pub key_needed: bool,
}
