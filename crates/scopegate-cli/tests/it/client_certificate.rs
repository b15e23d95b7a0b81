//! `tls_client_auth` by the file: the certificate of the service at an introspection endpoint with TLS that
//! demands one (RFC 8705 §2).

use std::sync::{Arc, Mutex};

use testkit::{Authority, TlsListener, read_request, response};
use tokio::io::AsyncWriteExt as _;

use crate::client::{Connection, Response};
use crate::service::{HEAD, Service, path, run, write};

const TOKEN: &str = "0paque-t0ken";

/// A request, and the certificate in DER that the service presented.
type Seen = (String, Option<Vec<u8>>);

/// An endpoint that demands certificates of one authority, and knows one of them.
struct Endpoint {
    authority: Authority,
    clients: Authority,
    /// A PEM with the key and the certificate of the service.
    identity: String,
    certificate: Vec<u8>,
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Endpoint {
    async fn start() -> Self {
        let (authority, clients) = (Authority::new(), Authority::new());
        let listener = authority.listen("localhost", Some(clients.client_verifier(true))).await;
        let url = format!("{}/introspect", listener.url());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (certificate, key) = clients.issue("orders-api.example");
        let identity = format!("{}{}", key.serialize_pem(), certificate.pem());
        let certificate = certificate.der().to_vec();
        tokio::spawn(serve(listener, certificate.clone(), Arc::clone(&seen)));
        Self { authority, clients, identity, certificate, url, seen }
    }

    /// Starts the service with this certificate, in a file of this name. It trusts the endpoint's authority as
    /// a system does.
    fn service(&self, name: &str, identity: &str) -> Service {
        write(&path(&format!("{name}.pem")), identity);
        let authorities = path(&format!("{name}-authorities.pem"));
        write(&authorities, &self.authority.pem());
        let authorities = authorities.to_str().unwrap();
        Service::start_with(name, &self.config(&format!("{name}.pem")), &[("SSL_CERT_FILE", authorities)])
    }

    fn config(&self, identity: &str) -> String {
        let url = &self.url;
        format!(
            r#"{HEAD}[[issuer]]
issuer = "orders-issuer"
clients = ["web"]
[issuer.introspection]
tokens = "opaque"
uri = "{url}"
auth_method = "tls_client_auth"
client_id = "orders-api"
certificate_file = "{identity}"
[[route]]
path = "/orders"
GET = "orders/read"
"#
        )
    }

    /// Takes the requests since the last call.
    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

/// Serves one request for each connection. Every token is active. Another certificate than the known one is
/// another client, which may not ask.
async fn serve(listener: TlsListener, known: Vec<u8>, seen: Arc<Mutex<Vec<Seen>>>) {
    loop {
        let mut stream = listener.accept().await;
        let request = read_request(&mut stream).await;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first().cloned());
        let shown = shown.map(|certificate| certificate.to_vec());
        let status = if shown.as_ref() == Some(&known) { "200 OK" } else { "401 Unauthorized" };
        seen.lock().unwrap().push((request, shown));
        let body = r#"{"active":true,"client_id":"web","scope":"orders/read"}"#;
        let headers = "connection: close\r\ncontent-type: application/json\r\n";
        let _ = stream.write_all(&response(status, headers, body.as_bytes())).await;
        let _ = stream.shutdown().await;
    }
}

async fn ask(service: &Service) -> Response {
    Connection::open(&service.decisions).await.ask("GET", "/orders", Some(TOKEN)).await
}

#[tokio::test]
async fn service_presents_its_certificate() {
    // IN01
    let endpoint = Endpoint::start().await;
    let service = endpoint.service("certificate-own", &endpoint.identity);
    let accepted = ask(&service).await;
    assert_eq!(accepted.status, 200, "{}", service.log());
    let seen = endpoint.seen();
    let [(request, presented)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(presented.as_ref(), Some(&endpoint.certificate));
    let body = format!("\r\n\r\ntoken={TOKEN}&token_type_hint=access_token&client_id=orders-api");
    assert!(request.ends_with(&body) && !request.to_ascii_lowercase().contains("authorization"), "{request}");
    assert!(!service.log().contains(TOKEN) && !service.log().contains("PRIVATE"), "{}", service.log());
}

#[tokio::test]
async fn certificate_of_another_authority_is_503() {
    // IN06: no request reaches the endpoint.
    let endpoint = Endpoint::start().await;
    let (certificate, key) = Authority::new().issue("orders-api.example");
    let identity = format!("{}{}", key.serialize_pem(), certificate.pem());
    let service = endpoint.service("certificate-other", &identity);
    let undecided = ask(&service).await;
    assert_eq!((undecided.status, undecided.header("www-authenticate")), (503, None), "{}", service.log());
    assert!(undecided.header("retry-after").unwrap().parse::<u32>().is_ok());
    assert!(endpoint.seen().is_empty());
    service.logged("introspection failed").await;
    assert!(!service.log().contains("PRIVATE"), "{}", service.log());
}

#[tokio::test]
async fn certificate_of_another_client_is_500() {
    // IN05: the endpoint rejects the credentials of the service.
    let endpoint = Endpoint::start().await;
    let (certificate, key) = endpoint.clients.issue("another-api.example");
    let identity = format!("{}{}", key.serialize_pem(), certificate.pem());
    let service = endpoint.service("certificate-wrong", &identity);
    let undecided = ask(&service).await;
    assert_eq!((undecided.status, undecided.header("www-authenticate")), (500, None), "{}", service.log());
    assert_eq!(endpoint.seen().len(), 1);
    service.logged("introspection credentials are invalid").await;
    // The renewed file takes effect without a signal.
    write(&path("certificate-wrong.pem"), &endpoint.identity);
    service.logged("configuration reloaded").await;
    assert_eq!(ask(&service).await.status, 200, "{}", service.log());
    assert_eq!(endpoint.seen().last().unwrap().1.as_ref(), Some(&endpoint.certificate));
}

#[tokio::test]
async fn certificate_has_a_key_and_tls() {
    // FW11
    let endpoint = Endpoint::start().await;
    let (without_key, _) = endpoint.clients.issue("orders-api.example");
    write(&path("certificate-valid.pem"), &endpoint.identity);
    write(&path("certificate-keyless.pem"), &without_key.pem());
    let file = path("certificate.toml");
    let [valid, keyless] =
        ["valid", "keyless"].map(|name| endpoint.config(&format!("certificate-{name}.pem")));
    for (text, expected) in [
        (valid.clone(), None),
        (keyless, Some("certificate.toml:14:20: ")),
        (valid.replace("https://localhost", "http://localhost"), Some("certificate.toml:11:7: ")),
    ] {
        write(&file, &text);
        let (code, out, error) = run(&["check", file.to_str().unwrap()]);
        assert_eq!(code, Some(if expected.is_some() { 64 } else { 0 }), "{out}{error}");
        assert!(error.contains(expected.unwrap_or_default()) && !error.contains("PRIVATE"), "{error}");
    }
}
