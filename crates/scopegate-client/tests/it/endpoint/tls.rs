//! Trusted certificates, and the certificate that a client presents, against a server with real
//! TLS.

use std::sync::{Arc, Mutex};

use scopegate_client::{ClientAuthentication, ClientCredentials, ClientCredentialsBuilder, Error};
use testkit::{Authority, TlsListener, read_request, response};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;

/// A request, and the certificate that the client presented.
type Seen = (String, Option<CertificateDer<'static>>);

/// An issuer with TLS. It records requests and client certificates.
struct Server {
    issuer: String,
    endpoint: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts a server with a certificate for this name. With a verifier, it requests certificates
    /// of clients.
    async fn start(authority: &Authority, name: &str, clients: Option<Arc<dyn ClientCertVerifier>>) -> Self {
        let listener = authority.listen(name, clients).await;
        let issuer = listener.url();
        let endpoint = format!("{issuer}/token");
        let metadata = format!(r#"{{"issuer":"{issuer}","token_endpoint":"{endpoint}"}}"#);
        let seen = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, metadata, Arc::clone(&seen)));
        Self { issuer, endpoint, seen }
    }

    fn credentials(&self, client: ClientAuthentication) -> ClientCredentialsBuilder {
        ClientCredentials::builder(client)
            .token_endpoint(&self.endpoint)
            .acquire_timeout(std::time::Duration::from_secs(1))
    }
}

/// Serves one request for each connection: a GET request for metadata, or a form for a token.
async fn serve(listener: TlsListener, metadata: String, seen: Arc<Mutex<Vec<Seen>>>) {
    loop {
        let mut stream = listener.accept().await;
        let request = read_request(&mut stream).await;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first().cloned());
        let shown = shown.map(CertificateDer::into_owned);
        let token = r#"{"access_token":"t","token_type":"Bearer"}"#;
        let body = if request.starts_with("GET ") { metadata.as_str() } else { token };
        seen.lock().unwrap().push((request, shown));
        let answer = response("200 OK", "connection: close\r\n", body.as_bytes());
        let _ = stream.write_all(&answer).await;
        let _ = stream.shutdown().await;
    }
}

fn by_secret() -> ClientAuthentication {
    ClientAuthentication::client_secret_basic("report", "s3cret")
}

#[tokio::test]
async fn server_with_untrusted_certificate_gets_no_secret() {
    // E07
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost", None).await;
    let rejected = server.credentials(by_secret()).build().unwrap().token().await;
    assert!(matches!(rejected, Err(Error::Unavailable { .. })), "{rejected:?}");
    let other = server.credentials(by_secret()).root_certificates(Authority::new().pem());
    assert!(other.build().unwrap().token().await.is_err());
    assert!(server.seen.lock().unwrap().is_empty());
    let trusting = server.credentials(by_secret()).root_certificates(authority.pem());
    assert_eq!(trusting.build().unwrap().token().await.unwrap().secret(), "t");

    let server = Server::start(&authority, "another.example", None).await;
    let misnamed = server.credentials(by_secret()).root_certificates(authority.pem());
    assert!(misnamed.build().unwrap().token().await.is_err());
    assert!(server.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn mtls_client_presents_certificate_and_sends_id() {
    // E04, E25: RFC 8705 §2
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Server::start(&authority, "localhost", Some(clients.client_verifier(true))).await;
    let (certificate, key) = clients.issue("report.example");
    let identity = format!("{}{}", key.serialize_pem(), certificate.pem());
    let client = ClientAuthentication::tls_client_auth("report", identity);
    let credentials = server.credentials(client).root_certificates(authority.pem()).build().unwrap();
    assert_eq!(credentials.token().await.unwrap().secret(), "t");
    let seen = server.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].1.as_ref(), Some(certificate.der()));
    assert!(seen[0].0.ends_with("\r\n\r\ngrant_type=client_credentials&client_id=report"), "{}", seen[0].0);
    assert!(!seen[0].0.to_ascii_lowercase().contains("authorization"));

    // Without a certificate, no request reaches this server.
    let without = server.credentials(by_secret()).root_certificates(authority.pem()).build().unwrap();
    assert!(without.token().await.is_err());
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn metadata_request_presents_no_certificate() {
    // E25: metadata is public
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Server::start(&authority, "localhost", Some(clients.client_verifier(false))).await;
    let (certificate, key) = clients.issue("report.example");
    let identity = format!("{}{}", key.serialize_pem(), certificate.pem());
    let client = ClientAuthentication::tls_client_auth("report", identity);
    let credentials = ClientCredentials::builder(client).issuer(&server.issuer);
    let credentials = credentials.root_certificates(authority.pem()).build().unwrap();
    assert_eq!(credentials.token().await.unwrap().secret(), "t");
    let seen = server.seen.lock().unwrap().clone();
    let [(metadata, none), (token, shown)] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(metadata.starts_with("GET /.well-known/") && token.starts_with("POST /token "));
    assert_eq!((none.as_ref(), shown.as_ref()), (None, Some(certificate.der())));
}
