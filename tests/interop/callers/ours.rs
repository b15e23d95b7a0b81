//! scopegate-client with reqwest.

use reqwest::{Client as Http, RequestBuilder, Response, Url};
use scopegate_client::{
    AddToken, CallError, ClientAuthentication, ClientCredentials, ClientCredentialsBuilder, Error, PrivateKey,
};

use crate::accounts::{Account, Proof};
use crate::api::parameters;
use crate::caller::{Caller, Order, View};
use crate::outcome::Trouble;

pub(crate) struct Ours {
    pub(crate) http: Http,
}

impl Caller for Ours {
    /// Discovers the token endpoint with the issuer's metadata.
    async fn fetch_and_call(&mut self, order: &Order<'_>, url: &str) -> Result<View, Trouble> {
        let origin = Url::parse(url)?.origin().ascii_serialization();
        let credentials = builder(order)?.build()?;
        match AddToken::new(&credentials, &origin)?.send(self.http.get(url)).await {
            Ok(response) => {
                let missing = credentials.token().await?.missing_scopes().to_string();
                let failure = Some(missing).filter(|missing| !missing.is_empty());
                Ok(View { failure, ..view(response).await? })
            }
            Err(CallError::Token(error)) => {
                let code = match &error {
                    Error::Rejected { code: Some(code), .. } => code.as_str().to_owned(),
                    other => other.to_string(),
                };
                Ok(View { failure: Some(code), ..View::default() })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn call(&mut self, token: Option<&str>, url: &str) -> Result<View, Trouble> {
        let request = self.http.get(url);
        let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
        view(request.send().await?).await
    }
}

/// Returns the settings for a token request. The token endpoint is discovered.
pub(crate) fn builder(order: &Order<'_>) -> Result<ClientCredentialsBuilder, Trouble> {
    let client = authentication(order.account)?;
    let credentials =
        ClientCredentials::builder(client).issuer(&order.server.issuer).scopes(order.scope.split(' '));
    let credentials = if order.server.assertions_for_endpoint {
        credentials.token_endpoint_as_assertion_audience()
    } else {
        credentials
    };
    Ok(order.server.resource.into_iter().fold(credentials, ClientCredentialsBuilder::resource))
}

pub(crate) fn authentication(account: &Account) -> Result<ClientAuthentication, Trouble> {
    Ok(match &account.proof {
        Proof::Basic { secret } => ClientAuthentication::client_secret_basic(&account.id, secret.clone()),
        Proof::Post { secret } => ClientAuthentication::client_secret_post(&account.id, secret.clone()),
        Proof::Key { pem, key_id, .. } => {
            let key = PrivateKey::from_pem(pem)?.with_key_id(key_id);
            ClientAuthentication::private_key_jwt(&account.id, key)
        }
    })
}

async fn view(response: Response) -> Result<View, Trouble> {
    let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let (challenge, retry_after) = (header("www-authenticate"), header("retry-after"));
    Ok(View {
        status: response.status().as_u16(),
        challenge: challenge.as_deref().and_then(parameters),
        retry_after,
        body: response.text().await?,
        failure: None,
    })
}
