//! The certificate header of a request. It is decoded when a bound token needs it, and at most once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::HeaderValue;

use crate::certificate::header;
use crate::certificate::malformed::MalformedCertificate;
use crate::certificate::source::CertificateSource;

/// The certificate in a header of one request, for several decisions about this request.
///
/// A header is decoded when a token is valid and bound to a certificate. Pass the same value to each
/// decision with [`RequestHead::with_header_certificate`](crate::http::RequestHead::with_header_certificate),
/// so that the header is decoded once. The layers of `scopegate-axum` store it in the request's
/// extensions.
///
/// A value of another header is decoded anew, for example if a layer has changed the header.
#[derive(Clone, Default)]
pub struct HeaderCertificate(OnceLock<Arc<CertificateHeader>>);

impl HeaderCertificate {
    /// Returns whether the header was decoded.
    pub fn is_decoded(&self) -> bool {
        self.0.get().is_some_and(|header| header.thumbprint.get().is_some())
    }

    /// Returns this header. It is new if the first decision was about another one.
    pub(super) fn of(
        &self,
        source: &CertificateSource,
        value: Result<&HeaderValue, MalformedCertificate>,
    ) -> Arc<CertificateHeader> {
        let new = || Arc::new(CertificateHeader::new(source, value.cloned()));
        let first = self.0.get_or_init(new);
        if first.source == *source && first.value.as_ref() == value.as_ref().copied() {
            Arc::clone(first)
        } else {
            new()
        }
    }
}

impl fmt::Debug for HeaderCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderCertificate").field("is_decoded", &self.is_decoded()).finish_non_exhaustive()
    }
}

/// The header of a trusted proxy.
pub(crate) struct CertificateHeader {
    source: CertificateSource,
    /// The only value.
    value: Result<HeaderValue, MalformedCertificate>,
    thumbprint: OnceLock<Result<[u8; 32], MalformedCertificate>>,
}

impl CertificateHeader {
    fn new(source: &CertificateSource, value: Result<HeaderValue, MalformedCertificate>) -> Self {
        Self { source: source.clone(), value, thumbprint: OnceLock::new() }
    }

    /// Returns the hash of the certificate. The first call decodes the header.
    pub(crate) fn thumbprint(&self) -> Result<[u8; 32], MalformedCertificate> {
        *self.thumbprint.get_or_init(|| {
            #[cfg(any(test, feature = "test-util"))]
            DECODED.set(DECODED.get() + 1);
            let value = self.value.as_ref().map_err(|malformed| *malformed)?;
            header::thumbprint(&self.source, value.as_bytes())
        })
    }
}

#[cfg(any(test, feature = "test-util"))]
thread_local! {
    static DECODED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(any(test, feature = "test-util"))]
impl HeaderCertificate {
    /// Returns the number of headers that were decoded in this thread.
    #[doc(hidden)]
    pub fn decoded_in_thread() -> usize {
        DECODED.get()
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use http::{HeaderMap, HeaderName};
    use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};
    use scopegate_proto::base64url;
    use serde_json::json;
    use testkit::{ISSUER, jwks};

    use super::*;
    use crate::certificate::ClientCertificates;
    use crate::http::{Authorization, Authorizer, RequestHead};
    use crate::issuer::Issuer;
    use crate::keys::verifying_key::sha256;
    use crate::verifier::Verifier;

    /// A byte sequence of one empty element in DER.
    const HEADER: &str = ":MAA=:";

    struct Api {
        authorizer: Authorizer,
        key: SigningKey,
    }

    impl Api {
        fn new(settings: fn(CertificateSource) -> ClientCertificates) -> Self {
            let key = SigningKey::generate(KeyAlgorithm::EdDSA);
            let issuer = Issuer::from_jwks(ISSUER, &jwks([key.jwk()])).unwrap().client("client");
            let certificates = settings(CertificateSource::ClientCert).trusted_proxies(["10.0.0.5"]);
            let verifier =
                Verifier::builder().trust(issuer).client_certificates(certificates).build().unwrap();
            Self { authorizer: Authorizer::require_token(&verifier), key }
        }

