//! Client certificates in messages of Envoy (`include_peer_certificate`).

use super::*;
use crate::decide::tests::certificates::{OTHER_PEM, PEM, bound_to_certificate};
use crate::decide::tests::live_of;

/// Returns a service with these settings before the issuers.
fn with(settings: &str) -> Live {
    let settings = format!("{settings}[[issuer]]");
    let text = |text: String| {
        format!("listen_grpc = \"127.0.0.1:0\"\n{}", text.replacen("[[issuer]]", &settings, 1))
    };
    live_of(&config(text))
}

/// Asks as a client with this certificate.
async fn ask_with(live: &Live, certificate: &str, headers: &[(&str, &str)]) -> envoy::CheckResponse {
    let bearer = format!("Bearer {}", bound_to_certificate().scope("orders/read").sign_with(&KEY));
    let all = [&[("authorization", bearer.as_str())], headers].concat();
    let mut message = message(http("GET", "/orders/7", &all));
    let attributes = message.attributes.as_mut().unwrap();
    attributes.source = Some(Peer { certificate: certificate.to_owned(), ..Peer::default() });
    ask_from(live, &message, PROXY).await
}

#[tokio::test]
async fn certificate_comes_from_source_of_message() {
    // FW14, MT01
    let live = with("certificate_binding = \"accept\"\n");
    accepted(ask_with(&live, PEM, &[]).await);
    for certificate in [OTHER_PEM, ""] {
        let denied = denied(ask_with(&live, certificate, &[]).await);
        assert_eq!(status(&denied), 401, "{certificate}");
        assert!(values(&denied.headers, "www-authenticate")[0].contains("invalid_token"));
    }
    // Without the setting, bound tokens are rejected.
    assert_eq!(status(&denied(ask_with(&with(""), PEM, &[]).await)), 401);
}

#[tokio::test]
async fn certificate_header_of_client_is_ignored() {
    // FW14, MT12
    let xfcc = "Hash=eceda61045db145d209debf0d245e44b5b1cc52e3c04266aa2a486fdb6a2b285";
    let spoofed =
        [("x-forwarded-client-cert", xfcc), ("client-cert", ":MAMCAQc=:"), ("ssl-client-cert", PEM)];
    for header in [
        "",
        "certificate_header = \"x-forwarded-client-cert\"\n",
        "certificate_header = \"ssl-client-cert\"\n",
    ] {
        let live = with(&format!("certificate_binding = \"accept\"\n{header}"));
        for certificate in [OTHER_PEM, ""] {
            let denied = denied(ask_with(&live, certificate, &spoofed).await);
            assert_eq!(status(&denied), 401, "{header} {certificate}");
        }
        accepted(ask_with(&live, PEM, &[("x-forwarded-client-cert", "garbage")]).await);
    }
}

#[tokio::test]
async fn malformed_certificate_of_message_is_rejected() {
    // MT10
    let live = with("certificate_binding = \"accept\"\n");
    for certificate in ["-----BEGIN%20CERTIFICATE", "MAMCAQc=", &format!("{PEM}{PEM}")] {
        let response = ask_with(&live, certificate, &[]).await;
        assert_eq!(metadata(&response, "reason").as_deref(), Some("malformed_certificate"));
        assert_eq!(status(&denied(response)), 400, "{certificate}");
        // It is not read where it has no meaning.
        assert_eq!(status(&denied(ask_with(&with(""), certificate, &[]).await)), 401, "{certificate}");
    }
}
