//! An API with TLS in its own process, and curl with a client certificate (RFC 8705 §3).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler as _;
use axum::routing::get;
use rcgen::{Certificate, KeyPair};
use scopegate_axum::{CertificateSource, Claims, ClientCertificates, RequireScope, Verifier};
use testkit::Authority;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::api::READ;
use crate::installed::Installed;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::server::{Binding, Server, Wanted};

/// The certificate of a caller. All of them have a valid certificate chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// The certificate of the token.
    Own,
    Other,
    WithoutCertificate,
}

pub(super) const SENDERS: [(&str, Sender); 3] = [
    ("a certificate-bound token, from curl with its certificate over TLS: 200", Sender::Own),
    ("the same, with another certificate: 401", Sender::Other),
    ("the same, without a certificate: 401", Sender::WithoutCertificate),
];

/// The API and the files of curl. The API is stopped on drop.
pub(super) struct CertificateApi {
    url: String,
    token: String,
    folder: PathBuf,
    server: JoinHandle<()>,
}

impl CertificateApi {
    /// Starts an API that requires bound tokens, and requests one.
    pub(super) async fn start<S: Server>(installed: &Installed, server: &S) -> Result<Self, Trouble> {
        installed.curl().map_err(Trouble::cannot)?;
        let authority = Authority::new();
        let (own, other) = (authority.issue("client.test"), authority.issue("other.test"));
        let binding = Some(Binding::Certificate);
        let pem = own.0.pem();
        let token = server.token(Wanted { binding, certificate: Some(&pem), ..Wanted::default() }).await?;

        let folder = installed.folder.join(format!("certificates-of-{}", server.name()));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("authority.pem"), authority.pem())?;
        write(&folder, "own", &own)?;
        write(&folder, "other", &other)?;

        let certificates = ClientCertificates::require(CertificateSource::Tls);
        let verifier = Verifier::builder().trust(server.trusted()?).client_certificates(certificates);
        let verifier = verifier.start().await?;
        let orders = async |claims: Claims| claims.client_id().unwrap_or("?").to_owned();
        let router = Router::new().route("/orders", get(orders.layer(RequireScope::new(&verifier, READ))));

        let (certificate, key) = authority.issue("localhost");
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(Trouble::failed)?;
        let config = ServerConfig::builder().with_client_cert_verifier(authority.client_verifier(false));
        let config = config.with_single_cert(vec![certificate.der().clone()], key)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://localhost:{}/orders", listener.local_addr()?.port());
        let server = tokio::spawn(mtls::serve::serve(listener, Arc::new(config), router));
        Ok(Self { url, token, folder, server })
    }

    pub(super) async fn answers(&self, sender: Sender) -> Outcome {
        let identity = match sender {
            Sender::Own => Some("own"),
            Sender::Other => Some("other"),
            Sender::WithoutCertificate => None,
        };
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"]);
        command.args(["--output", "-", "--write-out", "\n%{http_code}", "--oauth2-bearer", &self.token]);
        command.args(["--cacert", "authority.pem"]);
        if let Some(name) = identity {
            command.args(["--cert", &format!("{name}.pem"), "--key", &format!("{name}-key.pem")]);
        }
        command.arg(&self.url).current_dir(&self.folder).kill_on_drop(true);
        let output = command.output().await?;
        ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let (_, status) = text.rsplit_once('\n').unwrap_or_default();
        let expected = if sender == Sender::Own { "200" } else { "401" };
        ensure!(status == expected, "{text}");
        Ok(YES)
    }
}

fn write(folder: &Path, name: &str, (certificate, key): &(Certificate, KeyPair)) -> Result<(), Trouble> {
    std::fs::write(folder.join(format!("{name}.pem")), certificate.pem())?;
    Ok(std::fs::write(folder.join(format!("{name}-key.pem")), key.serialize_pem())?)
}

impl Drop for CertificateApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}
