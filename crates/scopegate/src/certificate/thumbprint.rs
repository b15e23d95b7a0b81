//! The thumbprint of a certificate (RFC 8705 §3.1).

use crate::certificate::malformed::MalformedCertificate;
use crate::keys::der::{Der, SEQUENCE};
use crate::keys::verifying_key::sha256;

/// Returns the hash of a certificate, which must be one element.
pub(super) fn of_der(certificate: &[u8]) -> Result<[u8; 32], MalformedCertificate> {
    let mut der = Der(certificate);
    der.read(SEQUENCE).and_then(|_| der.end()).ok_or(MalformedCertificate::NotDer)?;
    Ok(sha256(certificate))
}
