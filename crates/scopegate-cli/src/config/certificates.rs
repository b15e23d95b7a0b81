//! `certificate_binding` and `certificate_header`: tokens that are bound to a client certificate.

use http::HeaderName;
use scopegate::{CertificateSource, ClientCertificates, ForwardedElement};

use crate::config::problem::Problems;
use crate::config::reader::{Reader, Text};

/// The settings for tokens that are bound to a client certificate (RFC 8705 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificates {
    is_required: bool,
    /// The header of the gateway over HTTP. Over gRPC, the message has the certificate.
    pub(crate) header: Option<CertificateSource>,
}

/// The headers, and their names in the file.
const HEADERS: [&str; 4] =
    ["client-cert", "x-forwarded-client-cert", "ssl-client-cert", "x-amzn-mtls-clientcert-leaf"];

impl Certificates {
    /// Returns the settings of the verifier. Each request comes with its certificate, because the rules
    /// read it.
    pub(crate) fn settings(&self) -> ClientCertificates {
        let settings =
            if self.is_required { ClientCertificates::require } else { ClientCertificates::accept };
        settings(CertificateSource::Tls)
    }

    /// Returns whether the verifier has the same settings.
    pub(crate) fn has_settings_of(&self, other: &Self) -> bool {
        self.is_required == other.is_required
    }
}

/// Reads the settings. `has_grpc` is whether messages can have certificates. Returns `None` if bound
/// tokens are rejected.
pub(super) fn read(
    table: &mut Reader<'_>,
    has_grpc: bool,
    problems: &mut Problems<'_>,
) -> Option<Certificates> {
    let binding = table.string("certificate_binding", problems);
    let header = table.string("certificate_header", problems);
    let source = header.as_ref().and_then(|header| source(header, problems));
    let is_required = match binding.as_ref().map(|binding| binding.text) {
        None | Some("off") => {
            if let Some(header) = header {
                let expected = "expected `certificate_binding` of \"accept\" or \"require\" beside it";
                problems.add(&header.span, expected);
            }
            return None;
        }
        Some("accept") => false,
        Some("require") => true,
        Some(other) => {
            let span = binding.map_or(0..0, |binding| binding.span);
            problems.add(&span, format_args!("expected \"off\", \"accept\" or \"require\", found {other:?}"));
            return None;
        }
    };
    if header.is_none() && !has_grpc {
        let span = table.key_span("certificate_binding");
        problems.add(&span, "expected `certificate_header` or `listen_grpc` beside it, found none");
    }
    Some(Certificates { is_required, header: source })
}

fn source(header: &Text<'_>, problems: &mut Problems<'_>) -> Option<CertificateSource> {
    Some(match header.text {
        "client-cert" => CertificateSource::ClientCert,
        "x-forwarded-client-cert" => CertificateSource::ForwardedClientCert(ForwardedElement::Only),
        "ssl-client-cert" => CertificateSource::EscapedPem(HeaderName::from_static("ssl-client-cert")),
        "x-amzn-mtls-clientcert-leaf" => CertificateSource::AmznMtlsLeaf,
        other => {
            let names = HEADERS.join("`, `");
            problems.add(&header.span, format_args!("expected a header out of `{names}`, found {other:?}"));
            return None;
        }
    })
}
