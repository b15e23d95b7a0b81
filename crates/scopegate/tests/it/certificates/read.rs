//! A certificate that a program reads itself, and passes on with the request.

use scopegate::ForwardedElement;
use scopegate::http::MalformedCertificate;

use super::*;

#[test]
fn certificate_is_read_from_header_of_source() {
    // MT12
    let hash = format!("Hash={}", CERTIFICATE.hex_hash());
    let nginx = CertificateSource::EscapedPem(HeaderName::from_static("ssl-client-cert"));
    let sources = [
        (CertificateSource::ClientCert, "client-cert", CERTIFICATE.byte_sequence()),
        (CertificateSource::ForwardedClientCert(ForwardedElement::Only), "x-forwarded-client-cert", hash),
        (nginx, "ssl-client-cert", CERTIFICATE.escaped()),
        (CertificateSource::AmznMtlsLeaf, "x-amzn-mtls-clientcert-leaf", CERTIFICATE.escaped()),
    ];
    for (place, (source, name, value)) in sources.iter().enumerate() {
        for (other, (_, found, _)) in sources.iter().enumerate() {
            let mut headers = HeaderMap::new();
            headers.insert(*found, value.parse().unwrap());
            let expected = (place == other).then(|| CERTIFICATE.of_tls());
            assert_eq!(source.read(&headers), Ok(expected), "{name} {found}");
            assert_eq!(CertificateSource::Tls.read(&headers), Ok(None));
        }
        let mut twice = HeaderMap::new();
        twice.insert(*name, value.parse().unwrap());
        twice.append(*name, value.parse().unwrap());
        assert_eq!(source.read(&twice), Err(MalformedCertificate::SeveralHeaders), "{name}");
    }
}

#[test]
fn read_certificate_is_that_of_tls() {
    // MT01, FW14
    let verifier = builder().client_certificates(ClientCertificates::accept(CertificateSource::Tls));
    let authorizer = Authorizer::require_token(&verifier.build().unwrap());
    let headers = Sent::new(&bound_to_certificate(&CERTIFICATE).compact()).headers;
    for (certificate, expected) in [(&CERTIFICATE, true), (&OTHER, false)] {
        let read = PeerCertificate::from_escaped_pem(certificate.escaped()).unwrap();
        assert_eq!(read, certificate.of_tls());
        let head = RequestHead::new(&headers).with_certificate(&read);
        let decided = authorizer.authorize_head(head);
        assert_eq!(matches!(decided, Authorization::Ready(Ok(_))), expected);
    }
}

#[test]
fn escaped_pem_is_one_certificate_of_bounded_length() {
    // MT10
    let escaped = CERTIFICATE.escaped();
    assert!(PeerCertificate::from_escaped_pem(&escaped).is_ok());
    for value in ["", "MIIB", &CERTIFICATE.pem, &escaped[..escaped.len() - 1], &format!("{escaped}{escaped}")]
    {
        assert!(PeerCertificate::from_escaped_pem(value).is_err(), "{value}");
    }
    let padded = |length: usize| format!("{}{escaped}", "%0A".repeat((length - escaped.len()) / 3));
    let long = padded(64 * 1024 + 3);
    assert!(long.len() > 64 * 1024, "{}", long.len());
    let error = PeerCertificate::from_escaped_pem(&long).unwrap_err();
    assert!(matches!(error, MalformedCertificate::TooLong { .. }), "{error}");
    assert!(PeerCertificate::from_escaped_pem(&long[6..]).is_ok());
}
