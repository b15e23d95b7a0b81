//! FAPI 2.0: which configurations and which tokens does a verifier accept that requires the profile?
//! Each accepted one has rejected twins that differ in one point.

mod configuration;
mod requests;

use std::sync::LazyLock;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Request};
use scopegate::http::{Authorization, Authorizer, RequestHead};
use scopegate::{
    CertificateSource, ClientCertificates, Dpop, Issuer, PeerCertificate, Revocations, Verifier,
    VerifierBuilder,
};
use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};
use serde_json::json;
use testkit::{
    CLIENT, NOW, Proof, builder_at, certificate_thumbprint, client_token, issuer_with_keys, thumbprint,
};

/// The issuer's key.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(KeyAlgorithm::PS256));
static CLIENT_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(KeyAlgorithm::ES256));

const ORIGIN: &str = "https://api.example";
const CERTIFICATE: &str = "a certificate";
const SCOPE: &str = "payments";

fn issuer() -> Issuer {
    issuer_with_keys([KEY.jwk()]).client(CLIENT)
}

fn dpop() -> Dpop {
    Dpop::accept().origin(ORIGIN)
}

fn certificates() -> ClientCertificates {
    ClientCertificates::accept(CertificateSource::Tls)
}

/// A builder without the profile, with the default leeway.
fn at_now() -> VerifierBuilder {
    builder_at(NOW).leeway(Duration::from_secs(30))
}

/// A builder that lacks the bindings.
fn without_bindings() -> VerifierBuilder {
    at_now().require_fapi2().trust(issuer()).revocations(&Revocations::new())
}

fn with_dpop() -> Verifier {
    without_bindings().dpop(dpop()).build().unwrap()
}

fn with_certificates() -> Verifier {
    without_bindings().client_certificates(certificates()).build().unwrap()
}

fn with_both() -> Verifier {
    without_bindings().dpop(dpop()).client_certificates(certificates()).build().unwrap()
}

fn unbound() -> Mint {
    client_token().scope(SCOPE)
}

fn bound_to_key() -> Mint {
    unbound().claim("cnf", json!({ "jkt": thumbprint(&CLIENT_KEY) }))
}

fn bound_to_certificate() -> Mint {
    unbound().claim("cnf", json!({ "x5t#S256": certificate_thumbprint(CERTIFICATE.as_bytes()) }))
}

/// A request with a token, signed by the issuer.
struct Sent {
    request: Request<()>,
    certificate: Option<PeerCertificate>,
}

impl Sent {
    fn new(scheme: &str, token: &str) -> Self {
        let request = Request::get("/orders").header(AUTHORIZATION, format!("{scheme} {token}"));
        Self { request: request.body(()).unwrap(), certificate: None }
    }

    fn bearer(token: &Mint) -> Self {
        Self::new("Bearer", &token.sign_with(&KEY))
    }

    /// A request with a proof that is signed with [`CLIENT_KEY`].
    fn with_proof(token: &Mint) -> Self {
        let token = token.sign_with(&KEY);
        let proof = Proof::new(&CLIENT_KEY, "GET", &format!("{ORIGIN}/orders"), &token);
        Self::new("DPoP", &token).proof(&proof.sign_with(&CLIENT_KEY))
    }

    fn proof(mut self, proof: &str) -> Self {
        self.request.headers_mut().insert("dpop", proof.parse().unwrap());
        self
    }

    fn over_tls(mut self, certificate: &str) -> Self {
        self.certificate = Some(PeerCertificate::from_der(certificate));
        self
    }

    /// Returns the status and the reason code.
    fn outcome(&self, verifier: &Verifier) -> (u16, &'static str) {
        let authorizer = Authorizer::require_scope(verifier, SCOPE).unwrap();
        let (method, uri) = (&Method::GET, self.request.uri());
        let mut head = RequestHead::new(self.request.headers()).with_target(method, uri);
        if let Some(certificate) = &self.certificate {
            head = head.with_certificate(certificate);
        }
        match authorizer.authorize_head(head) {
            Authorization::Ready(Ok(_)) | Authorization::Proven(_) => (200, "accepted"),
            Authorization::Ready(Err(rejection)) => (rejection.status().as_u16(), rejection.reason_code()),
            Authorization::Pending(_) => panic!("the keys are static"),
        }
    }
}
