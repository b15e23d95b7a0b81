//! A protected API on a socket, built with our crates as an application does.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::handler::Handler as _;
use axum::routing::get;
use http_auth::parser::ChallengeParser;
use reqwest::{Client, Method, RequestBuilder};
use scopegate_axum::{Claims, Dpop, Issuer, RequireScope, Verifier};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::outcome::{Trouble, ensure};

pub(crate) const API: &str = "https://my-api-server.org";
pub(crate) const ANOTHER_API: &str = "https://another-api-server.org";
pub(crate) const READ: &str = "https://my-api-server.org/api.read";
pub(crate) const WRITE: &str = "https://my-api-server.org/api.write";

/// The API. It is stopped on drop.
pub(crate) struct Api {
    pub(crate) url: String,
    pub(crate) verifier: Verifier,
    http: Client,
    server: JoinHandle<std::io::Result<()>>,
}

/// A response of the API.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The parameters of the challenge.
    pub(crate) challenge: Option<Challenge>,
    /// `Retry-After` in seconds.
    pub(crate) retry_after: Option<u64>,
}

pub(crate) type Challenge = BTreeMap<String, String>;

impl Api {
    /// Starts an API that trusts this issuer, with a cooldown of 1 s.
    pub(crate) async fn trusting(issuer: Issuer) -> Result<Self, Trouble> {
        let verifier = Verifier::builder().trust(issuer).refresh_cooldown(Duration::from_secs(1));
        Self::with(verifier.start().await?).await
    }

    /// Starts an API whose clock is two hours ahead, which is twice the lifetime of tokens here.
    pub(crate) async fn two_hours_later(issuer: Issuer) -> Result<Self, Trouble> {
        let clock = || SystemTime::now() + Duration::from_secs(7_200);
        Self::with(Verifier::builder().trust(issuer).clock(clock).start().await?).await
    }

    /// Starts an API that accepts proofs for its own address.
    pub(crate) async fn with_dpop(issuer: Issuer, dpop: Dpop) -> Result<Self, Trouble> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let dpop = dpop.origin(format!("http://{}", listener.local_addr()?));
        Self::at(listener, Verifier::builder().trust(issuer).dpop(dpop).start().await?)
    }

    pub(crate) async fn with(verifier: Verifier) -> Result<Self, Trouble> {
        Self::at(TcpListener::bind("127.0.0.1:0").await?, verifier)
    }

    fn at(listener: TcpListener, verifier: Verifier) -> Result<Self, Trouble> {
        let (read, write) = (RequireScope::new(&verifier, READ), RequireScope::new(&verifier, WRITE));
        let orders = async |claims: Claims| claims.client_id().unwrap_or("?").to_owned();
        let router =
            Router::new().route("/orders", get(orders.layer(read)).post((async || "created").layer(write)));
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, verifier, http: client()?, server })
    }

    /// Returns a request without a token.
    pub(crate) fn request(&self, method: Method) -> RequestBuilder {
        self.http.request(method, format!("{}/orders", self.url))
    }

    /// Reads, which requires the scope `READ`.
    pub(crate) fn get(&self, token: &str) -> impl Future<Output = Result<Answer, Trouble>> + Send + use<> {
        Answer::to(self.http.get(format!("{}/orders", self.url)).bearer_auth(token))
    }

    /// Writes, which requires the scope `WRITE`.
    pub(crate) async fn post(&self, token: &str) -> Result<Answer, Trouble> {
        Answer::to(self.http.post(format!("{}/orders", self.url)).bearer_auth(token)).await
    }

    /// Fails if a token is rejected for reading.
    pub(crate) async fn accepts(&self, token: &str) -> Result<Answer, Trouble> {
        let answer = self.get(token).await?;
        // Another look at an introspected token would begin another call.
        let reason = || self.reason(token).unwrap_or_default();
        ensure!(answer.status == 200, "a valid token: {}, {}", answer.status, reason());
        Ok(answer)
    }

    /// Fails if a token is not rejected as in RFC 6750, or if the reason differs: the name of an
    /// [`Error`](scopegate_axum::Error).
    pub(crate) async fn rejects(&self, token: &str, reason: &str) -> Result<(), Trouble> {
        let answer = self.get(token).await?;
        ensure!(answer.status == 401, "a token that must be rejected: {}", answer.status);
        let error = answer.challenge.as_ref().and_then(|challenge| challenge.get("error"));
        ensure!(error.is_some_and(|error| error == "invalid_token"), "the challenge says {error:?}");
        let found = self.reason(token).unwrap_or_else(|| "accepted".into());
        ensure!(found == reason, "expected {reason}, found {found}");
        Ok(())
    }

    /// Returns the reason why the verifier rejects a token, if it does.
    pub(crate) fn reason(&self, token: &str) -> Option<String> {
        let error = format!("{:?}", self.verifier.verify(token).err()?);
        Some(error.chars().take_while(|c| c.is_alphanumeric()).collect())
    }

    /// Sends read requests with a token until [`KeptReading::stop`] is called.
    pub(crate) fn keep_reading(&self, token: &str) -> KeptReading {
        let request = self.http.get(format!("{}/orders", self.url)).bearer_auth(token);
        let (enough, mut told) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let (mut asked, mut rejected) = (0, 0);
            while told.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
                let request = request.try_clone().ok_or_else(|| Trouble::failed("a request with a body"))?;
                asked += 1;
                rejected += u32::from(Answer::to(request).await?.status != 200);
            }
            Ok((asked, rejected))
        });
        KeptReading { enough, task }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A caller that sends read requests continuously.
pub(crate) struct KeptReading {
    enough: tokio::sync::oneshot::Sender<()>,
    task: JoinHandle<Result<(u32, u32), Trouble>>,
}

impl KeptReading {
    /// Stops, and returns the number of requests and of rejections.
    pub(crate) async fn stop(self) -> Result<(u32, u32), Trouble> {
        let _ = self.enough.send(());
        self.task.await?
    }
}

impl Answer {
    pub(crate) async fn to(request: RequestBuilder) -> Result<Self, Trouble> {
        let response = request.send().await?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let challenge = header("www-authenticate").and_then(parameters);
        let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
        Ok(Self { status: response.status().as_u16(), challenge, retry_after, body: response.text().await? })
    }
}

/// Returns the parameters of the first challenge, if it is for bearer tokens. The parser is not
/// ours.
pub(crate) fn parameters(header: &str) -> Option<Challenge> {
    parameters_of("bearer", header)
}

/// Returns the parameters of the first challenge, if it has this scheme.
pub(crate) fn parameters_of(scheme: &str, header: &str) -> Option<Challenge> {
    let challenge = ChallengeParser::new(header).next()?.ok()?;
    challenge.scheme.eq_ignore_ascii_case(scheme).then_some(())?;
    Some(challenge.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped())).collect())
}

/// Returns an HTTP client for loopback addresses only.
pub(crate) fn client() -> Result<Client, Trouble> {
    Ok(Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?)
}
