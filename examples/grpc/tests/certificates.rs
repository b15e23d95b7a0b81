//! Client certificates (RFC 8705) with tonic's own server, which has no `ConnectInfo` of axum: the
//! address of the connection and the certificate of its TLS session. Every call uses a loopback socket.
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use std::time::{Duration, UNIX_EPOCH};

use grpc::shop::orders_client::OrdersClient;
use grpc::{READ, routes};
use scopegate_axum::{CertificateSource, ClientCertificates, Verifier};
use serde_json::json;
use testkit::{
    Authority, CLIENT, KEY, NOW, Token as _, bearer, certificate_thumbprint, client_token, issuer_with_keys,
    listen,
};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Status};

fn verifier(certificates: ClientCertificates) -> Verifier {
    Verifier::builder()
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .trust(issuer_with_keys([KEY.jwk()]).client(CLIENT))
        .client_certificates(certificates)
        .build()
        .unwrap()
}

/// Lists orders with a token that is bound to this certificate, and with a header.
async fn list(
    orders: &mut OrdersClient<Channel>,
    bound_to: &[u8],
    header: Option<&str>,
) -> Result<String, Status> {
    let cnf = json!({ "x5t#S256": certificate_thumbprint(bound_to) });
    let token = client_token().scope(READ).claim("cnf", cnf).compact();
    let mut request = Request::new(String::new());
    request.metadata_mut().insert("authorization", bearer(&token).parse().unwrap());
    if let Some(value) = header {
        request.metadata_mut().insert("client-cert", value.parse().unwrap());
    }
    orders.list(request).await.map(tonic::Response::into_inner)
}

struct Api {
    authority: Authority,
    url: String,
}

impl Api {
    /// Starts a server whose TLS asks for a certificate, and accepts clients without one.
    async fn start() -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.issue("localhost");
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(certificate.pem(), key.serialize_pem()))
            .client_ca_root(Certificate::from_pem(authority.pem()))
            .client_auth_optional(true);
        let verifier = verifier(ClientCertificates::accept(CertificateSource::Tls));
        let (listener, url) = listen().await;
        let mut server = Server::builder().tls_config(tls).unwrap();
        let serving = server.add_routes(routes(&verifier)).serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(serving);
        Self { authority, url: url.replace("http://127.0.0.1", "https://localhost") }
    }

    async fn connect(&self, identity: Option<Identity>) -> OrdersClient<Channel> {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.authority.pem()));
        let tls = match identity {
            Some(identity) => tls.identity(identity),
            None => tls,
        };
        let endpoint = Endpoint::from_shared(self.url.clone()).unwrap().tls_config(tls).unwrap();
        OrdersClient::new(endpoint.connect().await.unwrap())
    }
}

#[tokio::test]
async fn certificate_of_tonics_tls_is_compared() {
    // MT12, MT13
    let api = Api::start().await;
    let (certificate, key) = api.authority.issue("client.example");
    let (other, _) = api.authority.issue("client.example");
    let identity = Identity::from_pem(certificate.pem(), key.serialize_pem());
    let mut orders = api.connect(Some(identity)).await;
    assert_eq!(list(&mut orders, certificate.der(), None).await.unwrap(), format!("orders of {CLIENT}"));
    assert_eq!(list(&mut orders, other.der(), None).await.unwrap_err().code(), Code::Unauthenticated);
    let mut without = api.connect(None).await;
    let status = list(&mut without, certificate.der(), None).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

/// An element in DER that stands for a certificate, and its header (RFC 9440 §2.1).
const STAND_IN: [u8; 5] = [0x30, 0x03, 0x02, 0x01, 0x05];
const HEADER: &str = ":MAMCAQU=:";

async fn behind(proxy: &str) -> OrdersClient<Channel> {
    let certificates = ClientCertificates::accept(CertificateSource::ClientCert).trusted_proxies([proxy]);
    let verifier = verifier(certificates);
    let (listener, url) = listen().await;
    let routes = Server::builder().add_routes(routes(&verifier));
    tokio::spawn(routes.serve_with_incoming(TcpIncoming::from(listener)));
    OrdersClient::connect(url).await.unwrap()
}

#[tokio::test]
async fn address_of_tonics_connection_is_compared() {
    // MT06
    let mut trusted = behind("127.0.0.1").await;
    assert_eq!(list(&mut trusted, &STAND_IN, Some(HEADER)).await.unwrap(), format!("orders of {CLIENT}"));
    let status = list(&mut trusted, &STAND_IN, None).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let mut stranger = behind("127.0.0.2").await;
    // An unknown address would be `INTERNAL`.
    let status = list(&mut stranger, &STAND_IN, Some(HEADER)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}
