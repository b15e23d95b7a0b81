//! The same for requests of `reqwest`, which need no layer.

use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Response, Url};

use crate::add_token::AddToken;
use crate::add_token::call_error::CallError;
use crate::add_token::origin::Origin;
use crate::add_token::retry::Retries;

impl<R> AddToken<R> {
    /// Sends a request with a token, as the layer does. Any request whose body is not a stream can be repeated.
    ///
    /// `reqwest` follows redirects by itself, and drops the token on the way to another host. An answer from where it was
    /// redirected to is the caller's, whatever it is: it changes nothing about the token, and the request is not repeated,
    /// because what it was for may have been done before the redirect. An address that redirects to itself is not
    /// recognised; for such an API, take a client that follows no redirects.
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
        let api = &*self.api;
        let (client, request) = request.build_split();
        let mut request = request.map_err(CallError::Call)?;
        let ours = Origin::of_url(request.url()).is_some_and(|origin| origin == api.origin);
        if !ours || request.headers().contains_key(AUTHORIZATION) {
            return client.execute(request).await.map_err(CallError::Call);
        }
        let mut token = api.credentials.token().await.map_err(CallError::Token)?;
        let mut retries = Retries::new(api);
        loop {
            let spare = request.try_clone();
            let asked = request.url().clone();
            request.headers_mut().insert(AUTHORIZATION, token.header_value());
            let answer = client.execute(request).await.map_err(CallError::Call)?;
            let redirected = without_fragment(&asked) != without_fragment(answer.url());
            if redirected {
                return Ok(answer);
            }
            let Some(spare) = spare else {
                retries.without_retry(answer.status(), answer.headers(), &token);
                return Ok(answer);
            };
            match retries.after(answer.status(), answer.headers(), &token).await {
                None => return Ok(answer),
                Some(other) => (token, request) = (other, spare),
            }
        }
    }
}

/// What is sent of an address.
fn without_fragment(url: &Url) -> &str {
    url.as_str().split('#').next().unwrap_or_default()
}
