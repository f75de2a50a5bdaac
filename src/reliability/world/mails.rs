//! Mails in a scenario: where the relay is, what it does, and the link that a mail carries.

use serde_json::json;

use super::super::documents::{mails, text};
use super::World;

impl World {
    /// Where an engine that sends mails finds the sandbox's relay.
    pub(super) fn relay_of_mails(&self) -> Option<(&'static str, String)> {
        let relay = self.sandbox.as_ref().and_then(crate::sandbox::Sandbox::relay_addr);
        let at = relay.filter(|_| self.given.config.contains_key("smtp"))?;
        Some(("DISPATCHCTL_SMTP__URL", format!("smtp://{at}")))
    }

    /// Says what the relay does with the next so many mails, or with all from now on.
    pub(in crate::reliability) async fn relay_does(&self, does: &str, times: Option<u64>) -> Result<(), String> {
        self.control("POST", "relay", &json!({ "does": does, "times": times })).await.map(drop)
    }

    /// Asks for the link of the newest mail to this contact; the status and the page.
    pub(in crate::reliability) async fn link(&self, method: &str, of: &str) -> Result<(u16, String), String> {
        let ledger = self.ledger()?;
        let to = format!("{of}@example.com");
        let link = mails(&ledger).iter().rev().find(|m| text(m, "to") == to).map(|m| text(m, "link").to_owned());
        let link = link.filter(|l| !l.is_empty()).ok_or_else(|| format!("no mail to {of} has a link"))?;
        let method: reqwest::Method = method.parse().map_err(|_| format!("{method} is no method"))?;
        let failed = |e| format!("the link of {of}: {e}");
        let page = format!("http://{}{link}", self.at);
        // A button sends what the page says that it does.
        let button = if method == reqwest::Method::POST {
            let shown = self.client.get(&page).send().await.map_err(failed)?.text().await.map_err(failed)?;
            shown.split_once("action=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default().to_owned()
        } else {
            String::new()
        };
        let answer = self.client.request(method, format!("{page}{button}")).send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.unwrap_or_default()))
    }
}
