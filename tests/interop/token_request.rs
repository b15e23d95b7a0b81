//! Token requests of a client with a secret.

use reqwest::Client;
use serde_json::Value;

use crate::accounts::{Account, Proof};
use crate::outcome::Trouble;
use crate::server::Wanted;

/// Requests a token. `more` is the query. All servers agree about the encoding of a secret in the
/// body, so only plain secrets are sent in the header.
pub(crate) async fn ask(
    http: &Client,
    endpoint: &str,
    client: &Account,
    wanted: &Wanted<'_>,
    more: &[(&str, String)],
) -> Result<String, Trouble> {
    let mut form = vec![("grant_type", "client_credentials"), ("scope", wanted.scope)];
    form.extend(wanted.resource.map(|resource| ("resource", resource)));
    let request = http.post(endpoint).query(more);
    let mut request = match &client.proof {
        Proof::Basic { secret } => request.basic_auth(&client.id, Some(secret)),
        Proof::Post { secret } => {
            form.extend([("client_id", client.id.as_str()), ("client_secret", secret)]);
            request
        }
        Proof::Key { .. } => return Err(Trouble::failed("expected a client with a secret")),
    };
    request = request.form(&form);
    if let Some(binding) = wanted.binding {
        let (name, value) = binding.header(endpoint, wanted.certificate)?;
        request = request.header(name, value);
    }
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let token = answer.get("access_token").and_then(Value::as_str).map(str::to_owned);
    token.ok_or_else(|| Trouble::failed(format!("no token: {status} {text}")))
}
