//! What a scenario asks of the engine and of the sandbox over HTTP.

use super::*;

impl World {
    /// The engine's address of a path.
    pub(in crate::reliability) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// One request to the engine: the status and the body; an error where no answer came.
    pub(in crate::reliability) async fn ask(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: Option<String>,
    ) -> Result<(u16, String), String> {
        let method: reqwest::Method = method.parse().map_err(|_| format!("{method} is no method"))?;
        let mut request = self.client.request(method, format!("http://{}{path}", self.at));
        if let Some(body) = body {
            request = request.header("Content-Type", kind).body(body);
        }
        let answer = request.send().await.map_err(|e| format!("{path} did not answer: {}", innermost(&e)))?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.unwrap_or_default()))
    }

    /// A document of the engine.
    pub(in crate::reliability) async fn get(&self, path: &str) -> Result<Value, String> {
        let (status, body) = self.ask("GET", path, "", None).await?;
        if status != 200 {
            return Err(format!("{path} answered {status}"));
        }
        serde_json::from_str(&body).map_err(|e| format!("{path} is no JSON: {e}"))
    }

    /// Hands a call over; the answer's status. Counted as accepted where it is a success.
    pub(in crate::reliability) async fn post_call(&mut self, body: &Value) -> Result<u16, String> {
        let (id, from) = (text(body, "callId").to_owned(), self.now());
        let sent = self.ask("POST", "/api/dispatch/manual", "application/json", Some(body.to_string())).await;
        self.asked.note(&id, (from, self.now()), sent.as_ref().ok().map(|(status, _)| *status));
        let (status, answer) = sent.map_err(|e| format!("{id}: {e}"))?;
        if (200..300).contains(&status) {
            self.accepted.insert(id);
        } else {
            tracing::debug!(call.id = id, status, answer, "a call was not accepted");
        }
        Ok(status)
    }

    /// Hands calls over, by so many clients at once, without waiting; their answers are gathered by [`World::answers`].
    pub(in crate::reliability) fn post_beside(&mut self, bodies: Vec<Value>, clients: usize) {
        let mut shares: Vec<Vec<Value>> = vec![Vec::new(); clients.max(1)];
        let n = shares.len();
        for (i, body) in bodies.into_iter().enumerate() {
            if let Some(share) = shares.get_mut(i % n) {
                share.push(body);
            }
        }
        for share in shares {
            let (client, url) = (self.client.clone(), format!("http://{}/api/dispatch/manual", self.at));
            for body in share {
                let (client, url, asked) = (client.clone(), url.clone(), self.asked.clone());
                self.requests.spawn(async move {
                    let id = text(&body, "callId").to_owned();
                    let clock = SystemClock::new();
                    let from = clock.now();
                    let status = crate::reliability::intake::post(&client, &url, &body).await;
                    asked.note(&id, (from, clock.now()), status);
                    (id, status)
                });
            }
        }
    }

    /// Waits for the answers to all that was posted beside. A request that got none may have been accepted, or not.
    pub(in crate::reliability) async fn answers(&mut self) -> Vec<(String, Option<u16>)> {
        let mut all = Vec::new();
        while let Some(answer) = self.requests.join_next().await {
            let Ok((id, status)) = answer else { continue };
            if status.is_some_and(|s| (200..300).contains(&s)) {
                self.accepted.insert(id.clone());
            }
            all.push((id, status));
        }
        all
    }

    /// One of the sandbox's controls.
    pub(in crate::reliability) async fn control(
        &self,
        method: &str,
        name: &str,
        body: &Value,
    ) -> Result<Value, String> {
        let method: reqwest::Method = method.parse().map_err(|_| format!("{method} is no method"))?;
        let mut request = self.client.request(method, format!("http://{}/_sandbox/{name}", self.sandbox_at));
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|e| format!("the sandbox's {name}: {}", innermost(&e)))?;
        let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap_or_default());
        if !(200..300).contains(&status) {
            return Err(format!("the sandbox's {name} answered {status}: {body}"));
        }
        Ok(serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// The ledger, without callbacks.
    pub(in crate::reliability) fn ledger(&self) -> Result<Value, String> {
        Ok(self.sandbox()?.texts())
    }

    /// The ledger with every callback: many, and seldom asked for.
    pub(in crate::reliability) async fn callbacks(&self) -> Result<Value, String> {
        self.control("GET", "ledger", &Value::Null).await
    }

    /// The sandbox itself, for faults.
    pub(in crate::reliability) fn sandbox(&self) -> Result<&Sandbox, String> {
        self.sandbox.as_ref().ok_or_else(|| "the sandbox has ended".into())
    }

    /// Somebody texts; what the webhook answered, 0 where it did not.
    pub(in crate::reliability) async fn reply(&mut self, from: &str, body: &str, again: bool) -> Result<i64, String> {
        let ask = match self.replies.get(from).filter(|_| again) {
            Some(sid) => json!({ "from": from, "sid": sid }),
            None => json!({ "from": from, "body": body }),
        };
        let heard = self.control("POST", "reply", &ask).await?;
        self.replies.insert(from.to_owned(), text(&heard, "sid").to_owned());
        Ok(heard.get("httpStatus").and_then(Value::as_i64).unwrap_or(0))
    }

    /// What `status` shows: open alerts, figures.
    pub(in crate::reliability) async fn overview(&mut self) -> Result<Value, String> {
        let args = ["status", "--state", "all", "--limit", "10000", "-o", "json"].map(str::to_owned);
        let (code, out, err) = self.run(&args).await?;
        if code != 0 {
            return Err(format!("`status` ended with exit {code}: {err}"));
        }
        serde_json::from_str(&out).map_err(|e| format!("`status` is no JSON: {e}"))
    }
}
