//! Authentication at the endpoint by a client certificate (RFC 8705 §2), over real TLS.

use std::sync::{Arc, Mutex};

use scopegate::{ClientAuthentication, ConfigError, Error, Introspection, Issuer, Verifier};
use testkit::{AUDIENCE, Authority, TlsListener, read_request, response};
use tokio::io::AsyncWriteExt as _;

use super::endpoint::OPAQUE;

/// A request, and the certificate in DER that the client presented.
type Seen = (String, Option<Vec<u8>>);

/// Serves one request for each connection: every token is active.
async fn serve(listener: TlsListener, seen: Arc<Mutex<Vec<Seen>>>) {
    loop {
        let mut stream = listener.accept().await;
        let request = read_request(&mut stream).await;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first().cloned());
        seen.lock().unwrap().push((request, shown.map(|certificate| certificate.to_vec())));
        let body = format!(r#"{{"active":true,"aud":"{AUDIENCE}","sub":"user-1"}}"#);
        let headers = "connection: close\r\ncontent-type: application/json\r\n";
        let _ = stream.write_all(&response("200 OK", headers, body.as_bytes())).await;
        let _ = stream.shutdown().await;
    }
}

async fn verifier(url: &str, authority: &Authority, client: ClientAuthentication) -> Verifier {
    let introspection = Introspection::by_client(url, client).unwrap();
    let issuer = Issuer::opaque(OPAQUE, introspection).unwrap().audience(AUDIENCE);
    Verifier::builder().trust(issuer).root_certificates(authority.pem()).start().await.unwrap()
}

#[tokio::test]
async fn api_presents_its_certificate_and_its_id() {
    // IN01
    let (authority, clients) = (Authority::new(), Authority::new());
    let listener = authority.listen("localhost", Some(clients.client_verifier(true))).await;
    let url = format!("{}/introspect", listener.url());
    let seen = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(serve(listener, Arc::clone(&seen)));

    let (certificate, key) = clients.issue("orders-api.example");
    let identity = format!("{}{}", key.serialize_pem(), certificate.pem());
    let by_certificate = ClientAuthentication::tls_client_auth("orders-api", identity);
    let accepted = verifier(&url, &authority, by_certificate).await;
    assert_eq!(accepted.verify_or_refresh("opaque").await.unwrap().subject(), Some("user-1"));
    let requests = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(requests.len(), 1);
    let (request, presented) = &requests[0];
    assert_eq!(presented.as_deref(), Some(&**certificate.der()));
    let body = "\r\n\r\ntoken=opaque&token_type_hint=access_token&client_id=orders-api";
    assert!(request.ends_with(body), "{request}");
    assert!(!request.to_ascii_lowercase().contains("authorization"));

    // Without a certificate of the authority, no request reaches this server.
    let by_secret = ClientAuthentication::client_secret_basic("orders-api", "s3cret");
    let (certificate, key) = authority.issue("orders-api.example");
    let identity = format!("{}{}", key.serialize_pem(), certificate.pem());
    let of_another = ClientAuthentication::tls_client_auth("orders-api", identity);
    for client in [by_secret, of_another] {
        let rejected = verifier(&url, &authority, client).await.verify_or_refresh("opaque").await;
        assert!(matches!(rejected, Err(Error::IntrospectionUnavailable { .. })), "{rejected:?}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn certificate_without_tls_is_a_configuration_error() {
    // IN01: without TLS, no certificate would be sent.
    let (certificate, key) = Authority::new().issue("orders-api.example");
    let identity = format!("{}{}", key.serialize_pem(), certificate.pem());
    let start = |url: &str| {
        let client = ClientAuthentication::tls_client_auth("orders-api", identity.clone());
        let issuer = Issuer::opaque(OPAQUE, Introspection::by_client(url, client).unwrap()).unwrap();
        Verifier::builder().trust(issuer.audience(AUDIENCE)).start_lazy().map(drop)
    };
    assert!(start("https://127.0.0.1:1/introspect").is_ok());
    let Err(ConfigError::InvalidUrl { setting, expected, .. }) = start("http://127.0.0.1:1/introspect")
    else {
        panic!("the certificate needs TLS")
    };
    assert_eq!(setting, "introspection endpoint");
    assert!(expected.contains("https"), "{expected}");
}
