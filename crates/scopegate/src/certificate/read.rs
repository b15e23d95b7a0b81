//! Reads the certificate of a request, from the header of its source or from a message.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::certificate::header;
use crate::certificate::malformed::MalformedCertificate;
use crate::certificate::peer::PeerCertificate;
use crate::certificate::source::CertificateSource;

impl CertificateSource {
    /// Reads the certificate of a request from the header of this source. Returns `None` if the request
    /// lacks the header, and for [`Tls`](Self::Tls).
    ///
    /// Any caller can send such a header. Call it only if you know that a proxy of yours has sent the
    /// request, and that the proxy replaces or removes the header of its callers. A verifier with
    /// [trusted proxies](crate::ClientCertificates::trusted_proxies) checks that itself. Use this method
    /// if the certificate comes from another place for some requests: give the verifier the source
    /// [`Tls`](Self::Tls), and each request its certificate
    /// ([`RequestHead::with_certificate`](crate::http::RequestHead::with_certificate)).
    ///
    /// ```
    /// use http::HeaderMap;
    /// use scopegate::CertificateSource;
    ///
    /// let mut headers = HeaderMap::new();
    /// assert_eq!(CertificateSource::ClientCert.read(&headers), Ok(None));
    /// headers.insert("client-cert", "MIIB".parse()?);
    /// assert!(CertificateSource::ClientCert.read(&headers).is_err());
    /// # Ok::<(), http::header::InvalidHeaderValue>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the header has several values, or a value in another format or of more than
    /// 64 KiB. Reject such a request (400).
    pub fn read(&self, headers: &HeaderMap) -> Result<Option<PeerCertificate>, MalformedCertificate> {
        let Some(value) = self.header().and_then(|name| only_value(&name, headers)) else { return Ok(None) };
        let thumbprint = header::thumbprint(self, value?.as_bytes())?;
        Ok(Some(PeerCertificate { thumbprint }))
    }
}

/// Returns the value of a header, if the request has it. Several values are malformed.
pub(super) fn only_value<'h>(
    name: &HeaderName,
    headers: &'h HeaderMap,
) -> Option<Result<&'h HeaderValue, MalformedCertificate>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(Ok(value)),
        (Some(_), Some(_)) => Some(Err(MalformedCertificate::SeveralHeaders)),
    }
}

impl PeerCertificate {
    /// Reads the certificate in PEM, percent-encoded, as Envoy sends it in
    /// `attributes.source.certificate` of a `CheckRequest`. The message must be that of a trusted proxy.
    ///
    /// # Errors
    /// Returns an error if the value is not exactly one certificate, or longer than 64 KiB.
    pub fn from_escaped_pem(value: impl AsRef<[u8]>) -> Result<Self, MalformedCertificate> {
        Ok(Self { thumbprint: header::of_escaped_pem(value.as_ref())? })
    }
}
