//! `CERTIFICATE=api.pem KEY=api-key.pem CLIENT_CA=clients.pem ISSUER=https://… CLIENT_ID=… cargo run -p mtls`

use std::env::var;
use std::error::Error;
use std::sync::Arc;

use mtls::serve::serve;
use mtls::{app, certificates};
use scopegate_axum::{Issuer, Verifier};
use tokio::net::TcpListener;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = Issuer::cognito_at(&var("ISSUER")?)?.client(var("CLIENT_ID")?);
    let verifier = Verifier::builder().trust(issuer).client_certificates(certificates()).start().await?;

    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(var("CLIENT_CA")?)? {
        authorities.add(certificate?)?;
    }
    let clients = WebPkiClientVerifier::builder(Arc::new(authorities)).build()?;
    let chain = CertificateDer::pem_file_iter(var("CERTIFICATE")?)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(var("KEY")?)?;
    let config = ServerConfig::builder().with_client_cert_verifier(clients).with_single_cert(chain, key)?;

    let listener = TcpListener::bind(("127.0.0.1", 3443)).await?;
    serve(listener, Arc::new(config), app(&verifier)).await;
    Ok(())
}
