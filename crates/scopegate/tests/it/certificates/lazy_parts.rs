//! Parts of a request that are read only if the token is bound to a certificate.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use scopegate::http::{HeaderCertificate, LazyParts};

use super::*;

/// The parts of a request from the proxy, or over TLS, with the number of reads.
#[derive(Default)]
struct Counted {
    header: HeaderCertificate,
    reads: AtomicUsize,
}

impl Counted {
    fn read<T>(&self, part: T) -> T {
        self.reads.fetch_add(1, Ordering::Relaxed);
        part
    }
}

impl LazyParts for Counted {
    fn peer_address(&self) -> Option<IpAddr> {
        Some(self.read(PROXY.parse().unwrap()))
    }

    fn certificate(&self) -> Option<PeerCertificate> {
        Some(self.read(CERTIFICATE.of_tls()))
    }

    fn header_certificate(&self) -> Option<&HeaderCertificate> {
        Some(self.read(&self.header))
    }
}

/// Returns the reason code, and whether a part was read.
fn outcome(authorizer: &Authorizer, token: &str, header: &str) -> (&'static str, bool) {
    let sent = Sent::new(token).header(CLIENT_CERT, header);
    let parts = Counted::default();
    let head = RequestHead::new(&sent.headers).with_lazy_parts(&parts);
    let reason = reason(authorizer.authorize_head(head));
    (reason, parts.reads.load(Ordering::Relaxed) > 0)
}

fn reason(authorization: Authorization) -> &'static str {
    match authorization {
        Authorization::Ready(Ok(_)) => "accepted",
        Authorization::Ready(Err(rejection)) => rejection.reason_code(),
        other => panic!("the keys are static: {other:?}"),
    }
}

#[test]
fn lazy_parts_are_read_for_bound_tokens_only() {
    // MT01, MT04, MT06
    let authorizer = Authorizer::require_token(&accepting(CertificateSource::ClientCert));
    let (bound, unbound) = (bound_to_certificate(&CERTIFICATE).compact(), unbound());
    let (own, other) = (CERTIFICATE.byte_sequence(), OTHER.byte_sequence());
    for _fresh_and_cached in 0..2 {
        assert_eq!(outcome(&authorizer, &bound, &own), ("accepted", true));
        assert_eq!(outcome(&authorizer, &bound, &other), ("wrong_certificate", true));
        assert_eq!(outcome(&authorizer, &bound, "garbage"), ("malformed_certificate", true));
        for header in [&*own, &*other, "garbage"] {
            assert_eq!(outcome(&authorizer, &unbound, header), ("accepted", false), "{header}");
            assert_eq!(outcome(&authorizer, "a.b.c", header), ("malformed", false), "{header}");
        }
    }
}

#[test]
fn requirement_of_certificates_needs_no_part() {
    // MT04: the token alone decides.
    let settings = ClientCertificates::require(CertificateSource::ClientCert).trusted_proxies([PROXY]);
    let authorizer = Authorizer::require_token(&builder().client_certificates(settings).build().unwrap());
    let bound = bound_to_certificate(&CERTIFICATE).compact();
    assert_eq!(outcome(&authorizer, &bound, &CERTIFICATE.byte_sequence()), ("accepted", true));
    assert_eq!(outcome(&authorizer, &unbound(), "garbage"), ("not_certificate_bound", false));
}

#[test]
fn lazy_certificate_of_tls_is_compared() {
    // MT01, MT13
    let authorizer = Authorizer::require_token(&with_tls());
    let of = |certificate: &ClientCertificate| {
        outcome(&authorizer, &bound_to_certificate(certificate).compact(), "garbage")
    };
    assert_eq!(of(&CERTIFICATE), ("accepted", true));
    assert_eq!(of(&OTHER), ("wrong_certificate", true));
}

#[test]
fn other_parts_come_before_lazy_parts() {
    // MT06
    let authorizer = Authorizer::require_token(&accepting(CertificateSource::ClientCert));
    let token = bound_to_certificate(&CERTIFICATE).compact();
    let sent = Sent::new(&token).header(CLIENT_CERT, &CERTIFICATE.byte_sequence());
    let parts = Counted::default();
    for (peer, expected) in [(PROXY, "accepted"), (STRANGER, "missing_certificate")] {
        let sent = sent.clone().from(peer);
        let head = sent.head().with_lazy_parts(&parts);
        assert_eq!(reason(authorizer.authorize_head(head)), expected);
    }
}
