//! TLS between a caller and a gateway, with self-signed certificates.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ALL_VERSIONS, ClientConfig, RootCertStore};

use crate::trouble::Trouble;

/// The name in the certificate of the gateway.
pub(crate) const SERVER: &str = "api.example";

/// The folder of the certificate and its key in the files of deploy/.
const FOLDER: &str = "/etc/ssl/scopegate/";
const FILES: [&str; 2] = ["api.pem", "api.key"];

/// The line after this one is left out with TLS.
const WITHOUT: &str = "# Without TLS:";
/// A line with this begin is a part of the file with TLS only.
const WITH: &str = "#| ";

/// Returns a file of deploy/ as its comments tell for TLS, with the certificate in its own folder.
pub(crate) fn with_tls(file: &str) -> String {
    let (mut changed, mut lines) = (String::new(), file.split_inclusive('\n'));
    while let Some(line) = lines.next() {
        if line.trim() == WITHOUT {
            lines.next();
        } else {
            changed.push_str(&line.replacen(WITH, "", 1).replace(FOLDER, ""));
        }
    }
    changed
}

/// A certificate with its key.
pub(crate) struct Identity(CertifiedKey<KeyPair>);

impl Identity {
    pub(crate) fn new(name: &str) -> Result<Self, Trouble> {
        Ok(Self(generate_simple_self_signed([name.to_owned()])?))
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.0.cert.der()
    }

    /// Returns the certificate as PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.cert.pem()
    }

    /// Writes the files that a gateway reads.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Trouble> {
        for (name, text) in FILES.into_iter().zip([self.pem(), self.0.signing_key.serialize_pem()]) {
            std::fs::write(folder.join(name), text)?;
        }
        Ok(())
    }

    /// Returns the TLS of a caller that trusts this server. `caller` is the certificate of the caller.
    pub(crate) fn connector(&self, caller: Option<&Self>) -> Result<TlsConnector, Trouble> {
        Ok(TlsConnector::from(Arc::new(self.client(caller)?)))
    }

    /// Returns the TLS of a caller without a certificate that speaks HTTP/2 only.
    pub(crate) fn http2_connector(&self) -> Result<TlsConnector, Trouble> {
        let mut config = self.client(None)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn client(&self, caller: Option<&Self>) -> Result<ClientConfig, Trouble> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.cert.der().clone())?;
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_protocol_versions(ALL_VERSIONS)?.with_root_certificates(roots);
        Ok(match caller {
            None => config.with_no_client_auth(),
            Some(Self(CertifiedKey { cert, signing_key })) => {
                let key = PrivateKeyDer::try_from(signing_key.serialize_der())
                    .map_err(|reason| Trouble(reason.to_owned()))?;
                config.with_client_auth_cert(vec![cert.der().clone()], key)?
            }
        })
    }
}

/// Opens a connection to a gateway.
pub(crate) async fn connect(tls: &TlsConnector, address: &str) -> Result<TlsStream<TcpStream>, Trouble> {
    let stream = TcpStream::connect(address).await?;
    Ok(tls.connect(SERVER.try_into()?, stream).await?)
}

#[test]
fn each_shipped_gateway_has_lines_for_tls() {
    for kind in crate::gateway::KINDS {
        let all: String = kind.files.iter().map(|(_, text)| *text).collect();
        let changed = with_tls(&all);
        let has_other_line = matches!(kind.name, "nginx" | "caddy");
        assert_eq!(all.matches(WITHOUT).count(), usize::from(has_other_line), "{}", kind.name);
        assert!(!changed.contains(WITHOUT) && !changed.contains(WITH), "{}", kind.name);
        for file in FILES {
            assert!(all.contains(&format!("{FOLDER}{file}")), "{}: {file}", kind.name);
            assert!(changed.contains(file) && !changed.contains(FOLDER), "{}: {file}", kind.name);
        }
    }
}

#[test]
fn file_with_tls_has_other_lines() {
    let file = "a\n  # Without TLS:\n  listen 80;\n  #| listen 443;\n  #| key /etc/ssl/scopegate/api.key\n";
    assert_eq!(with_tls(file), "a\n  listen 443;\n  key api.key\n");
}
