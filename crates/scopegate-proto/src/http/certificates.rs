//! Reads the certificates of the settings from PEM.

use std::sync::Arc;

use reqwest::{Certificate, Client, Identity};

use crate::http::error::SettingsError;

/// Reads the certificate authorities that are added to the system's, one bundle for each setting.
pub(super) fn roots(bundles: &[Arc<[u8]>]) -> Result<Vec<Certificate>, SettingsError> {
    let invalid = |error: reqwest::Error| SettingsError::InvalidRootCertificate { source: error.into() };
    let mut roots = Vec::new();
    for pem in bundles {
        let bundle = Certificate::from_pem_bundle(pem).map_err(invalid)?;
        if bundle.is_empty() {
            return Err(SettingsError::NoRootCertificate);
        }
        roots.extend(bundle);
    }
    if !roots.is_empty() {
        // PEM can contain any bytes. Building a client parses them as certificates. This client trusts
        // only these, so it does not read the system's authorities and is built quickly.
        let trusting = Client::builder().tls_backend_rustls().no_proxy().no_hickory_dns();
        trusting.tls_certs_only(roots.iter().cloned()).build().map_err(invalid)?;
    }
    Ok(roots)
}

/// Reads the client's certificate and its private key.
pub(super) fn identity(pem: Option<&[u8]>) -> Result<Option<Identity>, SettingsError> {
    pem.map(Identity::from_pem).transpose().map_err(|_| SettingsError::InvalidIdentity)
}

#[cfg(test)]
pub(super) mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;
    use crate::http::settings::TransportSettings;

    /// PEM of a certificate authority.
    pub(in crate::http) fn authority() -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    /// PEM of a private key and its certificate.
    pub(in crate::http) fn client_identity() -> String {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["client.example".to_owned()]).unwrap();
        format!("{}{}", key.serialize_pem(), params.self_signed(&key).unwrap().pem())
    }

    fn settings() -> TransportSettings {
        TransportSettings::new("test")
    }

    #[test]
    fn bundles_of_authorities_are_read() {
        let two = format!("{}{}", authority(), authority());
        let settings = settings().root_certificates(two).root_certificates(authority());
        assert_eq!(roots(&settings.root_certificates).unwrap().len(), 3);
        assert!(settings.check().is_ok());
    }

    #[test]
    fn bundle_without_certificate_is_rejected() {
        for pem in ["", "no certificate", &KeyPair::generate().unwrap().serialize_pem()] {
            let error = settings().root_certificates(authority()).root_certificates(pem).check().unwrap_err();
            assert!(matches!(error, SettingsError::NoRootCertificate), "{error:?}");
        }
    }

    #[test]
    fn invalid_certificate_is_rejected() {
        // The second one is valid PEM, but its bytes are not a certificate.
        for text in ["%", "YWJj"] {
            let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
            let error = settings().root_certificates(pem).check().unwrap_err();
            assert!(matches!(error, SettingsError::InvalidRootCertificate { .. }), "{error:?}");
        }
    }

    #[test]
    fn identity_without_key_or_certificate_is_rejected() {
        assert!(settings().identity(client_identity()).check().is_ok());
        for pem in ["", "s3cret", &authority(), &KeyPair::generate().unwrap().serialize_pem()] {
            let error = settings().identity(pem).check().unwrap_err();
            assert!(matches!(error, SettingsError::InvalidIdentity), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }
}
