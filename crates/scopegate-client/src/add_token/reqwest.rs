//! The same for requests of `reqwest`, which need no layer.

use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Response};

use super::retry::Retries;
use super::{AddToken, CallError};
use crate::origin::Origin;

impl<R> AddToken<R> {
    /// Sends a request with a token, as the layer does. Any request whose body is not a stream can be repeated.
    ///
    /// `reqwest` follows redirects by itself, and drops the token on the way to another host. An answer from there is the
    /// caller's: it changes nothing about the token.
    ///
    /// ```
    /// use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};
    /// # use axum::{Router, http::HeaderMap, routing::get};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = scopegate_issuer::LocalIssuer::start().await?;
    /// # let issuer = local.issuer();
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let api = format!("http://{}", listener.local_addr()?);
    /// # let headers = async |headers: HeaderMap| format!("{}", headers.contains_key("authorization"));
    /// # tokio::spawn(async move { axum::serve(listener, Router::new().route("/orders", get(headers))).await });
    /// let client = ClientAuthentication::client_secret_basic("local-reader", "local-reader-secret");
    /// let credentials = ClientCredentials::discover(issuer, client).build()?;
    ///
    /// let to_api = AddToken::new(&credentials, &api)?;
    /// let http = reqwest::Client::new();
    /// let orders = to_api.send(http.get(format!("{api}/orders"))).await?;
    /// # assert_eq!(orders.text().await?, "true");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`CallError::Token`] when no token can be had, [`CallError::Call`] with the error of `reqwest`.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, CallError<reqwest::Error>> {
        let rule = &*self.rule;
        let (client, request) = request.build_split();
        let mut request = request.map_err(CallError::Call)?;
        let ours = Origin::of_url(request.url()).is_some_and(|origin| origin == rule.origin);
        if !ours || request.headers().contains_key(AUTHORIZATION) {
            return client.execute(request).await.map_err(CallError::Call);
        }
        let mut token = rule.credentials.token().await.map_err(CallError::Token)?;
        let mut retries = Retries::new(rule);
        loop {
            let spare = request.try_clone();
            request.headers_mut().insert(AUTHORIZATION, token.header_value());
            let answer = client.execute(request).await.map_err(CallError::Call)?;
            let from_us = Origin::of_url(answer.url()).is_some_and(|origin| origin == rule.origin);
            let Some(spare) = spare.filter(|_| from_us) else { return Ok(answer) };
            match retries.after(answer.status(), answer.headers(), &token).await {
                None => return Ok(answer),
                Some(other) => (token, request) = (other, spare),
            }
        }
    }
}
