//! The reasons why a certificate header is malformed.

use std::fmt;

/// Why the certificate header of a trusted proxy is malformed. None of the texts has a part of it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedCertificate {
    /// The request has more than one such header.
    SeveralHeaders,
    /// The value is longer than 64 KiB.
    #[non_exhaustive]
    TooLong {
        /// The maximum length in bytes.
        limit: usize,
        /// The length of the value.
        found: usize,
    },
    /// The value is not one byte sequence: canonical base64 between colons (RFC 8941 §3.3.5).
    NotByteSequence,
    /// The value is not percent-encoded.
    NotPercentEncoded,
    /// The value is not exactly one certificate in PEM.
    NotOneCertificate,
    /// The certificate is not one element in DER.
    NotDer,
    /// The value does not consist of elements of members.
    NotElements,
    /// The value has several elements, and one is expected.
    SeveralElements,
    /// With [`ForwardedElement::Last`](crate::ForwardedElement::Last), the value has a member `URI` or
    /// `DNS`. Envoy writes them without quotes, so a client's certificate could add an element.
    UnquotedNames,
    /// The element has neither `Cert` nor `Hash`.
    NoCertificate,
    /// `Hash` is not a SHA-256 hash of 64 hexadecimal digits.
    NotAHash,
    /// `Hash` is not the hash of `Cert`.
    OtherHash,
}

impl fmt::Display for MalformedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("certificate header of the proxy: ")?;
        f.write_str(match self {
            Self::SeveralHeaders => "expected one, found several",
            Self::TooLong { limit, found } => {
                return write!(f, "expected at most {limit} bytes, found {found}");
            }
            Self::NotByteSequence => "expected base64 between two colons",
            Self::NotPercentEncoded => "expected PEM that is percent-encoded",
            Self::NotOneCertificate => "expected one certificate in PEM",
            Self::NotDer => "expected one certificate in DER",
            Self::NotElements => "expected elements of members, each with a key and a value",
            Self::SeveralElements => "expected one element, found several",
            Self::UnquotedNames => "expected no URI and no DNS beside other elements",
            Self::NoCertificate => "expected an element with Cert or Hash, found neither",
            Self::NotAHash => "expected a Hash of 64 hexadecimal digits",
            Self::OtherHash => "the Hash is not that of the Cert",
        })
    }
}

impl std::error::Error for MalformedCertificate {}
