//! The shop's record in a scenario's world: read as a judge reads it, and what the program says of its own mirror.

use serde_json::Value;

use crate::config::Airtable;
use crate::domain::Timestamp;
use crate::store::MirrorFigures;

use super::{World, innermost};

impl World {
    /// A page of a table of the sandbox's Airtable, in the order in which its rows were made.
    pub(in super::super) async fn airtable(
        &self,
        base: &str,
        table: &str,
        offset: Option<&str>,
    ) -> Result<Value, String> {
        let mut url = url::Url::parse(&format!("http://{}/v0/{base}", self.sandbox_at)).map_err(|e| e.to_string())?;
        url.path_segments_mut().map_err(|()| "no path")?.push(table);
        let mut request = self.client.get(url).bearer_auth(super::JUDGE).query(&[("view", "Grid view")]);
        if let Some(offset) = offset {
            request = request.query(&[("offset", offset)]);
        }
        let answer = request.send().await.map_err(|e| format!("Airtable: {}", innermost(&e)))?;
        let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap_or_default());
        if status != 200 {
            return Err(format!("Airtable answered {status}: {}", body.chars().take(200).collect::<String>()));
        }
        serde_json::from_str(&body).map_err(|e| format!("Airtable: {e}"))
    }

    /// The base as the engine is told of it; `None` where the scenario has none.
    pub(in super::super) const fn airtable_names(&self) -> Option<&Airtable> {
        self.airtable.as_ref()
    }

    /// The time as the engine has it.
    pub(in super::super) fn engine_now(&self) -> Timestamp {
        Timestamp::from_millis(self.now().as_millis().saturating_add(self.clock_ms))
    }

    /// What the program says of its own mirror: read in the store, as the judge does not take it for the truth.
    pub(in super::super) async fn mirror_figures(&self) -> Result<MirrorFigures, String> {
        let store = self.open_store().await?;
        let figures = store.mirror_figures().await.map_err(|e| e.to_string());
        store.close().await.map_err(|e| e.to_string())?;
        figures
    }
}
