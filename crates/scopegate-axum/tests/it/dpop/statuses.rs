//! Each reason to reject a request with a bound token, and its status. Only a misconfigured server is 500.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use axum::Extension;
use axum::extract::ConnectInfo;
use scopegate_axum::{
    AuthenticationError, CertificateSource, ClientCertificates, DpopProofError, Error, ForwardedElement,
    MalformedCertificate, MalformedCredentials, RejectionReason,
};
use scopegate_issuer::Mint;
use testkit::{certificate_thumbprint, thumbprint};

use super::*;

#[tokio::test]
async fn each_rejection_of_bound_token_has_its_status() {
    // DP28, DP32, MT03, MT06, MT08, SU08
    let mut seen = Seen::default();
    proofs(&mut seen).await;
    nonces_and_stores(&mut seen).await;
    confirmations(&mut seen).await;
    certificates(&mut seen).await;
    malformed_certificates(&mut seen).await;
    requirements(&mut seen).await;
    credentials(&mut seen).await;
    let names: BTreeSet<String> = seen.0.keys().cloned().collect();
    assert_eq!(names, every_name());
    let is_misconfigured = |(name, status): (&String, &u16)| (*status == 500).then(|| name.clone());
    let misconfigured: Vec<String> = seen.0.iter().filter_map(is_misconfigured).collect();
    assert_eq!(misconfigured, ["PeerAddressUnknown"]);
}

/// The rejections so far, with their statuses.
#[derive(Default)]
struct Seen(BTreeMap<String, u16>);

impl Seen {
    /// Asserts the reason and the status of a rejected request.
    async fn rejected(&mut self, name: &str, status: u16, router: &Router, request: Request<Body>) {
        let response = send(router, request).await;
        let rejection = response.extensions().get::<Rejection>();
        let found = rejection.map_or("accepted".to_owned(), |rejection| name_of(rejection.reason()));
        assert_eq!((&*found, response.status().as_u16()), (name, status));
        let before = self.0.insert(found, status);
        assert!(before.is_none_or(|before| before == status), "{name}");
    }
}

fn name_of(reason: &RejectionReason) -> String {
    let error = match reason {
        RejectionReason::Token(error) => error,
        RejectionReason::Malformed(how) => return format!("Malformed/{}", how.variant()),
        other => return other.variant().to_owned(),
    };
    let detail = match error {
        Error::InvalidProof(error) => error.variant(),
        Error::MalformedCertificate(error) => error.variant(),
        Error::InsufficientUserAuthentication { reason, .. } => reason.variant(),
        other => return other.variant().to_owned(),
    };
    format!("{}/{detail}", error.variant())
}

fn every_name() -> BTreeSet<String> {
    let of = |group: &str, names: &[&str]| names.iter().map(|name| format!("{group}{name}")).collect();
    let groups: [Vec<String>; 6] = [
        of("", RejectionReason::OF_BOUND_TOKENS),
        of("", Error::OF_BOUND_TOKENS),
        of("Malformed/", MalformedCredentials::OF_BOUND_TOKENS),
        of("InvalidProof/", DpopProofError::OF_BOUND_TOKENS),
        of("MalformedCertificate/", MalformedCertificate::OF_BOUND_TOKENS),
        of("InsufficientUserAuthentication/", AuthenticationError::OF_BOUND_TOKENS),
    ];
    groups.concat().into_iter().collect()
}

fn unbound() -> Mint {
    client_token().scope("orders/read")
}

/// A request with this token and these values of the header `DPoP`.
fn dpop(token: &str, proofs: &[String]) -> Request<Body> {
    let mut request = get("/orders");
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, format!("DPoP {token}").parse().unwrap());
    for proof in proofs {
        headers.append("dpop", proof.parse().unwrap());
    }
    request
}

/// A request with this token and a valid proof for it.
fn with_own_proof(token: &Mint) -> Request<Body> {
    let token = token.compact();
    let proof = Proof::new(&CLIENT_KEY, "GET", "https://api.example/orders", &token);
    dpop(&token, &[proof.sign_with(&CLIENT_KEY)])
}

