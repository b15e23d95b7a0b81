//! Token requests of a client with a secret.

use reqwest::Client;
use serde_json::Value;

use crate::outcome::Trouble;
use crate::server::Wanted;

/// Requests a token. The secret is sent in the body, because all servers agree about its encoding
/// there. `more` is the query.
pub(crate) async fn ask(
    http: &Client,
    endpoint: &str,
    (id, secret): (&str, &str),
    wanted: &Wanted<'_>,
    more: &[(&str, String)],
) -> Result<String, Trouble> {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("scope", wanted.scope),
        ("client_id", id),
        ("client_secret", secret),
    ];
    form.extend(wanted.resource.map(|resource| ("resource", resource)));
    let mut request = http.post(endpoint).query(more).form(&form);
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
