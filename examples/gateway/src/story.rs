//! The story: requests through the gateway, and their expected responses.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use scopegate_issuer::LocalIssuer;
use serde_json::Value;

use crate::failure::Failure;
use crate::parts::{Parts, Wanted};

/// A changed file is in effect after about two seconds.
const RELOAD_ATTEMPTS: u32 = 100;
const RELOAD_INTERVAL: Duration = Duration::from_millis(100);

/// A request, and the expected response.
struct Step<'a> {
    title: &'a str,
    path: &'a str,
    token: Option<&'a str>,
    /// Whether the caller sends identity headers of its own.
    is_spoofed: bool,
    status: u16,
    /// The client that the backend must see, if the request reaches it.
    client: &'a str,
}

impl<'a> Step<'a> {
    fn new(title: &'a str, path: &'a str, token: Option<&'a str>, status: u16) -> Self {
        Self { title, path, token, is_spoofed: false, status, client: "local-reader" }
    }
}

/// The client and the scopes that a backend sees.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    clients: Vec<String>,
    scopes: Vec<String>,
}

/// Plays the story with this gateway.
///
/// # Errors
/// Returns an error if a program does not start, or if a response is unexpected.
pub(crate) async fn play(wanted: Wanted, scopegate: &Path) -> Result<(), Failure> {
    let mut parts = Parts::start(wanted, scopegate).await?;
    let other = LocalIssuer::start().await?;
    let http = Client::builder().no_proxy().build()?;
    let mut stage = Stage { http, steps: 0, as_expected: 0 };
    stage.introduce(&parts);

    let read = parts.issuer.mint().scope("orders/read");
    let (reader, later, expired) = (read.clone().sign(), read.clone().sign(), read.expired().sign());
    let foreign = other.mint().scope("orders/read").sign();
    let spoofed = |step: Step<'static>| Step { is_spoofed: true, ..step };
    for step in [
        Step::new("No token", "/orders/7", None, 401),
        Step::new("A valid token: the backend sees its client", "/orders/7", Some(&reader), 200),
        Step::new("The same token, without the scope of the route", "/invoices/7", Some(&reader), 403),
        Step {
            is_spoofed: true,
            ..Step::new("X-Auth-Client: admin of the caller", "/orders/7", Some(&reader), 200)
        },
        Step { client: "", ..spoofed(Step::new("The same on a public route", "/health", None, 200)) },
        Step::new("An expired token", "/orders/7", Some(&expired), 401),
        Step::new("A token of another issuer", "/orders/7", Some(&foreign), 401),
        Step::new("A path with two readings", "/health%2F..%2Forders%2F7", Some(&reader), 400),
    ] {
        stage.play(&parts, step).await?;
    }

    parts.change_rules("GET = \"invoices/read\"", "GET = \"orders/read\"")?;
    stage.wait_for(&parts, "/invoices/7", &reader, 200).await?;
    let title = "The rules have changed: /invoices needs orders/read now";
    stage.play(&parts, Step::new(title, "/invoices/7", Some(&reader), 200)).await?;

    std::mem::replace(&mut parts.issuer, other).shut_down().await;
    let title = "The issuer is stopped: a new token is still decided";
    stage.play(&parts, Step::new(title, "/orders/7", Some(&later), 200)).await?;

    parts.stop_service().await?;
    stage.after_the_service(&parts, &reader).await?;
    parts.stop().await?;
    stage.end()
}

struct Stage {
    http: Client,
    steps: u32,
    as_expected: u32,
}

#[allow(clippy::print_stdout, reason = "a program for a terminal")]
impl Stage {
    #[allow(clippy::unused_self, reason = "one of the methods that print")]
    fn introduce(&self, parts: &Parts) {
        let url = parts.gateway.as_ref().unwrap_or(&parts.decisions);
        println!("{} Its URL is {url}.", parts.introduction);
        for process in parts.processes() {
            println!("started {process}");
        }
    }

