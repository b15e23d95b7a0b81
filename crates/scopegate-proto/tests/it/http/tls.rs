//! Trusted authorities, and the certificate of the client, with a TLS server.

use std::sync::{Arc, Mutex};

use scopegate_proto::http::{HttpError, SettingsError};
use scopegate_proto::url::SecureUrl;
use testkit::{Authority, TlsListener, read_request, response, with_causes};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::http::server::{client, settings};

/// The client's certificate, the negotiated protocol (ALPN), and the TLS version.
type Seen = (Option<CertificateDer<'static>>, Option<Vec<u8>>, Option<ProtocolVersion>);

struct Server {
    url: SecureUrl,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts a server with a certificate for this name. If there is an authority for clients, the
    /// server requests their certificates.
    async fn start(authority: &Authority, name: &str, clients: Option<&Authority>) -> Self {
        let clients = clients.map(|clients| clients.client_verifier(false));
        let listener = authority.listen(name, clients).await;
        let url = SecureUrl::parse(&format!("{}/x", listener.url())).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, Arc::clone(&seen)));
        Self { url, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Reads one request from each connection.
async fn serve(listener: TlsListener, seen: Arc<Mutex<Vec<Seen>>>) {
    loop {
        let mut stream = listener.accept().await;
        read_request(&mut stream).await;
        let connection = stream.get_ref().1;
        let shown = connection.peer_certificates().and_then(|chain| chain.first().cloned());
        let protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
        let version = connection.protocol_version();
        seen.lock().unwrap().push((shown.map(CertificateDer::into_owned), protocol, version));
        let _ = stream.write_all(&response("200 OK", "connection: close\r\n", b"{}")).await;
        let _ = stream.shutdown().await;
    }
}

#[tokio::test]
async fn certificate_of_unknown_authority_gets_no_request() {
    // E07
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Server::start(&authority, "localhost", None).await;
    for settings in [settings(), settings().root_certificates(other.pem())] {
        let error = client(&server.url, &settings).get(&server.url).send().await.unwrap_err();
        assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
        assert!(error.is_transient() && error.is_connect());
        let causes = with_causes(&error);
        assert!(causes.contains("invalid peer certificate: "), "{causes}");
    }
    assert!(server.seen().is_empty());
    let trusting = settings().root_certificates(other.pem()).root_certificates(authority.pem());
    client(&server.url, &trusting).get(&server.url).send().await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn certificate_for_another_name_gets_no_request() {
    // E07
    let authority = Authority::new();
    let server = Server::start(&authority, "another.example", None).await;
    let settings = settings().root_certificates(authority.pem());
    let error = client(&server.url, &settings).get(&server.url).send().await.unwrap_err();
    assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn http_1_and_tls_1_3_are_negotiated() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost", None).await;
    let settings = settings().root_certificates(authority.pem());
    client(&server.url, &settings).get(&server.url).send().await.unwrap();
    let (_, protocol, version) = server.seen().remove(0);
    assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    assert_eq!(version, Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn identity_is_presented_only_by_its_client() {
    // E04, E25: RFC 8705 §2
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Server::start(&authority, "localhost", Some(&clients)).await;
    let (certificate, key) = clients.issue("report.example");
    let settings = settings().root_certificates(authority.pem()).identity(format!(
        "{}{}",
        key.serialize_pem(),
        certificate.pem()
    ));
    let pool = scopegate_proto::http::HttpClients::default();
    let with = pool.client(&server.url, &settings).unwrap();
    let without = pool.client(&server.url, &settings.without_identity()).unwrap();
    with.get(&server.url).send().await.unwrap();
    without.get(&server.url).send().await.unwrap();
    let shown: Vec<_> = server.seen().into_iter().map(|(shown, ..)| shown).collect();
    assert_eq!(shown, [Some(certificate.der().clone().into_owned()), None]);
}

#[tokio::test]
async fn identity_of_another_key_builds_no_client() {
    let clients = Authority::new();
    let ((certificate, _), (_, key)) = (clients.issue("a.example"), clients.issue("b.example"));
    let url = SecureUrl::parse("https://localhost:1").unwrap();
    let settings = settings().identity(format!("{}{}", key.serialize_pem(), certificate.pem()));
    let error = scopegate_proto::http::HttpClients::default().client(&url, &settings).unwrap_err();
    assert!(matches!(error, SettingsError::Client { .. }), "{error:?}");
    assert!(!with_causes(&error).contains("PRIVATE KEY"));
}
