//! Phone calls in a scenario: what the person at a phone does at run time.

use serde_json::json;

use super::World;

impl World {
    /// Presses a key in the call that this phone is in; `(forged, twice)`: a stranger posts it, its request is made twice.
    pub(in crate::reliability) async fn press(
        &self,
        phone: &str,
        digits: &str,
        (forged, twice): (bool, bool),
    ) -> Result<(), String> {
        let press = json!({ "phone": phone, "digits": digits, "forged": forged, "twice": twice });
        self.control("POST", "key", &press).await.map(drop)
    }

    /// The person at this phone hangs up.
    pub(in crate::reliability) async fn hang_up(&self, phone: &str) -> Result<(), String> {
        self.control("POST", "hang-up", &json!({ "phone": phone })).await.map(drop)
    }
}
