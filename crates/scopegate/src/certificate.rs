//! Client certificates (mutual TLS, RFC 8705 §3): which certificate has the sender of a request?
//!
//! `checks/confirmation` compares it with the certificate to which the token is bound.

mod forwarded;
mod header;
pub(crate) mod header_certificate;
pub(crate) mod malformed;
mod pem;
pub(crate) mod peer;
pub(crate) mod proxies;
mod read;
pub(crate) mod source;
mod thumbprint;

use std::fmt;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

use crate::certificate::header_certificate::HeaderCertificate;
use crate::certificate::peer::PeerCertificate;
use crate::certificate::proxies::TrustedProxies;
use crate::certificate::source::CertificateSource;
use crate::checks::confirmation::PresentedCertificate;
use crate::config_error::ConfigError;
use crate::telemetry::log_limit::LogLimit;

/// Settings for tokens that are bound to a certificate of their client (mutual TLS, RFC 8705 §3).
/// Pass it to [`VerifierBuilder::client_certificates`](crate::VerifierBuilder::client_certificates).
///
/// The token names the SHA-256 hash of the certificate (`cnf` with `x5t#S256`). A stolen token is
/// useless without the certificate's private key. The request has the token in
/// `Authorization: Bearer …`, as other tokens.
///
/// ```
/// use scopegate::{CertificateSource, ClientCertificates, Issuer, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
/// // The proxies in 10.0.0.0/8 end TLS, and set the header `Client-Cert` (RFC 9440).
/// let certificates = ClientCertificates::accept(CertificateSource::ClientCert).trusted_proxies(["10.0.0.0/8"]);
/// let verifier = Verifier::builder().trust(issuer).client_certificates(certificates).start().await?;
/// # let _ = verifier;
/// # Ok(()) }
/// ```
///
/// The layers of `scopegate-axum` read the certificate. Elsewhere, call
/// [`Authorizer::authorize_head`](crate::http::Authorizer::authorize_head). A call of
/// [`Verifier::verify`](crate::Verifier::verify) has no certificate, so it rejects bound tokens.
///
/// # Checks
///
/// 1. The certificate comes from one [source](CertificateSource). Other headers are ignored.
/// 2. A header counts only if a [trusted proxy](Self::trusted_proxies) has sent the request. From any
///    other address, the request has no certificate.
/// 3. If the token is valid and bound to a certificate, the header is decoded. It has exactly one value
///    in the format of its source, of at most 64 KiB. Otherwise, the request is rejected (400).
/// 4. The hash of the certificate is the hash in the token. It is compared at each use of a token.
///
/// The header of a request whose token is not bound is not decoded, because it has no effect.
///
/// The chain, the names and the lifetime of the certificate are not checked. RFC 8705 §3 only asks for
/// the certificate of the token. TLS proves that the client has its private key.
///
/// If a token is bound to a certificate and to a key of [DPoP](crate::Dpop), both are checked.
#[derive(Clone)]
#[must_use = "settings have no effect until they are passed to `VerifierBuilder::client_certificates`"]
pub struct ClientCertificates {
    is_required: bool,
    source: CertificateSource,
    proxies: Vec<String>,
}

impl ClientCertificates {
    /// Accepts bound tokens with their certificate, and also tokens that are not bound, as bearer
    /// tokens.
    pub fn accept(source: CertificateSource) -> Self {
        Self { is_required: false, source, proxies: Vec::new() }
    }

    /// Accepts only tokens that are bound to the certificate of the request.
    pub fn require(source: CertificateSource) -> Self {
        Self { is_required: true, ..Self::accept(source) }
    }

    /// Sets the proxies whose header counts: IP addresses, and networks such as `10.0.0.0/8` and
    /// `fd00::/8`. A later call replaces them. They must be set for every source except
    /// [`Tls`](CertificateSource::Tls).
    ///
    /// The address of the connection is compared, and never one of `Forwarded` or `X-Forwarded-For`. A
    /// layer that replaces axum's `ConnectInfo` by such an address lets every caller be a proxy.
    /// An IPv4 address that is mapped to IPv6 counts as its IPv4 address. Each proxy must remove or
    /// replace the header of its callers.
    ///
    /// Starting the verifier fails with
    ///
    /// - [`ConfigError::MissingTrustedProxies`] if a header is the source and no proxy is set,
    /// - [`ConfigError::OutOfRange`] for a string that is no address and no network, a network with
    ///   bits after its prefix, networks that together have all addresses of IPv4 or IPv6, and for
    ///   proxies with [`Tls`](CertificateSource::Tls).
    pub fn trusted_proxies<I>(mut self, proxies: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// Returns the same settings, which reject every token that is not bound to a certificate.
    pub(crate) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// Returns whether tokens are rejected that are not bound to a certificate.
    pub fn is_required(&self) -> bool {
        self.is_required
    }

    /// Returns the source of the certificates.
    pub fn source(&self) -> &CertificateSource {
        &self.source
    }

    /// Checks the settings.
    pub(crate) fn into_policy(self) -> Result<CertificatePolicy, ConfigError> {
        let proxies = TrustedProxies::new(&self.proxies)?;
        let header = self.source.header();
        match header {
            Some(header) if proxies.is_empty() => {
                Err(ConfigError::MissingTrustedProxies { header: header.to_string() })
            }
            None if !proxies.is_empty() => {
                let (setting, expected) = ("trusted proxies", "none, because certificates come from TLS");
                Err(ConfigError::OutOfRange { setting, expected, found: self.proxies.join(", ") })
            }
            header => {
                let unknown_peer_log = LogLimit::new(1);
                Ok(CertificatePolicy { header, proxies, settings: self, unknown_peer_log })
            }
        }
    }
}

impl fmt::Debug for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificates")
            .field("is_required", &self.is_required)
            .field("source", &self.source)
            .field("trusted_proxies", &self.proxies)
            .finish()
    }
}

/// The settings of a verifier, checked.
pub(crate) struct CertificatePolicy {
    /// `None` for certificates of TLS connections.
    header: Option<HeaderName>,
    proxies: TrustedProxies,
    pub(crate) settings: ClientCertificates,
    /// Bounds the log events at `ERROR` about requests whose peer is unknown.
    pub(crate) unknown_peer_log: LogLimit,
}

impl CertificatePolicy {
    /// Returns the certificate of a request, by its headers, its peer and its TLS connection. A header
    /// is not decoded yet.
    pub(crate) fn read(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        connection: Option<&PeerCertificate>,
        of_header: &HeaderCertificate,
    ) -> PresentedCertificate {
        let Some(name) = &self.header else {
            return match connection {
                None => PresentedCertificate::Absent,
                Some(certificate) => PresentedCertificate::Thumbprint(certificate.thumbprint),
            };
        };
        let Some(peer) = peer else { return PresentedCertificate::UnknownPeer };
        if !self.proxies.contain(peer) {
            return PresentedCertificate::Absent;
        }
        match read::only_value(name, headers) {
            None => PresentedCertificate::Absent,
            Some(value) => PresentedCertificate::Header(of_header.of(&self.settings.source, value)),
        }
    }
}