        fn token(&self, cnf: &serde_json::Value) -> String {
            Mint::cognito(ISSUER, "client").claim("cnf", cnf.clone()).sign_with(&self.key)
        }

        fn bound(&self) -> String {
            self.token(&json!({ "x5t#S256": base64url::encode(sha256(&[0x30, 0])) }))
        }

        /// Decides about a request, and returns the outcome and the number of decoded headers.
        fn outcome(&self, token: &str, value: &str, memo: &HeaderCertificate) -> (&'static str, usize) {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, testkit::bearer(token).parse().unwrap());
            headers.insert(HeaderName::from_static("client-cert"), value.parse().unwrap());
            let head = RequestHead::new(&headers).with_peer_address([10, 0, 0, 5].into());
            let before = HeaderCertificate::decoded_in_thread();
            let outcome = match self.authorizer.authorize_head(head.with_header_certificate(memo)) {
                Authorization::Ready(Ok(_)) => "accepted",
                Authorization::Ready(Err(rejection)) => rejection.reason_code(),
                other => panic!("the keys are static: {other:?}"),
            };
            (outcome, HeaderCertificate::decoded_in_thread() - before)
        }
    }

    #[test]
    fn header_of_unbound_token_is_not_decoded() {
        // MT04, MT08: fresh and cached, with a valid and with a malformed header.
        let accepting = Api::new(ClientCertificates::accept);
        let requiring = Api::new(ClientCertificates::require);
        for value in [HEADER, "garbage"] {
            let memo = HeaderCertificate::default();
            for (api, expected) in [(&accepting, "accepted"), (&requiring, "not_certificate_bound")] {
                let token = api.token(&json!({}));
                for _fresh_and_cached in 0..2 {
                    assert_eq!(api.outcome(&token, value, &memo), (expected, 0), "{value}");
                }
                // Strangers have no valid token.
                assert_eq!(api.outcome("a.b.c", value, &memo), ("malformed", 0), "{value}");
            }
            assert!(!memo.is_decoded());
        }
    }

    #[test]
    fn header_is_decoded_once_for_a_request() {
        // MT01, MT08
        let api = Api::new(ClientCertificates::accept);
        for (value, expected) in
            [(HEADER, "accepted"), ("garbage", "malformed_certificate"), (":MAEA:", "wrong_certificate")]
        {
            let (token, memo) = (api.bound(), HeaderCertificate::default());
            assert_eq!(api.outcome(&token, value, &memo), (expected, 1), "{value}");
            assert_eq!(api.outcome(&token, value, &memo), (expected, 0), "{value}");
            assert_eq!(api.outcome(&token, value, &memo.clone()), (expected, 0), "{value}");
            assert!(memo.is_decoded());
            // Another request.
            assert_eq!(api.outcome(&token, value, &HeaderCertificate::default()), (expected, 1), "{value}");
        }
    }

    #[test]
    fn changed_header_is_decoded_anew() {
        // MT01: a layer between two decisions changes the header.
        let api = Api::new(ClientCertificates::accept);
        let (token, memo) = (api.bound(), HeaderCertificate::default());
        assert_eq!(api.outcome(&token, HEADER, &memo), ("accepted", 1));
        assert_eq!(api.outcome(&token, ":MAEA:", &memo), ("wrong_certificate", 1));
        assert_eq!(api.outcome(&token, "garbage", &memo), ("malformed_certificate", 1));
        assert_eq!(api.outcome(&token, HEADER, &memo), ("accepted", 0));
    }

    #[test]
    fn debug_shows_no_header() {
        let api = Api::new(ClientCertificates::accept);
        let memo = HeaderCertificate::default();
        assert_eq!(api.outcome(&api.bound(), HEADER, &memo).0, "accepted");
        assert_eq!(format!("{memo:?}"), "HeaderCertificate { is_decoded: true, .. }");
    }
}