async fn proofs(seen: &mut Seen) {
    let router = orders(&accepting());
    let valid = || proof("GET", "/orders");
    let other_key = SigningKey::generate(KeyAlgorithm::ES256);
    for (name, proof) in [
        ("InvalidHeader", valid().header("crit", json!([]))),
        ("WrongType", valid().header("typ", "JWT")),
        ("UnacceptableAlgorithm", valid().header("alg", "RS256")),
        ("UnusableKey", valid().without_header("jwk")),
        ("OtherKey", valid().header("jwk", other_key.jwk())),
        ("InvalidPayload", valid().raw_payload("[]")),
        ("MissingClaim", valid().without_claim("jti")),
        ("MalformedClaim", valid().claim("jti", "")),
        ("OtherMethod", valid().claim("htm", "POST")),
        ("OtherUrl", valid().claim("htu", "https://api.example/other")),
        ("OtherToken", valid().claim("ath", token_hash("other"))),
        ("Expired", valid().claim("iat", NOW - 61)),
        ("NotYetValid", valid().claim("iat", NOW + 11)),
    ] {
        let request = with_proof(get("/orders"), &proof);
        seen.rejected(&format!("InvalidProof/{name}"), 401, &router, request).await;
    }
    let signed = || valid().sign_with(&CLIENT_KEY);
    for (name, proofs) in [
        ("Missing", vec![]),
        ("Several", vec![signed(), signed()]),
        ("TooLong", vec!["x".repeat(8 * 1024 + 1)]),
        ("NotAJwt", vec!["x".to_owned()]),
        ("BadSignature", vec![valid().mint().bad_signature().sign_with(&CLIENT_KEY)]),
    ] {
        seen.rejected(&format!("InvalidProof/{name}"), 401, &router, dpop(&TOKEN, &proofs)).await;
    }
    let request = proven("/orders");
    let copy = again(&request);
    assert_eq!(status(&router, request).await, 200);
    seen.rejected("InvalidProof/Replayed", 401, &router, copy).await;
}

struct Down;

impl ReplayStore for Down {
    fn record(
        &self,
        _: UsedProof,
    ) -> Pin<Box<dyn Future<Output = Result<ProofUse, ReplayStoreError>> + Send>> {
        Box::pin(ready(Err(ReplayStoreError::new("down"))))
    }
}

async fn nonces_and_stores(seen: &mut Seen) {
    let router = orders(&verifier(Dpop::accept().nonces(&DpopNonces::new())));
    let unknown = with_proof(get("/orders"), &proof("GET", "/orders").claim("nonce", "x"));
    seen.rejected("InvalidProof/MissingNonce", 401, &router, proven("/orders")).await;
    seen.rejected("InvalidProof/UnknownNonce", 401, &router, unknown).await;
    let router = orders(&verifier(Dpop::accept().replay_store(Down)));
    seen.rejected("ReplayStoreUnavailable", 503, &router, proven("/orders")).await;
    let router = orders(&verifier(Dpop::accept().replay_capacity(1)));
    assert_eq!(status(&router, proven("/orders")).await, 200);
    seen.rejected("ReplayStoreUnavailable", 503, &router, proven("/orders")).await;
}

/// The smallest certificate in DER: an empty sequence.
const CERTIFICATE: &[u8] = &[0x30, 0];

fn bound_to_certificate() -> Mint {
    unbound().claim("cnf", json!({ "x5t#S256": certificate_thumbprint(CERTIFICATE) }))
}

/// A router that accepts proofs, and certificates from a header of its trusted peer.
fn behind_proxy(certificates: ClientCertificates) -> Router {
    without_peer(certificates).layer(Extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 5_000)))))
}

fn without_peer(certificates: ClientCertificates) -> Router {
    let verifier = Verifier::builder()
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .trust(issuer_with_keys([testkit::KEY.jwk()]).client(testkit::CLIENT))
        .dpop(Dpop::accept().origin(ORIGIN))
        .client_certificates(certificates.trusted_proxies(["127.0.0.1"]))
        .build()
        .unwrap();
    orders(&verifier)
}

