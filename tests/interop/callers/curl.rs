//! curl with ordinary options.

use serde_json::Value;
use tokio::process::Command;

use crate::accounts::Proof;
use crate::api::parameters;
use crate::caller::{Caller, Order, View};
use crate::outcome::{Trouble, ensure};

pub(crate) struct Curl;

impl Caller for Curl {
    async fn fetch_and_call(&mut self, order: &Order<'_>, url: &str) -> Result<View, Trouble> {
        let mut arguments: Vec<String> = vec!["-d".into(), "grant_type=client_credentials".into()];
        let mut parameter = |name: &str, value: &str| {
            arguments.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        };
        parameter("scope", order.scope);
        if let Some(resource) = order.server.resource {
            parameter("resource", resource);
        }
        match &order.account.proof {
            Proof::Post { secret } => {
                parameter("client_id", &order.account.id);
                parameter("client_secret", secret);
            }
            Proof::Basic { secret } => {
                arguments.extend(["-u".into(), format!("{}:{secret}", order.account.id)]);
            }
            Proof::Key { .. } => return Err(Trouble::cannot("it signs no assertions")),
        }
        arguments.push(order.server.token_endpoint.clone());
        let answer = run(&arguments).await?.body;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        if let Some(token) = text("access_token") {
            return self.call(Some(token), url).await;
        }
        let failure = text("error").unwrap_or("something else than the JSON of RFC 6749").to_owned();
        Ok(View { failure: Some(failure), ..View::default() })
    }

    async fn call(&mut self, token: Option<&str>, url: &str) -> Result<View, Trouble> {
        let mut arguments: Vec<String> = Vec::new();
        arguments
            .extend(token.into_iter().flat_map(|token| ["--oauth2-bearer".to_owned(), token.to_owned()]));
        arguments.push(url.to_owned());
        run(&arguments).await
    }
}

/// Runs curl, and parses the status and the headers that it prints after the body.
async fn run(arguments: &[String]) -> Result<View, Trouble> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"]);
    command.args(["--write-out", "\n%{http_code}\n%{header_json}"]).args(arguments).kill_on_drop(true);
    let output = command.output().await?;
    ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (text, headers) = text.split_once("\n{").ok_or_else(|| Trouble::failed("curl: no headers"))?;
    let (body, status) = text.rsplit_once('\n').ok_or_else(|| Trouble::failed("curl: no status"))?;
    let headers: Value = serde_json::from_str(&format!("{{{headers}"))?;
    let header = |name: &str| Some(headers.get(name)?.get(0)?.as_str()?.to_owned());
    Ok(View {
        status: status.parse()?,
        body: body.to_owned(),
        challenge: header("www-authenticate").as_deref().and_then(parameters),
        retry_after: header("retry-after"),
        failure: None,
    })
}