    /// Returns the request of a caller. Without a gateway, it is the question of nginx.
    fn request(&self, parts: &Parts, path: &str) -> RequestBuilder {
        if let Some(gateway) = &parts.gateway {
            return self.http.get(format!("{gateway}{path}"));
        }
        let question = self.http.get(format!("{}/decide", parts.decisions));
        question.header("X-Original-Method", "GET").header("X-Original-URI", path)
    }

    async fn play(&mut self, parts: &Parts, step: Step<'_>) -> Result<(), Failure> {
        let mut request = self.request(parts, step.path);
        request = step.token.into_iter().fold(request, RequestBuilder::bearer_auth);
        if step.is_spoofed {
            request = request.header("X-Auth-Client", "admin").header("X_Auth_Client", "admin");
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let challenge = response.headers().get("www-authenticate").cloned();
        let identity = identity(parts, response).await?;
        let is_expected = status == step.status
            && identity.as_ref().map(|seen| seen.clients.concat())
                == (status == 200).then(|| step.client.to_owned());
        self.print(step.title, step.path, &status.to_string(), is_expected);
        if let Some(challenge) = challenge {
            println!("   challenge: {}", String::from_utf8_lossy(challenge.as_bytes()));
        }
        if let Some(Identity { clients, scopes }) = identity {
            println!("   the backend sees the client {clients:?} with the scopes {scopes:?}");
        }
        Ok(())
    }

    /// Without the decision service, a gateway passes on no request: not even a public one.
    async fn after_the_service(&mut self, parts: &Parts, token: &str) -> Result<(), Failure> {
        let title = "The decision service is stopped: no request reaches the backend";
        for (path, token) in [("/orders/7", Some(token)), ("/health", None)] {
            let request = token.into_iter().fold(self.request(parts, path), RequestBuilder::bearer_auth);
            let (status, is_expected) = match request.send().await {
                Ok(response) => {
                    let status = response.status();
                    (status.as_u16().to_string(), status.is_server_error())
                }
                // The service itself cannot be reached.
                Err(error) => ("no response".to_owned(), error.is_connect() && parts.gateway.is_none()),
            };
            self.print(title, path, &status, is_expected);
        }
        Ok(())
    }

    fn print(&mut self, title: &str, path: &str, status: &str, is_expected: bool) {
        self.steps += 1;
        self.as_expected += u32::from(is_expected);
        let verdict = if is_expected { "" } else { "   UNEXPECTED" };
        println!("\n{}. {title}\n   GET {path} -> {status}{verdict}", self.steps);
    }

    /// Repeats a request until it has this status.
    async fn wait_for(&self, parts: &Parts, path: &str, token: &str, status: u16) -> Result<(), Failure> {
        for _ in 0..RELOAD_ATTEMPTS {
            let response = self.request(parts, path).bearer_auth(token).send().await?;
            if response.status() == status {
                return Ok(());
            }
            tokio::time::sleep(RELOAD_INTERVAL).await;
        }
        Err(Failure::new("the changed rules have no effect"))
    }

    fn end(self) -> Result<(), Failure> {
        let Self { steps, as_expected, .. } = self;
        println!("\n{as_expected} of {steps} steps got the expected response. All processes have ended.");
        if as_expected < steps {
            return Err(Failure::new(format!("{} unexpected responses", steps - as_expected)));
        }
        Ok(())
    }
}

/// Returns the identity that the backend has seen, from its response. Without a gateway, it is the identity
/// that a gateway would send.
async fn identity(parts: &Parts, response: Response) -> Result<Option<Identity>, Failure> {
    if response.status() != 200 {
        return Ok(None);
    }
    if parts.gateway.is_none() {
        let values = |name| response.headers().get_all(name).iter();
        let texts = |name| values(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (clients, scopes) = (texts("x-auth-client").collect(), texts("x-auth-scope").collect());
        return Ok(Some(Identity { clients, scopes }));
    }
    let seen: Value = serde_json::from_str(&response.text().await?)?;
    let texts = |name: &str| {
        let values = seen.get(name).and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Ok(Some(Identity { clients: texts("client"), scopes: texts("scope") }))
}
