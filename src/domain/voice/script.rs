//! Stand-in.
use crate::domain::change::Speech;

pub struct Addresses {
    pub next: String,
    pub key: String,
}

pub fn say(speech: &Speech, addresses: Option<&Addresses>) -> String {
    let _ = addresses.map(|a| (&a.next, &a.key));
    format!("<Response><Say>{speech:?}</Say></Response>")
}

pub fn rung_back() -> String {
    "<Response><Say>Answer the text.</Say></Response>".to_owned()
}
