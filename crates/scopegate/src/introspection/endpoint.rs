//! The request to an introspection endpoint (RFC 7662 §2.1). The token is sent in the body only, and
//! to `tokeninfo` in a header only.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use scopegate_proto::client_auth::{Authenticator, form};
use scopegate_proto::http::{HttpClient, HttpError, HttpRequest, parse_retry_after};
use scopegate_proto::sent_secrets::SentSecrets;
use scopegate_proto::url::SecureUrl;
use zeroize::Zeroizing;

use crate::fetch::authorization::FetchAuthorization;
use crate::introspection::responses::failure::Failure;
use crate::introspection::responses::signed::ResponseSigner;
use crate::introspection::responses::statement::{Format, MAX_BODY, Response, Statement};
use crate::introspection::responses::tokeninfo;

/// The endpoint of one issuer, with the credentials of this API.
pub(super) struct Endpoint {
    pub(super) http: HttpClient,
    pub(super) url: SecureUrl,
    pub(super) credentials: Credentials,
    /// The audience of signed assertions: the issuer, so that no other server accepts them.
    pub(super) audience: Arc<str>,
    /// `None` if responses are not signed.
    pub(super) signer: Option<ResponseSigner>,
}

/// The checked credentials of this API.
#[derive(Clone, Debug)]
pub(crate) enum Credentials {
    Client(Authenticator),
    Authorization(FetchAuthorization),
    /// The token itself, at an endpoint [`tokeninfo`].
    Token,
}

/// A request about one token, and the secrets in it.
pub(super) struct Request {
    request: HttpRequest,
    secrets: SentSecrets,
}

/// A complete response.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<String>,
    pub(super) retry_after: Option<std::time::Duration>,
    pub(super) has_challenge: bool,
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) secrets: SentSecrets,
}

impl Endpoint {
    /// Returns whether both endpoints decide for the same client. Another secret of one client is no
    /// difference.
    pub(super) fn decides_as(&self, other: &Self) -> bool {
        self.url == other.url
            && self.format() == other.format()
            && match (&self.credentials, &other.credentials) {
                (Credentials::Client(ours), Credentials::Client(theirs)) => {
                    ours.client_id() == theirs.client_id()
                }
                (Credentials::Authorization(ours), Credentials::Authorization(theirs)) => {
                    ours.id() == theirs.id()
                }
                (Credentials::Token, Credentials::Token) => true,
                (Credentials::Client(_) | Credentials::Authorization(_) | Credentials::Token, _) => false,
            }
    }

    fn format(&self) -> Format {
        if self.signer.is_some() { Format::Jwt } else { Format::Json }
    }

    /// Creates the request about a token, with the credentials as they are now.
    pub(super) async fn request(&self, token: &str, now: SystemTime) -> Result<Request, Failure> {
        let (header, parameters, mut secrets) = match &self.credentials {
            Credentials::Client(client) => {
                let sent = client.params(&self.audience, now).await.map_err(Failure::NoAssertion)?;
                (sent.header, sent.parameters, sent.secrets)
            }
            Credentials::Authorization(authorization) => {
                let header = authorization.header().await.map_err(Failure::NoAuthorization)?;
                let secrets = SentSecrets::new(header.to_str().unwrap_or_default().split(' '));
                (Some(header), Vec::new(), secrets)
            }
            Credentials::Token => (tokeninfo::authorization(token), Vec::new(), SentSecrets::default()),
        };
        secrets.add(token);
        let mut pairs = Vec::new();
        if !self.is_tokeninfo() {
            pairs.extend([("token", token), ("token_type_hint", "access_token")]);
        }
        pairs.extend(parameters.iter().map(|(name, value)| (*name, value.as_str())));
        let accept = HeaderValue::from_static(self.format().media_type());
        let mut request = self.http.post_form(&self.url, form(&pairs)).header(ACCEPT, accept);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        Ok(Request { request, secrets })
    }

    /// Sends a request. Redirects are not followed: they could lead the token and the credentials
    /// elsewhere.
    pub(super) async fn send(&self, request: Request, now: SystemTime) -> Result<Received, Failure> {
        let Request { request, secrets } = request;
        let response = request.send().await?;
        let status = response.status();
        // None was asked for (RFC 9110 §12.5.3), and a decoded body may have any size.
        let encoding = response.header(&CONTENT_ENCODING).filter(|found| *found != "identity");
        if let Some(found) = encoding.filter(|_| status == StatusCode::OK) {
            return Err(Failure::Encoded(secrets.show(found)));
        }
        let content_type = response.header(&CONTENT_TYPE).map(str::to_owned);
        let retry_after = response.header(&RETRY_AFTER).and_then(|value| parse_retry_after(value, now));
        let has_challenge = response.header(&WWW_AUTHENTICATE).is_some();
        let format = self.format();
        let is_result =
            status == StatusCode::OK && content_type.as_deref().is_some_and(|found| format.is_of(found));
        let body = match response.body(MAX_BODY).await {
            // The status or the type of another page suffices.
            Err(HttpError::TooLarge { .. }) if !is_result => Zeroizing::default(),
            body => body?,
        };
        let received = Received { status, content_type, retry_after, has_challenge, body, secrets };
        if self.is_tokeninfo() { received.of_tokeninfo() } else { Ok(received) }
    }

    fn is_tokeninfo(&self) -> bool {
        matches!(self.credentials, Credentials::Token)
    }
}

impl Received {
    /// Returns the response of `tokeninfo` in the form of RFC 7662.
    pub(super) fn of_tokeninfo(self) -> Result<Self, Failure> {
        let Self { status, retry_after, .. } = self;
        let is_page = !self.content_type.as_deref().is_some_and(|found| Format::Json.is_of(found));
        if status == StatusCode::OK && is_page {
            return Ok(self);
        }
        match tokeninfo::as_introspection(status, &self.body)? {
            Some(body) => {
                let content_type = Some("application/json".to_owned());
                Ok(Self { status: StatusCode::OK, content_type, body, ..self })
            }
            None => Err(Failure::Status { status, retry_after }),
        }
    }

    /// Reads a plain response.
    pub(super) fn read(&self) -> Result<Statement<'_>, Failure> {
        self.response().read(&self.secrets)
    }

    /// Returns the body of a signed response. Nothing is verified yet.
    pub(super) fn jwt(&self) -> Result<&[u8], Failure> {
        self.response().body_of(Format::Jwt, &self.secrets)
    }

    fn response(&self) -> Response<'_> {
        Response {
            status: self.status,
            content_type: self.content_type.as_deref(),
            retry_after: self.retry_after,
            has_challenge: self.has_challenge,
            body: &self.body,
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url.without_query()).finish_non_exhaustive()
    }
}
