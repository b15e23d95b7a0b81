//! An API that rejects requests, and a caller with tokens for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, Response};
use scopegate_client::{AddToken, CallError, ClientAuthentication, ClientCredentials};
use scopegate_issuer::LocalIssuer;
use tower::{Layer as _, ServiceExt as _};

pub(super) const API: &str = "https://api.example";
pub(super) const READ: &str = "https://my-api-server.org/api.read";
pub(super) const WRITE: &str = "https://my-api-server.org/api.write";

pub(super) const INVALID_TOKEN: &str = r#"Bearer realm="api", error="invalid_token""#;

/// An API that records tokens, and sends the planned responses. Then it sends 200.
#[derive(Clone, Default)]
pub(super) struct Api {
    pub(super) tokens: Arc<Mutex<Vec<Option<String>>>>,
    pub(super) answers: Arc<Mutex<VecDeque<(u16, String)>>>,
}

impl Api {
    pub(super) fn answering<'a>(answers: impl IntoIterator<Item = (u16, &'a str)>) -> Self {
        let answers = answers.into_iter().map(|(status, challenge)| (status, challenge.to_owned()));
        Self { answers: Arc::new(Mutex::new(answers.collect())), ..Self::default() }
    }

    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<()> {
        let token = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        self.tokens.lock().unwrap().push(token);
        let (status, challenge) =
            self.answers.lock().unwrap().pop_front().unwrap_or_else(|| (200, String::new()));
        let response = Response::builder().status(status);
        let response =
            if challenge.is_empty() { response } else { response.header(WWW_AUTHENTICATE, challenge) };
        response.body(()).unwrap()
    }

    /// Returns the tokens in the order of the requests.
    pub(super) fn tokens(&self) -> Vec<Option<String>> {
        self.tokens.lock().unwrap().clone()
    }

    pub(super) async fn call<R>(&self, layer: &AddToken<R>, request: Request<Body>) -> Result<u16, String>
    where
        AddToken<R>: Clone,
        R: Clone,
        scopegate_client::WithToken<ApiService, R>: tower::Service<
                Request<Body>,
                Response = Response<()>,
                Error = CallError<std::convert::Infallible>,
            >,
    {
        let service = layer.layer(ApiService(self.clone()));
        let answer = service.oneshot(request).await;
        answer.map(|answer| answer.status().as_u16()).map_err(|error| format!("{error:?}"))
    }
}

/// An HTTP client.
#[derive(Clone)]
pub(super) struct ApiService(pub(super) Api);

impl<B> tower::Service<Request<B>> for ApiService {
    type Response = Response<()>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        std::future::ready(Ok(self.0.answer(&request)))
    }
}

pub(super) struct Caller {
    pub(super) issuer: LocalIssuer,
    pub(super) credentials: ClientCredentials,
    pub(super) layer: AddToken,
}

impl Caller {
    /// Starts a client that is allowed to read and write, and requests the scope for reading only.
    pub(super) async fn start() -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let client = ClientAuthentication::client_secret_basic("local-writer", "local-writer-secret");
        let credentials =
            ClientCredentials::builder(client).token_endpoint(issuer.token_endpoint()).scope(READ);
        let credentials = credentials.acquire_timeout(Duration::from_secs(1)).build().unwrap();
        let layer = AddToken::new(&credentials, API).unwrap();
        Self { issuer, credentials, layer }
    }
}

pub(super) fn get(url: &str) -> Request<Body> {
    Request::get(url).body(Body::empty()).unwrap()
}

pub(super) fn insufficient(scope: &str) -> String {
    format!(r#"Bearer realm="api", scope="{scope}", error="insufficient_scope""#)
}
