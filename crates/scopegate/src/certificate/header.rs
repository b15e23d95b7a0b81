//! The value of a certificate header.

use scopegate_proto::base64url;

use crate::certificate::malformed::MalformedCertificate;
use crate::certificate::source::CertificateSource;
use crate::certificate::{forwarded, pem, thumbprint};

/// Maximum length of a header value in bytes. A certificate for a key of 8,192 bits takes about 4 KiB.
pub(crate) const MAX_LENGTH: usize = 64 * 1024;

/// Reads the hash of the certificate in a header.
pub(super) fn thumbprint(source: &CertificateSource, value: &[u8]) -> Result<[u8; 32], MalformedCertificate> {
    if value.len() > MAX_LENGTH {
        return Err(MalformedCertificate::TooLong { limit: MAX_LENGTH, found: value.len() });
    }
    let der = match source {
        CertificateSource::ForwardedClientCert(used) => return forwarded::thumbprint(value, *used),
        CertificateSource::ClientCert => byte_sequence(value)?,
        CertificateSource::EscapedPem(_) | CertificateSource::AmznMtlsLeaf => pem::certificate(value)?,
        // It has no header.
        CertificateSource::Tls => return Err(MalformedCertificate::NoCertificate),
    };
    thumbprint::of_der(&der)
}

/// Decodes a byte sequence without parameters. RFC 8941 §4.2 allows spaces around it.
fn byte_sequence(value: &[u8]) -> Result<Vec<u8>, MalformedCertificate> {
    let spaces = |byte: &&u8| **byte == b' ';
    let start = value.iter().take_while(spaces).count();
    let end = value.len() - value.iter().rev().take_while(spaces).count();
    let value = value.get(start..end).unwrap_or_default();
    let base64 = value.strip_prefix(b":").and_then(|rest| rest.strip_suffix(b":"));
    base64.and_then(base64url::decode_standard).ok_or(MalformedCertificate::NotByteSequence)
}
