//! Tokens that are bound to a certificate (RFC 8705 §3.1), and their defects.

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Mint;
use crate::keys::certificate::Certificate;
use crate::keys::public_key::sha256;

/// A defect of the binding of a token to a certificate. An API must reject the token, also if the
/// request presents the certificate (RFC 7800 §3.1, RFC 8705 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateDefect {
    /// `x5t#S256` is the hash of another certificate.
    OtherCertificate,
    /// `x5t#S256` is a number.
    ThumbprintAsNumber,
    /// `x5t#S256` is an array with the hash.
    ThumbprintAsArray,
    /// `x5t#S256` has 31 bytes.
    ShortThumbprint,
    /// `x5t#S256` ends with `=`.
    PaddedThumbprint,
    /// `x5t#S256` is hexadecimal.
    HexThumbprint,
    /// `cnf` is `null`.
    NullConfirmation,
    /// `cnf` is a string.
    ConfirmationAsString,
    /// The token is also bound to a key, which the request does not prove.
    BothBindings,
}

impl CertificateDefect {
    /// All defects.
    pub const ALL: [Self; 9] = [
        Self::OtherCertificate,
        Self::ThumbprintAsNumber,
        Self::ThumbprintAsArray,
        Self::ShortThumbprint,
        Self::PaddedThumbprint,
        Self::HexThumbprint,
        Self::NullConfirmation,
        Self::ConfirmationAsString,
        Self::BothBindings,
    ];

    /// Returns the value of `cnf`.
    fn confirmation(self, thumbprint: &str) -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(thumbprint).unwrap_or_default();
        let bound = |value: Value| json!({ "x5t#S256": value });
        match self {
            Self::OtherCertificate => bound(sha256(b"another certificate").into()),
            Self::ThumbprintAsNumber => bound(json!(7)),
            Self::ThumbprintAsArray => bound(json!([thumbprint])),
            Self::ShortThumbprint => {
                bound(URL_SAFE_NO_PAD.encode(bytes.get(..31).unwrap_or_default()).into())
            }
            Self::PaddedThumbprint => bound(format!("{thumbprint}=").into()),
            Self::HexThumbprint => {
                let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                    let _ = write!(hex, "{byte:02x}"); // writing to a string does not fail
                    hex
                });
                bound(hex.into())
            }
            Self::NullConfirmation => Value::Null,
            Self::ConfirmationAsString => thumbprint.into(),
            Self::BothBindings => json!({ "x5t#S256": thumbprint, "jkt": sha256(b"a key") }),
        }
    }
}

/// Writes a short name.
impl fmt::Display for CertificateDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OtherCertificate => "other certificate",
            Self::ThumbprintAsNumber => "x5t#S256 number",
            Self::ThumbprintAsArray => "x5t#S256 array",
            Self::ShortThumbprint => "x5t#S256 of 31 bytes",
            Self::PaddedThumbprint => "padded x5t#S256",
            Self::HexThumbprint => "hexadecimal x5t#S256",
            Self::NullConfirmation => "cnf null",
            Self::ConfirmationAsString => "cnf string",
            Self::BothBindings => "cnf with x5t#S256 and jkt",
        })
    }
}

impl Mint {
    /// Binds the token to this certificate by `cnf.x5t#S256` (RFC 8705 §3.1).
    pub fn with_certificate(self, certificate: &Certificate) -> Self {
        self.confirmed_by("x5t#S256", certificate.thumbprint())
    }

    /// Binds the token to this certificate with a defect. Replaces other bindings.
    ///
    /// ```
    /// use scopegate_issuer::{Certificate, CertificateDefect, LocalIssuer};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let der = [0x30, 0];
    /// let issuer = LocalIssuer::start().await?;
    /// let certificate = Certificate::from_der(der)?;
    /// let valid = issuer.mint().with_certificate(&certificate).sign();
    /// for defect in CertificateDefect::ALL {
    ///     let token = issuer.mint().with_certificate_defect(&certificate, defect).sign();
    ///     // … the API rejects it
    /// #   assert_ne!(token, valid);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn with_certificate_defect(self, certificate: &Certificate, defect: CertificateDefect) -> Self {
        self.claim("cnf", defect.confirmation(certificate.thumbprint()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_defects_differ_from_valid_binding() {
        // RFC 8705 §3.1
        let thumbprint = sha256(b"a certificate");
        let valid = json!({ "x5t#S256": thumbprint });
        let mut seen = vec![valid];
        for defect in CertificateDefect::ALL {
            let found = defect.confirmation(&thumbprint);
            assert!(!seen.contains(&found), "{defect}: {found}");
            seen.push(found);
        }
        assert_eq!(CertificateDefect::HexThumbprint.confirmation("AAEC")["x5t#S256"], "000102");
    }
}
