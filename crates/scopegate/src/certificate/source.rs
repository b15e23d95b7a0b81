//! The source of the clients' certificates: TLS in this process, or one header of a proxy.

use http::HeaderName;

/// The source of the clients' certificates. There is exactly one: a header of another source could be
/// the caller's.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// The TLS connection, which ends in this process. The server puts a [`PeerCertificate`] into the
    /// extensions of each request.
    Tls,
    /// `Client-Cert`: the certificate in base64 between colons (RFC 9440 §2.1).
    ClientCert,
    /// `X-Forwarded-Client-Cert` of Envoy. The member `Cert` or `Hash` of an element is used.
    ForwardedClientCert(ForwardedElement),
    /// A header with one certificate in PEM, percent-encoded: `$ssl_client_escaped_cert` of nginx. You
    /// choose the header's name in nginx. PEM that is not encoded, such as `$ssl_client_cert`, is
    /// malformed.
    EscapedPem(HeaderName),
    /// `X-Amzn-Mtls-Clientcert-Leaf` of an AWS Application Load Balancer that verifies certificates.
    AmznMtlsLeaf,
}

/// The element of `X-Forwarded-Client-Cert` that is used. Each proxy may add an element.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedElement {
    /// The only element. Several elements are malformed. Use it if the proxy replaces the header, as
    /// Envoy does with `SANITIZE_SET`.
    ///
    /// A quoted value with an even number of backslashes before a quote is malformed, because proxies
    /// differ in whether that quote ends the value.
    Only,
    /// The last element, which the nearest proxy has added (`APPEND_FORWARD`). The elements before it
    /// are not used.
    ///
    /// Set it only if each trusted proxy adds an element or removes the header, for each request. With
    /// `FORWARD_ONLY` and `ALWAYS_FORWARD_ONLY`, Envoy does neither.
    ///
    /// A header with a member `URI` or `DNS` is malformed. Envoy writes them without quotes, so a client
    /// with a certificate for the URI `x,Hash=…` could add an element. Configure Envoy to send `cert`
    /// only (`set_current_client_cert_details`).
    Last,
}

impl CertificateSource {
    /// Returns the header of the source.
    pub(super) fn header(&self) -> Option<HeaderName> {
        match self {
            Self::Tls => None,
            Self::ClientCert => Some(HeaderName::from_static("client-cert")),
            Self::ForwardedClientCert(_) => Some(HeaderName::from_static("x-forwarded-client-cert")),
            Self::EscapedPem(name) => Some(name.clone()),
            Self::AmznMtlsLeaf => Some(HeaderName::from_static("x-amzn-mtls-clientcert-leaf")),
        }
    }
}
