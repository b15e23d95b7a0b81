//! [`AddToken::send`], for requests of `reqwest` without a layer.

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Request, RequestBuilder, Response, Url};

use crate::add_token::AddToken;
use crate::add_token::call_error::CallError;
use crate::add_token::origin::Origin;
use crate::add_token::retry::Retries;
use crate::dpop::DPOP;
use crate::dpop::nonces::Nonce;
use crate::error::proof::SignProofError;
use crate::token::AccessToken;

impl<R> AddToken<R> {
    /// Sends a request with a token, like the layer. A request can be retried if its body is not a
    /// stream.
    ///
    /// `reqwest` follows redirects, and drops the token on the way to another host. A rejection
    /// behind a redirect is returned unchanged. The token stays cached and the request is not
    /// retried, because the API may have acted on it before the redirect. A URL that redirects to
    /// itself is not recognized.
    ///
    /// A proof of a bound token is for the first URL only, and `reqwest` does not drop it on the way
    /// to another host. For such an API, use a client with
    /// [`Policy::none`](reqwest::redirect::Policy::none).
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
    /// let credentials = ClientCredentials::builder(client).issuer(issuer).build()?;
    ///
    /// let to_api = AddToken::new(&credentials, &api)?;
    /// let http = reqwest::Client::new();
    /// let orders = to_api.send(http.get(format!("{api}/orders"))).await?;
    /// # assert_eq!(orders.text().await?, "true");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns [`CallError::Token`] if no token is available, and [`CallError::Call`] if `reqwest`
    /// fails.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, CallError<reqwest::Error>> {
        let api = &*self.api;
        let (client, request) = request.build_split();
        let mut request = request.map_err(CallError::Call)?;
        let ours = Origin::of_url(request.url()).is_some_and(|origin| origin == api.origin);
        if !ours || request.headers().contains_key(AUTHORIZATION) {
            return client.execute(request).await.map_err(CallError::Call);
        }
        let mut token = api.credentials.token_for(&api.name).await.map_err(CallError::Token)?;
        let mut retries = Retries::new(api);
        let mut nonce = None;
        loop {
            let copy = request.try_clone();
            let requested = request.url().clone();
            let proof = proof(&token, &request, nonce).map_err(CallError::Proof)?;
            request.headers_mut().insert(AUTHORIZATION, token.header_value());
            if let Some(proof) = proof {
                request.headers_mut().insert(DPOP, proof);
            }
            let response = client.execute(request).await.map_err(CallError::Call)?;
            let redirected = without_fragment(&requested) != without_fragment(response.url());
            if redirected {
                return Ok(response);
            }
            token.store_nonce_of(&api.name, response.headers());
            let Some(copy) = copy else {
                retries.without_retry(response.status(), response.headers(), &token);
                return Ok(response);
            };
            match retries.after(response.status(), response.headers(), &token).await {
                None => return Ok(response),
                Some(retry) => (token, nonce, request) = (retry.token, retry.nonce, copy),
            }
        }
    }
}

/// Returns a new proof for the request, if the token is bound.
fn proof(
    token: &AccessToken,
    request: &Request,
    nonce: Option<Nonce>,
) -> Result<Option<HeaderValue>, SignProofError> {
    let uri = request.url().as_str().parse().map_err(|_| SignProofError::InvalidUri)?;
    token.dpop_proof_with(request.method(), &uri, nonce)
}

/// Returns the part of a URL that is sent.
fn without_fragment(url: &Url) -> &str {
    url.as_str().split('#').next().unwrap_or_default()
}
