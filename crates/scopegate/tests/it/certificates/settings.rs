//! The settings: a header needs trusted proxies.

use scopegate::{ConfigError, ForwardedElement};

use super::*;

fn built(certificates: ClientCertificates) -> Result<Verifier, ConfigError> {
    builder().client_certificates(certificates).build()
}

#[test]
fn header_without_trusted_proxies_is_config_error() {
    // MT07
    for source in [
        CertificateSource::ClientCert,
        CertificateSource::ForwardedClientCert(ForwardedElement::Only),
        CertificateSource::EscapedPem(HeaderName::from_static("ssl-client-cert")),
        CertificateSource::AmznMtlsLeaf,
    ] {
        for certificates in [ClientCertificates::accept, ClientCertificates::require] {
            let certificates = certificates(source.clone());
            let error = built(certificates.clone()).unwrap_err();
            assert!(matches!(&error, ConfigError::MissingTrustedProxies { .. }), "{error}");
            let none: [&str; 0] = [];
            assert!(built(certificates.clone().trusted_proxies(none)).is_err());
            // A later call replaces the proxies.
            let replaced = certificates.clone().trusted_proxies(["proxy.example"]).trusted_proxies(["::1"]);
            assert!(built(replaced).is_ok());
            assert!(built(certificates.trusted_proxies(["::1"]).trusted_proxies(none)).is_err());
        }
    }
}

#[test]
fn invalid_proxy_is_config_error() {
    // MT07
    for text in ["0.0.0.0/0", "10.0.0.1/8", "proxy.example", ""] {
        let certificates = ClientCertificates::accept(CertificateSource::ClientCert);
        let error = built(certificates.trusted_proxies(["10.0.0.0/8", text])).unwrap_err();
        assert!(matches!(&error, ConfigError::OutOfRange { found, .. } if found == text), "{error}");
    }
}

#[test]
fn proxies_of_all_addresses_are_config_error() {
    // MT07
    let halves = |second: &str| {
        let certificates = ClientCertificates::accept(CertificateSource::ClientCert);
        built(certificates.trusted_proxies(["0.0.0.0/1", second]))
    };
    assert!(halves("128.0.0.0/2").is_ok());
    let error = halves("128.0.0.0/1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "trusted proxies: expected networks that leave out some addresses, found 0.0.0.0/1, 128.0.0.0/1"
    );
}

#[test]
fn tls_has_no_trusted_proxies() {
    let certificates = ClientCertificates::accept(CertificateSource::Tls);
    assert!(built(certificates.clone()).is_ok());
    let error = built(certificates.trusted_proxies(["10.0.0.0/8"])).unwrap_err();
    assert!(matches!(error, ConfigError::OutOfRange { .. }), "{error}");
}

#[test]
fn settings_are_readable() {
    let certificates =
        ClientCertificates::require(CertificateSource::ClientCert).trusted_proxies(["10.0.0.0/8"]);
    assert!(certificates.is_required() && *certificates.source() == CertificateSource::ClientCert);
    assert!(format!("{certificates:?}").contains("10.0.0.0/8"));
    assert!(!ClientCertificates::accept(CertificateSource::Tls).is_required());
}
