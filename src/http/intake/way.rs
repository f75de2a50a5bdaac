//! The paths of the intakes.

const RETELL: &str = "/webhooks/retell/call-ended";
const RETELL_FUNCTION: &str = "/webhooks/retell/function";
const VAPI: &str = "/webhooks/vapi";
const CUSTOM: &str = "/webhooks/intake";

/// Who posts what, by the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Way<'a> {
    Retell,
    RetellFunction,
    Vapi,
    Custom(&'a str),
}

impl<'a> Way<'a> {
    /// The intake at a path without the prefix of `public_url`.
    pub(in crate::http) fn at(path: &'a str) -> Option<Self> {
        match path.strip_suffix('/').unwrap_or(path) {
            RETELL => Some(Self::Retell),
            RETELL_FUNCTION => Some(Self::RetellFunction),
            VAPI => Some(Self::Vapi),
            path => {
                let name = path.strip_prefix(CUSTOM)?.strip_prefix('/')?;
                (!name.is_empty() && !name.contains('/')).then_some(Self::Custom(name))
            }
        }
    }

    /// How the log, the ids and the configuration name it.
    pub(super) fn source(self) -> &'a str {
        match self {
            Self::Retell | Self::RetellFunction => "retell",
            Self::Vapi => "vapi",
            Self::Custom(name) => name,
        }
    }
}
