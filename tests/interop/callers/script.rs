//! A client in another language: a program that reads jobs as lines of JSON, and writes the
//! results.

use serde_json::{Value, json};

use crate::accounts::Proof;
use crate::caller::{Caller, Order, View};
use crate::installed::Installed;
use crate::outcome::Trouble;
use crate::process::Process;

pub(crate) struct Script {
    process: Process,
}

impl Script {
    /// The file is in `callers/`.
    pub(crate) fn python(installed: &Installed, file: &str) -> Result<Self, Trouble> {
        let python = installed.folder.join("venv/bin/python");
        Self::start(python.as_os_str().to_string_lossy().as_ref(), installed, file)
    }

    /// The file is in `callers/`.
    pub(crate) fn node(installed: &Installed, file: &str) -> Result<Self, Trouble> {
        Self::start("node", installed, file)
    }

    fn start(program: &str, installed: &Installed, file: &str) -> Result<Self, Trouble> {
        let (script, log) = (format!("callers/{file}"), format!("{file}.log"));
        Ok(Self { process: Process::start(program, [script], &installed.folder, &log)? })
    }

    async fn ask(&mut self, job: Value) -> Result<View, Trouble> {
        let seen: Value = serde_json::from_str(&self.process.ask(&job.to_string()).await?)?;
        if let Some(what) = seen.get("cannot").and_then(Value::as_str) {
            return Err(Trouble::Cannot(what.to_owned().into()));
        }
        Ok(serde_json::from_value(seen)?)
    }
}

impl Caller for Script {
    async fn fetch_and_call(&mut self, order: &Order<'_>, url: &str) -> Result<View, Trouble> {
        let (method, secret, key) = match &order.account.proof {
            Proof::Basic { secret } => ("client_secret_basic", Some(secret), None),
            Proof::Post { secret } => ("client_secret_post", Some(secret), None),
            Proof::Key { pem, key_id, algorithm } => {
                ("private_key_jwt", None, Some((pem, key_id, algorithm)))
            }
        };
        let job = json!({
            "issuer": order.server.issuer, "token_endpoint": order.server.token_endpoint,
            "client_id": order.account.id, "method": method, "client_secret": secret,
            "private_key": key.map(|key| key.0), "key_id": key.map(|key| key.1), "algorithm": key.map(|key| key.2),
            "assertions_for_endpoint": order.server.assertions_for_endpoint, "scope": order.scope, "resource": order.server.resource, "url": url,
        });
        self.ask(job).await
    }

    async fn call(&mut self, token: Option<&str>, url: &str) -> Result<View, Trouble> {
        self.ask(json!({ "token": token, "url": url })).await
    }
}
