//! Client certificates through a gateway over HTTP.

use scopegate_issuer::Mint;
use serde_json::json;
use testkit::certificate_thumbprint;

use super::*;

/// The certificate of a client: only its bytes matter.
pub(crate) const DER: [u8; 5] = [0x30, 3, 2, 1, 7];
const BYTE_SEQUENCE: &str = ":MAMCAQc=:";
/// That of another client.
const OTHER: &str = ":MAMCAQg=:";
pub(crate) const PEM: &str = "-----BEGIN%20CERTIFICATE-----%0AMAMCAQc%3D%0A-----END%20CERTIFICATE-----%0A";
pub(crate) const OTHER_PEM: &str =
    "-----BEGIN%20CERTIFICATE-----%0AMAMCAQg%3D%0A-----END%20CERTIFICATE-----%0A";

pub(crate) fn bound_to_certificate() -> Mint {
    cognito_token().claim("cnf", json!({ "x5t#S256": certificate_thumbprint(&DER) }))
}

/// Returns a service with this binding and header.
fn binding(mode: &str, header: &str) -> Live {
    let settings = format!("certificate_binding = \"{mode}\"\ncertificate_header = \"{header}\"\n[[issuer]]");
    live_of(&config(|text| text.replacen("[[issuer]]", &settings, 1)))
}

async fn status_with(live: &Live, token: &str, headers: &[(&str, &str)]) -> u16 {
    let authorization = format!("Bearer {token}");
    let all = [&[("authorization", authorization.as_str())], headers].concat();
    ask(live, &question("GET", "/orders/7", &all)).await.status().as_u16()
}

#[tokio::test]
async fn bound_token_needs_its_certificate() {
    // MT01, MT04, MT12, FW14
    let bound = bound_to_certificate().scope("orders/read").sign_with(&KEY);
    let unbound = token("orders/read");
    let hash = "Hash=eceda61045db145d209debf0d245e44b5b1cc52e3c04266aa2a486fdb6a2b285";
    for (header, own, other) in [
        ("client-cert", BYTE_SEQUENCE, OTHER),
        ("x-forwarded-client-cert", hash, &hash.replace("ec", "ed")),
        ("ssl-client-cert", PEM, OTHER_PEM),
        ("x-amzn-mtls-clientcert-leaf", PEM, OTHER_PEM),
    ] {
        let live = binding("accept", header);
        let elsewhere = if header == "client-cert" { "ssl-client-cert" } else { "client-cert" };
        for (headers, expected) in [
            (&[(header, own)][..], 200),
            (&[(header, other)], 401),
            (&[], 401),
            // The header of another source is the caller's.
            (&[(elsewhere, if elsewhere == "client-cert" { BYTE_SEQUENCE } else { PEM })], 401),
            (&[(header, own), (header, own)], 400),
            (&[(header, "garbage")], 400),
        ] {
            assert_eq!(status_with(&live, &bound, headers).await, expected, "{header} {headers:?}");
        }
        assert_eq!(status_with(&live, &unbound, &[]).await, 200, "{header}");
    }
}

#[tokio::test]
async fn certificate_of_untrusted_peer_is_not_read() {
    // MT06
    let live = binding("accept", "client-cert");
    let bearer = format!("Bearer {}", bound_to_certificate().scope("orders/read").sign_with(&KEY));
    let headers = [("authorization", bearer.as_str()), ("client-cert", BYTE_SEQUENCE)];
    let question = question("GET", "/orders/7", &headers);
    for (peer, expected) in [(PROXY, 200), ("127.0.0.2", 403)] {
        assert_eq!(decide(&live, &question, peer.parse().unwrap()).await.status(), expected, "{peer}");
    }
}

#[tokio::test]
async fn certificate_is_read_only_for_tokens() {
    // MT08: a request without a token gets its challenge first.
    let live = binding("accept", "client-cert");
    for (method, headers, expected) in [
        ("GET", &[("client-cert", "garbage")][..], 401),
        ("OPTIONS", &[("client-cert", "garbage"), ("authorization", "Bearer x")], 200),
        ("GET", &[("client-cert", "garbage"), ("authorization", "Bearer x")], 400),
    ] {
        let response = ask(&live, &question(method, "/orders/7", headers)).await;
        assert_eq!(response.status(), expected, "{method} {headers:?}");
    }
    // Without the setting, the header has no meaning.
    assert_eq!(status_with(&service(), &token("orders/read"), &[("client-cert", "garbage")]).await, 200);
    let bound = bound_to_certificate().scope("orders/read").sign_with(&KEY);
    assert_eq!(status_with(&service(), &bound, &[("client-cert", BYTE_SEQUENCE)]).await, 401);
}

#[tokio::test]
async fn required_binding_rejects_other_tokens() {
    // MT04, MT14
    let (accept, require) = (binding("accept", "client-cert"), binding("require", "client-cert"));
    let bound = bound_to_certificate().scope("orders/read").sign_with(&KEY);
    let unbound = token("orders/read");
    let headers = [("client-cert", BYTE_SEQUENCE)];
    for (live, token, expected) in
        [(&accept, &unbound, 200), (&require, &unbound, 401), (&accept, &bound, 200), (&require, &bound, 200)]
    {
        assert_eq!(status_with(live, token, &headers).await, expected);
    }
    let (request, ()) = Request::get(METADATA).body(()).unwrap().into_parts();
    for (live, expected) in [(&accept, false), (&require, true)] {
        let document = String::from_utf8(ask(live, &request).await.into_body().to_vec()).unwrap();
        let member = r#""tls_client_certificate_bound_access_tokens":true"#;
        assert_eq!(document.contains(member), expected, "{document}");
    }
}

#[tokio::test]
async fn token_with_both_bindings_needs_both() {
    // MT03
    let settings = "dpop = \"accept\"\ncertificate_binding = \"accept\"\ncertificate_header = \"client-cert\"\n[[issuer]]";
    let live = live_of(&config(|text| text.replacen("[[issuer]]", settings, 1)));
    let key = scopegate_issuer::SigningKey::generate(scopegate_issuer::Algorithm::ES256);
    let cnf = json!({ "x5t#S256": certificate_thumbprint(&DER), "jkt": testkit::thumbprint(&key) });
    let token = cognito_token().scope("orders/read").claim("cnf", cnf).sign_with(&KEY);
    let authorization = format!("DPoP {token}");
    for (certificate, has_proof, expected) in [
        (Some(BYTE_SEQUENCE), true, 200),
        (Some(OTHER), true, 401),
        (None, true, 401),
        (Some(BYTE_SEQUENCE), false, 401),
    ] {
        let url = "https://api.example/orders/7";
        let proof = testkit::Proof::new(&key, "GET", url, &token).sign_with(&key);
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(certificate.map(|certificate| ("client-cert", certificate)));
        headers.extend(has_proof.then_some(("dpop", proof.as_str())));
        let response = ask(&live, &question("GET", "/orders/7", &headers)).await;
        assert_eq!(response.status(), expected, "{certificate:?} {has_proof}");
    }
}