fn certified(token: &Mint, header: &str, values: &[&str]) -> Request<Body> {
    let mut request = with_token(get("/orders"), &token.compact());
    for value in values {
        let name: HeaderName = header.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

async fn confirmations(seen: &mut Seen) {
    let router = behind_proxy(ClientCertificates::accept(CertificateSource::ClientCert));
    let bearer = |cnf: Value| with_token(get("/orders"), &unbound().claim("cnf", cnf).compact());
    // RFC 7800 §3.1: unknown members are ignored.
    for cnf in [json!({}), json!({ "x": 1 })] {
        assert_eq!(status(&router, bearer(cnf)).await, 200);
    }
    let jkt = thumbprint(&CLIENT_KEY);
    for cnf in [
        json!(null),
        json!("x"),
        json!([]),
        json!({ "jkt": jkt }),
        json!({ "jkt": 1 }),
        json!({ "x5t#S256": null }),
        json!({ "x5t#S256": "A" }),
        json!({ "jwk": {} }),
        json!({ "jwe": "a" }),
        json!({ "kid": "a" }),
        json!({ "jku": "https://keys.example" }),
        json!({ "osc": {} }),
    ] {
        seen.rejected("SenderConstrained", 401, &router, bearer(cnf)).await;
    }
    let proven = |cnf: Value| with_own_proof(&unbound().claim("cnf", cnf));
    assert_eq!(status(&router, proven(json!({ "jkt": jkt }))).await, 200);
    for cnf in [json!(null), json!({ "jkt": null }), json!({ "jkt": "A" }), json!({ "jkt": jkt, "jwk": {} })]
    {
        seen.rejected("SenderConstrained", 401, &router, proven(cnf)).await;
    }
    seen.rejected("NotSenderConstrained", 401, &router, with_own_proof(&unbound())).await;
    let without_certificates = orders(&accepting());
    let request = with_token(get("/orders"), &bound_to_certificate().compact());
    seen.rejected("SenderConstrained", 401, &without_certificates, request).await;
    let requiring = orders(&verifier(Dpop::require()));
    seen.rejected("ProofRequired", 401, &requiring, with_token(get("/orders"), &unbound().compact())).await;
}

const CLIENT_CERT: &str = "client-cert";

async fn certificates(seen: &mut Seen) {
    let accept = || ClientCertificates::accept(CertificateSource::ClientCert);
    let (router, bound) = (behind_proxy(accept()), bound_to_certificate());
    let with = |token: &Mint, value: &str| certified(token, CLIENT_CERT, &[value]);
    assert_eq!(status(&router, with(&bound, ":MAA=:")).await, 200);
    seen.rejected("WrongCertificate", 401, &router, with(&bound, ":MAEA:")).await;
    seen.rejected("MissingCertificate", 401, &router, certified(&bound, CLIENT_CERT, &[])).await;
    let requiring = behind_proxy(ClientCertificates::require(CertificateSource::ClientCert));
    assert_eq!(status(&requiring, with(&bound, ":MAA=:")).await, 200);
    seen.rejected("NotCertificateBound", 401, &requiring, with(&unbound(), ":MAA=:")).await;
    // The only fault of our own: axum does not provide the address of the peer.
    seen.rejected("PeerAddressUnknown", 500, &without_peer(accept()), with(&bound, ":MAA=:")).await;
}

async fn malformed_certificates(seen: &mut Seen) {
    let forwarded = CertificateSource::ForwardedClientCert;
    let (only, last) = (forwarded(ForwardedElement::Only), forwarded(ForwardedElement::Last));
    let nginx = CertificateSource::EscapedPem(HeaderName::from_static("ssl-client-cert"));
    let alb = CertificateSource::AmznMtlsLeaf;
    let (xfcc, hash) = ("x-forwarded-client-cert", "0".repeat(64));
    let (too_long, twice) = ("x".repeat(64 * 1024 + 1), format!("Hash={hash},Hash={hash}"));
    let pem = "-----BEGIN%20CERTIFICATE-----%0AMAA=%0A-----END%20CERTIFICATE-----%0A";
    let other_hash = format!("Hash={hash};Cert=\"{pem}\"");
    for (name, source, header, values) in [
        ("SeveralHeaders", CertificateSource::ClientCert, CLIENT_CERT, &[":MAA=:", ":MAA=:"][..]),
        ("TooLong", CertificateSource::ClientCert, CLIENT_CERT, &[&too_long]),
        ("NotByteSequence", CertificateSource::ClientCert, CLIENT_CERT, &["MAA="]),
        ("NotDer", CertificateSource::ClientCert, CLIENT_CERT, &[":AAAA:"]),
        ("NotPercentEncoded", nginx, "ssl-client-cert", &["a b"]),
        ("NotOneCertificate", alb, "x-amzn-mtls-clientcert-leaf", &["a"]),
        ("NotElements", only.clone(), xfcc, &["Hash"]),
        ("SeveralElements", only.clone(), xfcc, &[&twice]),
        ("NoCertificate", only.clone(), xfcc, &["By=a"]),
        ("NotAHash", only.clone(), xfcc, &["Hash=1"]),
        ("OtherHash", only, xfcc, &[&other_hash]),
        ("UnquotedNames", last, xfcc, &["URI=a"]),
    ] {
        let router = behind_proxy(ClientCertificates::accept(source));
        let request = certified(&bound_to_certificate(), header, values);
        seen.rejected(&format!("MalformedCertificate/{name}"), 400, &router, request).await;
    }
}

async fn requirements(seen: &mut Seen) {
    let of_user = |acr: Value, auth_time: u64| {
        let token = unbound().claim("sub", "user-1").claim("acr", acr).claim("auth_time", auth_time);
        bound_to(&CLIENT_KEY, token)
    };
    let layer = RequireScope::new(&accepting(), "orders/read");
    let strict = layer.with_acr(["mfa"]).with_max_auth_age(Duration::from_secs(300));
    let router = Router::new().route("/orders", on_get(who).layer(strict));
    assert_eq!(status(&router, with_own_proof(&of_user(json!("mfa"), NOW))).await, 200);
    for (name, token) in [
        ("MissingClaim", of_user(json!(null), NOW)),
        ("MalformedClaim", of_user(json!(7), NOW)),
        ("OtherContext", of_user(json!("password"), NOW)),
        ("TooOld", of_user(json!("mfa"), NOW - 301)),
        ("InFuture", of_user(json!("mfa"), NOW + 90)),
    ] {
        let name = format!("InsufficientUserAuthentication/{name}");
        seen.rejected(&name, 401, &router, with_own_proof(&token)).await;
    }
    let of_client = of_user(json!("mfa"), NOW).claim("sub", testkit::CLIENT);
    seen.rejected("UserRequired", 403, &router, with_own_proof(&of_client)).await;
    let other_scope = of_user(json!("mfa"), NOW).scope("orders/write");
    seen.rejected("InsufficientScope", 403, &router, with_own_proof(&other_scope)).await;
    let denying = RequireScope::new(&accepting(), "orders/read").and(|_: &Claims, _: &Parts| false);
    let router = Router::new().route("/orders", on_get(who).layer(denying));
    seen.rejected("Denied", 403, &router, proven("/orders")).await;
}

async fn credentials(seen: &mut Seen) {
    let router = orders(&accepting());
    let mut several = proven("/orders");
    several.headers_mut().append(header::AUTHORIZATION, "Bearer a".parse().unwrap());
    seen.rejected("Malformed/SeveralHeaders", 400, &router, several).await;
    seen.rejected("Malformed/NotOneToken", 400, &router, dpop("a b", &[])).await;
    let without_proofs = orders(&crate::fixture::verifier());
    seen.rejected("UnsupportedScheme", 401, &without_proofs, proven("/orders")).await;
}
