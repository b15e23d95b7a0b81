//! The HTTP clients of one [`ClientCredentials`](crate::ClientCredentials), and the bounds of
//! responses.

use http::header::{ACCEPT, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use scopegate_proto::http::{HttpClient, HttpClients, HttpError, HttpRequest, TransportSettings};
use scopegate_proto::url::SecureUrl;
use zeroize::Zeroizing;

use crate::error::config::ConfigError;
use scopegate_proto::client_auth::Authenticator;

/// Maximum length of a body. The largest tokens have a few kilobytes, because headers hold no more.
const MAX_BODY: usize = 64 * 1024;

/// Creates HTTP clients with the configured certificates. They share one pool.
#[derive(Debug)]
pub(crate) struct Transport {
    clients: HttpClients,
    settings: TransportSettings,
}

impl Transport {
    /// Checks the certificates: the authorities besides the system's, and the certificate of the
    /// client if it has one.
    pub(crate) fn new<'a>(
        client: &Authenticator,
        root_certificates: impl IntoIterator<Item = &'a Vec<u8>>,
    ) -> Result<Self, ConfigError> {
        let settings = TransportSettings::new(concat!("scopegate-client/", env!("CARGO_PKG_VERSION")));
        let settings = root_certificates.into_iter().fold(settings, TransportSettings::root_certificates);
        let settings = client.transport(settings);
        settings.check()?;
        Ok(Self { clients: HttpClients::default(), settings })
    }

    /// Returns the HTTP client for a token endpoint. It presents the certificate of the client.
    pub(crate) fn token_client(&self, url: &SecureUrl) -> Result<HttpClient, ConfigError> {
        Ok(self.clients.client(url, &self.settings)?)
    }

    /// Returns the HTTP client for metadata. Metadata is public, so no certificate is presented.
    pub(crate) fn metadata_client(&self, issuer: &SecureUrl) -> Result<HttpClient, ConfigError> {
        Ok(self.clients.client(issuer, &self.settings.without_identity())?)
    }
}

/// A complete response.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// The unparsed header.
    pub(crate) retry_after: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Sends a request for a JSON document.
pub(crate) async fn send(request: HttpRequest) -> Result<Response, HttpError> {
    let json = HeaderValue::from_static("application/json");
    let response = request.header(ACCEPT, json).send().await?;
    let status = response.status();
    let retry_after = response.header(&RETRY_AFTER).map(str::to_owned);
    let headers = response.headers().clone();
    let body = match response.body(MAX_BODY).await {
        // The status of an error page suffices.
        Err(HttpError::TooLarge { .. }) if !status.is_success() => Zeroizing::default(),
        body => body?,
    };
    Ok(Response { status, retry_after, headers, body })
}

#[cfg(test)]
mod tests {
    use scopegate_proto::client_auth::ClientAuthentication;

    use super::*;

    #[test]
    fn metadata_and_tokens_share_one_client() {
        let by_secret = ClientAuthentication::client_secret_basic("report", "s3cret");
        let by_secret = Authenticator::new(by_secret).unwrap();
        let transport = Transport::new(&by_secret, []).unwrap();
        let url = |text| SecureUrl::parse(text).unwrap();
        let used = (
            transport.metadata_client(&url("https://issuer.example/t1")).unwrap(),
            transport.token_client(&url("https://tokens.example/token")).unwrap(),
        );
        assert_eq!(transport.clients.built(), 1, "{used:?}");
    }
}
