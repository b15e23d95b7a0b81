//! The program over real sockets: certificates of TLS sessions, new and resumed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the test's failure")]

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use mtls::{app, certificates, serve};
use rcgen::{Certificate, CertificateParams, KeyPair};
use scopegate_axum::Verifier;
use serde_json::json;
use testkit::{
    Authority, CLIENT, KEY, NOW, Token as _, certificate_thumbprint, client_token, issuer_with_keys,
    read_request,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ALL_VERSIONS, ClientConfig, HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion,
};

struct Api {
    authority: Authority,
    address: std::net::SocketAddr,
}

impl Api {
    async fn start() -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.issue("localhost");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(ALL_VERSIONS)
            .unwrap()
            .with_client_cert_verifier(authority.client_verifier(false))
            .with_single_cert(vec![certificate.der().clone()], der_of(&key))
            .unwrap();
        let verifier = Verifier::builder()
            .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
            .trust(issuer_with_keys([KEY.jwk()]).client(CLIENT))
            .client_certificates(certificates())
            .build()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve::serve(listener, Arc::new(config), app(&verifier)));
        Self { authority, address }
    }

    /// Returns a client that resumes sessions.
    fn client(
        &self,
        version: &'static SupportedProtocolVersion,
        identity: Option<(Certificate, KeyPair)>,
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                config.with_client_auth_cert(vec![certificate.der().clone()], der_of(&key)).unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }

    /// Sends a request over a new connection, and returns the status and the kind of the handshake.
    async fn status(&self, client: &TlsConnector, token: &str) -> (String, HandshakeKind) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = client.connect(name, stream).await.unwrap();
        let request = format!(
            "GET /orders HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let response = read_request(&mut stream).await;
        let status = response.split(' ').nth(1).unwrap().to_owned();
        (status, stream.get_ref().1.handshake_kind().unwrap())
    }
}

fn der_of(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(key.serialize_der()).unwrap()
}

fn bound_to(certificate: &Certificate) -> String {
    let thumbprint = certificate_thumbprint(certificate.der());
    client_token().scope("orders/read").claim("cnf", json!({ "x5t#S256": thumbprint })).compact()
}

#[tokio::test]
async fn session_proves_certificate_of_token() {
    // MT13, MT01, MT04
    let api = Api::start().await;
    for version in ALL_VERSIONS {
        let identity = api.authority.issue("client.example");
        let (own, others) = (bound_to(&identity.0), bound_to(&api.authority.issue("other.example").0));
        let unbound = client_token().scope("orders/read").compact();
        let client = api.client(version, Some(identity));
        assert_eq!(api.status(&client, &own).await, ("200".to_owned(), HandshakeKind::Full));
        for (token, expected) in [(&own, "200"), (&others, "401"), (&unbound, "401")] {
            let resumed = (expected.to_owned(), HandshakeKind::Resumed);
            assert_eq!(api.status(&client, token).await, resumed, "{version:?}");
        }
        let (status, _) = api.status(&api.client(version, None), &own).await;
        assert_eq!(status, "401");
    }
}

#[tokio::test]
async fn certificate_of_unknown_authority_is_rejected_by_tls() {
    // MT05: TLS checks the chain, and the verifier does not.
    let api = Api::start().await;
    let key = KeyPair::generate().unwrap();
    let stranger =
        CertificateParams::new(vec!["client.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let client = api.client(ALL_VERSIONS.first().unwrap(), Some((stranger, key)));
    let stream = TcpStream::connect(api.address).await.unwrap();
    let mut stream = client.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    // With TLS 1.3, the server rejects the certificate after the client's handshake.
    assert_eq!(read_request(&mut stream).await, "");
}
