//! The certificate of a request, as its hash.

use std::fmt;

use crate::keys::verifying_key::sha256;

/// The client certificate of a TLS connection. Only its hash is kept.
///
/// If TLS ends in this process, create it once for each connection, and put it into the extensions of
/// each request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PeerCertificate {
    pub(super) thumbprint: [u8; 32],
}

impl PeerCertificate {
    /// Reads the certificate in DER. With rustls, it is the first of `peer_certificates()`.
    pub fn from_der(certificate: impl AsRef<[u8]>) -> Self {
        Self { thumbprint: sha256(certificate.as_ref()) }
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate").finish_non_exhaustive()
    }
}
