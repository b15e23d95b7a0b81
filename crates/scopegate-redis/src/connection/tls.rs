//! TLS with the certificate authorities of the system and of the application.

use std::error::Error;
use std::sync::Arc;

use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use crate::connection::Redis;
use crate::error::RedisError;

/// Wraps a connection in TLS. The server's certificate must have its host's name.
pub(crate) async fn connect(redis: &Redis, stream: TcpStream) -> Result<TlsStream<TcpStream>, RedisError> {
    let config = config(redis).map_err(|source| RedisError::Certificates { source })?;
    let name = ServerName::try_from(redis.url.host.clone())
        .map_err(|error| RedisError::Certificates { source: Box::new(error) })?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let address = redis.url.address.clone();
    connected.map_err(|error| RedisError::Unreachable { address, source: Box::new(error) })
}

/// The provider is named, because a process may have several and no default.
fn config(redis: &Redis) -> Result<ClientConfig, Box<dyn Error + Send + Sync>> {
    let provider = Arc::new(default_provider());
    let mut roots = Vec::new();
    for pem in &redis.root_certificates {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.push(certificate?);
        }
        if roots.len() == before {
            return Err("expected a certificate in PEM, found none".into());
        }
    }
    let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    // The builder calls each verifier other than its own dangerous.
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(config.with_no_client_auth())
}
