//! The settings for tokens that are bound to a client certificate (mutual TLS, RFC 8705).

use axum::http::HeaderName;
use scopegate::{CertificateSource, ClientCertificates, ForwardedElement};

use super::arguments::Arguments;
use super::setting::{self, Setting};
use super::trust::list;
use crate::failure::Failure;

/// Returns the rules for bound tokens, or `None` if they are rejected.
pub(super) fn certificates(arguments: &Arguments) -> Result<Option<ClientCertificates>, Failure> {
    let source = source(arguments.certificate_header.as_deref())?;
    let proxies = list(setting::TRUSTED_PROXIES, arguments.trusted_proxies.as_deref())?;
    let of = match arguments.certificate_binding.as_deref() {
        Some("accept") => ClientCertificates::accept,
        Some("require") => ClientCertificates::require,
        Some("off") => return Ok(None),
        Some(other) => {
            let found = format_args!("{other:?}");
            return Err(setting::CERTIFICATE_BINDING.wrong("off, accept or require", found));
        }
        None => {
            let details = [
                (setting::CERTIFICATE_HEADER, &arguments.certificate_header),
                (setting::TRUSTED_PROXIES, &arguments.trusted_proxies),
            ];
            return setting::none_without(setting::CERTIFICATE_BINDING, &details).map(|()| None);
        }
    };
    match (source, proxies) {
        (Some(source), Some(proxies)) => Ok(Some(of(source).trusted_proxies(proxies))),
        (None, _) => Err(required_by_binding(setting::CERTIFICATE_HEADER)),
        (_, None) => Err(required_by_binding(setting::TRUSTED_PROXIES)),
    }
}

fn required_by_binding(required: Setting) -> Failure {
    Failure::Setting(format!("{} requires {required}", setting::CERTIFICATE_BINDING))
}

fn source(header: Option<&str>) -> Result<Option<CertificateSource>, Failure> {
    Ok(Some(match header {
        None => return Ok(None),
        Some("client-cert") => CertificateSource::ClientCert,
        Some("x-forwarded-client-cert") => CertificateSource::ForwardedClientCert(ForwardedElement::Only),
        Some("ssl-client-cert") => CertificateSource::EscapedPem(HeaderName::from_static("ssl-client-cert")),
        Some("x-amzn-mtls-clientcert-leaf") => CertificateSource::AmznMtlsLeaf,
        Some(other) => {
            let expected =
                "client-cert, x-forwarded-client-cert, ssl-client-cert or x-amzn-mtls-clientcert-leaf";
            return Err(setting::CERTIFICATE_HEADER.wrong(expected, format_args!("{other:?}")));
        }
    }))
}
