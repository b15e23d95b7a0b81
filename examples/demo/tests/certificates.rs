//! The program with tokens that are bound to a client certificate (RFC 8705), behind a proxy.

mod demo_process;

use demo_process::Serving;
use reqwest::Client;
use scopegate_issuer::{Certificate, LocalIssuer};

const READ: &str = "https://my-api-server.org/api.read";
/// Certificates in DER, without a signature: only their hash is compared.
const OWN: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x01];
const OTHER: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x02];

struct Fixture {
    demo: Serving,
    issuer: LocalIssuer,
    http: Client,
}

impl Fixture {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let issuer = LocalIssuer::start().await.expect("there is a free port");
        let demo = Serving::trusting(issuer.issuer(), settings);
        let http = Client::builder().no_proxy().build().expect("no TLS is asked for");
        Self { demo, issuer, http }
    }

    fn bearer(&self) -> String {
        self.issuer.mint().scope(READ).sign()
    }

    fn bound(&self) -> String {
        self.issuer.mint().scope(READ).with_certificate(&certificate(OWN)).sign()
    }

    /// Sends a request as the proxy does, with the certificate in this header.
    async fn status(&self, token: &str, header: Option<(&str, &str)>) -> u16 {
        let mut request = self.http.get(format!("{}/orders", self.demo.url)).bearer_auth(token);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        request.send().await.expect("the API responds").status().as_u16()
    }
}

fn certificate(der: &[u8]) -> Certificate {
    Certificate::from_der(der).expect("it is one sequence")
}

fn envoy(hash_of: &[u8]) -> String {
    format!("By=proxy;Hash={}", hex(&certificate(hash_of)))
}

/// Returns the hash of a certificate in hex, from its thumbprint in base64url.
fn hex(certificate: &Certificate) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let hash = URL_SAFE_NO_PAD.decode(certificate.thumbprint()).expect("it is base64url");
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("it is below 16");
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bound_token_requires_certificate_of_trusted_proxy() {
    // MT06
    let header = ("CERTIFICATE_HEADER", "x-forwarded-client-cert");
    let binding = ("CERTIFICATE_BINDING", "accept");
    let it = Fixture::start(&[header, binding, ("TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1")]).await;
    let (token, own) = (it.bound(), envoy(OWN));
    assert_eq!(it.status(&token, Some(("x-forwarded-client-cert", &own))).await, 200);
    assert_eq!(it.status(&token, Some(("x-forwarded-client-cert", &envoy(OTHER)))).await, 401);
    assert_eq!(it.status(&token, None).await, 401);
    // MT12
    assert_eq!(it.status(&token, Some(("client-cert", ":MAMCAQE=:"))).await, 401);
    // MT08
    assert_eq!(it.status(&token, Some(("x-forwarded-client-cert", "Hash=1"))).await, 400);
    assert_eq!(it.status(&it.bearer(), None).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn certificate_of_untrusted_peer_is_ignored() {
    // MT06
    let header = ("CERTIFICATE_HEADER", "client-cert");
    let binding = ("CERTIFICATE_BINDING", "require");
    for (proxies, expected) in [("127.0.0.0/8", 200), ("10.0.0.0/8", 401)] {
        let it = Fixture::start(&[header, binding, ("TRUSTED_PROXIES", proxies)]).await;
        assert_eq!(it.status(&it.bound(), Some(("client-cert", ":MAMCAQE=:"))).await, expected, "{proxies}");
        // MT04
        assert_eq!(it.status(&it.bearer(), Some(("client-cert", ":MAMCAQE=:"))).await, 401, "{proxies}");
    }
}
