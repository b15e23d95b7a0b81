//! Another crate has enabled every feature of `reqwest` that changes its defaults. Our client
//! states all settings, so it does not change. A client with default settings does.
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use std::process::Command;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use scopegate_proto::http::{HttpClient, HttpClients, TransportSettings};
use scopegate_proto::url::SecureUrl;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::Acceptor;

/// `{}` in gzip.
const GZIPPED: [u8; 22] =
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 0x05, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 §3.3), which is in the list of cipher suites but is
/// not one.
const SCSV: u16 = 0x00ff;

/// A connection from the server's view.
#[derive(Clone)]
struct Seen {
    suites: Vec<u16>,
    protocols: Vec<Vec<u8>>,
    request: String,
}

/// A server with TLS, HTTP/1.1 only, a body in gzip, and a cookie.
struct Server {
    url: String,
    authority: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL treats a certificate as self-signed if subject and issuer have the same name.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/x", listener.local_addr().unwrap().port());
        let seen = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, Arc::new(config), Arc::clone(&seen)));
        Self { url, authority: authority.pem(), seen }
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }

    fn ours(&self) -> (HttpClient, SecureUrl) {
        let url = SecureUrl::parse(&self.url).unwrap();
        let settings = TransportSettings::new("test").root_certificates(&self.authority);
        (HttpClients::default().client(&url, &settings).unwrap(), url)
    }

    /// Returns a client with default settings and our authority.
    fn plain(&self) -> reqwest::Client {
        let authority = reqwest::Certificate::from_pem(self.authority.as_bytes()).unwrap();
        reqwest::Client::builder().no_proxy().tls_certs_merge([authority]).build().unwrap()
    }
}

/// Reads one request from each connection.
async fn serve(listener: TcpListener, config: Arc<ServerConfig>, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.unwrap();
        let hello = start.client_hello();
        let suites = hello.cipher_suites().iter().map(|suite| u16::from(*suite)).collect();
        let protocols = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
        let mut stream = start.into_stream(Arc::clone(&config)).await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut request).await.unwrap() > 0, "the request is complete");
        }
        let request = String::from_utf8(request).unwrap();
        seen.lock().unwrap().push(Seen { suites, protocols, request });
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 22\r\ncontent-encoding: gzip\r\nset-cookie: a=b\r\n";
        let response = [head.as_bytes(), b"connection: close\r\n\r\n", &GZIPPED].concat();
        stream.write_all(&response).await.unwrap();
        let _ = stream.shutdown().await;
    }
}

/// Returns the cipher suites that rustls offers with aws-lc-rs.
fn suites_of_rustls() -> Vec<u16> {
    let suites = default_provider().cipher_suites.into_iter().map(|suite| u16::from(suite.suite()));
    suites.chain([SCSV]).collect()
}

#[tokio::test]
async fn tls_is_still_that_of_rustls() {
    // FR-A18
    let (server, rustls) = (Server::start().await, suites_of_rustls());
    let (client, url) = server.ours();
    client.get(&url).send().await.unwrap();
    let suites = server.last().suites;
    assert!(!suites.is_empty() && suites.iter().all(|suite| rustls.contains(suite)), "{suites:x?}");

    // The premise of this test: a client with default settings uses another stack.
    server.plain().get(&server.url).send().await.unwrap();
    let suites = server.last().suites;
    assert!(suites.iter().any(|suite| !rustls.contains(suite)), "{suites:x?}");
}

#[tokio::test]
async fn protocol_is_still_http_1() {
    // FR-A18
    let server = Server::start().await;
    let (client, url) = server.ours();
    client.get(&url).send().await.unwrap();
    assert_eq!(server.last().protocols, [b"http/1.1"]);
    assert!(server.last().request.starts_with("GET /x HTTP/1.1\r\n"));

    server.plain().get(&server.url).send().await.unwrap();
    assert!(server.last().protocols.contains(&b"h2".to_vec()));
}

#[tokio::test]
async fn body_is_still_not_decoded() {
    // FR-A18
    let server = Server::start().await;
    let (client, url) = server.ours();
    let response = client.get(&url).send().await.unwrap();
    assert_eq!(response.body(100).await.unwrap().as_slice(), GZIPPED);
    let request = server.last().request;
    assert!(!request.to_ascii_lowercase().contains("accept-encoding"), "{request}");

    let response = server.plain().get(&server.url).send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), "{}");
    let request = server.last().request;
    for encoding in ["gzip", "br", "zstd", "deflate"] {
        let line = request.lines().find(|line| line.starts_with("accept-encoding: ")).unwrap();
        assert!(line.contains(encoding), "{line}");
    }
}

#[tokio::test]
async fn cookies_are_still_not_sent_back() {
    // FR-A18
    let server = Server::start().await;
    let (client, url) = server.ours();
    for _ in 0..2 {
        client.get(&url).send().await.unwrap();
    }
    let request = server.last().request;
    assert!(!request.to_ascii_lowercase().contains("cookie"), "{request}");
    let headers = request.lines().skip(1).filter(|line| !line.is_empty()).count();
    assert_eq!(headers, 3, "accept, user-agent and host: {request}");

    let authority = reqwest::Certificate::from_pem(server.authority.as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_merge([authority]);
    let remembering = builder.cookie_store(true).build().unwrap();
    for _ in 0..2 {
        remembering.get(&server.url).send().await.unwrap();
    }
    assert!(server.last().request.contains("cookie: a=b"));
}

/// Returns the first bytes that a program sends to its proxy, with this environment variable.
async fn sent_to_proxy(whose: &str, variable: &str, scheme: &str) -> Vec<u8> {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let value = format!("{scheme}://{}", proxy.local_addr().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_one_request"));
    command.args([whose, "https://issuer.example/"]).env_clear().env(variable, value);
    let asked = tokio::spawn(async move {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut sent = Vec::new();
        stream.read_buf(&mut sent).await.unwrap();
        sent
    });
    // The program exits, because its proxy closes the connection.
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(!output.status.success());
    assert!(asked.is_finished(), "the proxy was not asked: {}", String::from_utf8_lossy(&output.stderr));
    asked.await.unwrap()
}

#[tokio::test]
async fn proxy_of_environment_gets_tunnel_request() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        for scheme in ["http", "socks5", "socks5h", "socks4", "socks4a"] {
            let sent = sent_to_proxy("ours", variable, scheme).await;
            let sent = String::from_utf8_lossy(&sent);
            assert!(
                sent.starts_with("CONNECT issuer.example:443 HTTP/1.1\r\n"),
                "{variable} {scheme}: {sent}"
            );
        }
    }
    // The first byte of SOCKS is its version, 5.
    assert_eq!(sent_to_proxy("plain", "HTTPS_PROXY", "socks5h").await.first(), Some(&5));
}
