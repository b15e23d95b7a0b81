//! Tokens that are bound to a client certificate, over TLS between caller and gateway.

use std::fmt::Write as _;

use tokio_rustls::TlsConnector;

use crate::caller::Call;
use crate::checks::{Cell, Tried, YES};
use crate::gateway::Gateway;
use crate::tls::Identity;
use crate::trouble::{Trouble, ensure};
use crate::variant::{SHIPPED, Variant};

const BOUND: Variant = Variant {
    name: "-tls",
    has_tls: true,
    settings: "certificate_binding = \"accept\"\ncertificate_header = \"HEADER\"\n",
    ..SHIPPED
};

/// A gateway with TLS, and its callers.
struct Bound {
    gateway: Gateway,
    /// A certificate, with a token that is bound to it.
    own: Identity,
    token: String,
    with_own: TlsConnector,
    with_other: TlsConnector,
    without: TlsConnector,
}

impl Bound {
    async fn start(tried: &Tried<'_>) -> Result<Self, Trouble> {
        let gateway = Gateway::start(tried.kind, tried.setup, BOUND).await?;
        let (own, other) = (Identity::new("client.example")?, Identity::new("client.example")?);
        let server = &tried.setup.server;
        Ok(Self {
            gateway,
            token: tried.setup.issuers.bound_to(&own)?,
            with_own: server.connector(Some(&own))?,
            with_other: server.connector(Some(&other))?,
            without: server.connector(None)?,
            own,
        })
    }

    /// Returns the status of a request with this token. Only a request with 200 reaches the backend.
    async fn status(&self, tls: &TlsConnector, call: Call<'_>) -> Result<u16, Trouble> {
        let response = call.send_over(tls, &self.gateway.address).await?;
        let is_consistent = response.seen().is_some() == (response.status == 200);
        ensure!(is_consistent, "{:?}: {response:?}", call.headers);
        let challenge = response.header("WWW-Authenticate").unwrap_or_default();
        let is_invalid = challenge.contains("error=\"invalid_token\"");
        ensure!(response.status != 401 || is_invalid, "{:?}: {response:?}", call.headers);
        Ok(response.status)
    }

    fn call(&self) -> Call<'_> {
        Call::get("/files/a", Some(&self.token))
    }
}

impl Tried<'_> {
    pub(super) async fn certificates(&self) -> Cell {
        // FW14, MT01, MT04
        let bound = Bound::start(self).await?;
        let unbound = Call::get("/files/a", Some(self.reader()));
        for tls in [&bound.with_own, &bound.with_other, &bound.without] {
            let status = bound.status(tls, unbound).await?;
            ensure!(status == 200, "an unbound token: {status}");
        }
        for (name, tls) in [("another certificate", &bound.with_other), ("none", &bound.without)] {
            let status = bound.status(tls, bound.call()).await?;
            ensure!(status == 401, "{name}: {status}");
        }
        match bound.status(&bound.with_own, bound.call()).await? {
            200 => Ok(YES.to_owned()),
            // Its question has no certificate.
            401 if self.kind.name == "traefik" => Ok("401 with it too".to_owned()),
            status => Err(Trouble(format!("with its certificate: {status}"))),
        }
    }

    /// A caller who knows the certificate of another one has not its key.
    pub(super) async fn spoofed_certificates(&self) -> Cell {
        // FW14, MT06, MT12
        let bound = Bound::start(self).await?;
        let expected = bound.status(&bound.with_own, bound.call()).await?;
        for header in headers(&bound.own) {
            let [twice, lines] = [&[header.as_str(), &header][..], &[header.as_str()]];
            let name = header.split(':').next().unwrap_or_default();
            // A gateway removes the headers that this one names.
            let connection = format!("close, {name}");
            for headers in [twice, lines] {
                for connection in ["close", &connection] {
                    let call = Call { connection, headers, ..bound.call() };
                    for tls in [&bound.with_other, &bound.without] {
                        let status = bound.status(tls, call).await?;
                        ensure!(status == 401, "{name}, Connection: {connection}: {status}");
                    }
                    let status = bound.status(&bound.with_own, call).await?;
                    ensure!(status == expected, "{name} beside the certificate: {status}");
                }
            }
        }
        Ok(YES.to_owned())
    }
}

/// Returns the headers in which gateways pass on this certificate, with their usual spellings.
fn headers(certificate: &Identity) -> Vec<String> {
    let pem = certificate.pem();
    let base64: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    let escaped = pem.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(byte)),
            _ => write!(text, "%{byte:02X}").unwrap_or_default(),
        }
        text
    });
    let values = [
        ("Client-Cert", format!(":{base64}:")),
        ("Ssl-Client-Cert", escaped.clone()),
        ("X-SSL-Client-Cert", escaped.clone()),
        ("X-Forwarded-Client-Cert", format!("Cert=\"{escaped}\"")),
        ("X-Forwarded-Tls-Client-Cert", base64),
        ("X-Amzn-Mtls-Clientcert-Leaf", escaped),
    ];
    let spellings = values.iter().flat_map(|(name, value)| {
        [(*name).to_owned(), name.replace('-', "_"), name.replace('-', "."), name.to_lowercase()]
            .map(|name| format!("{name}: {value}"))
    });
    spellings.collect()
}
