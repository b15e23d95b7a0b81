//! Client certificates (RFC 8705): is a bound token accepted only with its certificate? Each accepted
//! request has rejected twins that differ in one point.

mod bindings;
mod headers;
mod lazy_parts;
mod read;
mod settings;

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use scopegate::http::{Authorization, Authorizer, Rejection, RequestHead};
use scopegate::{CertificateSource, Claims, ClientCertificates, PeerCertificate, Verifier, VerifierBuilder};
use scopegate_issuer::Mint;
use serde_json::json;
use testkit::{CLIENT, KEY, NOW, Token as _, builder_at, client_token, issuer_with_keys};

/// A self-signed certificate that has expired long ago.
pub(crate) struct ClientCertificate {
    der: Vec<u8>,
    pem: String,
}

impl ClientCertificate {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec!["client.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Self { der: certificate.der().to_vec(), pem: certificate.pem() }
    }

    pub(crate) fn of_tls(&self) -> PeerCertificate {
        PeerCertificate::from_der(&self.der)
    }

    /// SHA-256 in base64url, as `x5t#S256` has it.
    pub(crate) fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.hash())
    }

    fn hash(&self) -> Vec<u8> {
        digest(&SHA256, &self.der).as_ref().to_vec()
    }

    /// RFC 9440 §2.1.
    fn byte_sequence(&self) -> String {
        format!(":{}:", standard_base64(&self.der))
    }

    fn hex_hash(&self) -> String {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
        self.hash().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
    }

    /// Percent-encoded except for unreserved characters, as nginx and Envoy do.
    fn escaped(&self) -> String {
        escaped(&self.pem, "")
    }
}

fn standard_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn escaped(text: &str, safe: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if safe.as_bytes().contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

pub(crate) static CERTIFICATE: LazyLock<ClientCertificate> = LazyLock::new(ClientCertificate::new);
pub(crate) static OTHER: LazyLock<ClientCertificate> = LazyLock::new(ClientCertificate::new);

const PROXY: &str = "10.0.0.5";
const STRANGER: &str = "192.0.2.1";
const CLIENT_CERT: &str = "client-cert";

fn builder() -> VerifierBuilder {
    builder_at(NOW).trust(issuer_with_keys([KEY.jwk()]).client(CLIENT))
}

/// A verifier that trusts the proxies of 10.0.0.0/8.
fn accepting(source: CertificateSource) -> Verifier {
    let proxies: &[&str] = if source == CertificateSource::Tls { &[] } else { &["10.0.0.0/8"] };
    let certificates = ClientCertificates::accept(source).trusted_proxies(proxies.iter().copied());
    builder().client_certificates(certificates).build().unwrap()
}

fn with_tls() -> Verifier {
    accepting(CertificateSource::Tls)
}

fn bound_to_certificate(certificate: &ClientCertificate) -> Mint {
    client_token().claim("cnf", json!({ "x5t#S256": certificate.thumbprint() }))
}

fn unbound() -> String {
    client_token().compact()
}

/// A request with a token.
#[derive(Clone)]
struct Sent {
    headers: HeaderMap,
    peer: Option<&'static str>,
    certificate: Option<PeerCertificate>,
}

impl Sent {
    fn new(token: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        Self { headers, peer: Some(PROXY), certificate: None }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).unwrap();
        self.headers.append(name, HeaderValue::try_from(value).unwrap());
        self
    }

    fn from(mut self, peer: &'static str) -> Self {
        self.peer = Some(peer);
        self
    }

    fn over_tls(mut self, certificate: &ClientCertificate) -> Self {
        self.certificate = Some(certificate.of_tls());
        self
    }

    fn head(&self) -> RequestHead<'_> {
        let mut head = RequestHead::new(&self.headers);
        if let Some(peer) = self.peer {
            head = head.with_peer_address(peer.parse().unwrap());
        }
        match &self.certificate {
            Some(certificate) => head.with_certificate(certificate),
            None => head,
        }
    }

    fn decided(&self, verifier: &Verifier) -> Result<Option<Claims>, Rejection> {
        match Authorizer::require_token(verifier).authorize_head(self.head()) {
            Authorization::Ready(decided) => decided,
            other => panic!("the keys are static: {other:?}"),
        }
    }

    /// Returns the status and the reason code.
    fn outcome(&self, verifier: &Verifier) -> (u16, &'static str) {
        match self.decided(verifier) {
            Ok(_) => (200, "accepted"),
            Err(rejection) => (rejection.status().as_u16(), rejection.reason_code()),
        }
    }
}
