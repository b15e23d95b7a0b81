//! The headers of proxies: their trusted senders, and their formats.

use scopegate::http::{MalformedCertificate, RejectionReason};
use scopegate::{Error, ForwardedElement};

use super::*;

fn xfcc(element: ForwardedElement) -> CertificateSource {
    CertificateSource::ForwardedClientCert(element)
}

const XFCC: &str = "x-forwarded-client-cert";
const ALB: &str = "x-amzn-mtls-clientcert-leaf";
const NGINX: &str = "ssl-client-cert";

fn nginx() -> CertificateSource {
    CertificateSource::EscapedPem(HeaderName::from_static(NGINX))
}

fn sent() -> Sent {
    Sent::new(&bound_to_certificate(&CERTIFICATE).compact())
}

/// Returns the outcome of a request with a bound token and this header of a trusted proxy.
fn outcome(source: CertificateSource, name: &str, value: &str) -> (u16, &'static str) {
    sent().header(name, value).outcome(&accepting(source))
}

fn malformed(source: CertificateSource, name: &str, value: &str) -> MalformedCertificate {
    let rejection = sent().header(name, value).decided(&accepting(source)).unwrap_err();
    assert_eq!((rejection.status().as_u16(), rejection.reason_code()), (400, "malformed_certificate"));
    // The token is valid, and a trusted proxy has let it through.
    assert_eq!(rejection.claims().and_then(Claims::client_id), Some(CLIENT));
    let RejectionReason::Token(Error::MalformedCertificate(how)) = rejection.reason() else {
        panic!("{rejection:?}")
    };
    *how
}

#[test]
fn header_counts_from_trusted_peer_only() {
    // MT06
    let verifier = accepting(CertificateSource::ClientCert);
    let sent = sent().header(CLIENT_CERT, &CERTIFICATE.byte_sequence());
    assert_eq!(sent.clone().from(PROXY).outcome(&verifier), (200, "accepted"));
    assert_eq!(sent.clone().from("::ffff:10.0.0.5").outcome(&verifier), (200, "accepted"));
    for peer in [STRANGER, "11.0.0.5", "::1", "::10.0.0.5", "fd00::10.0.0.5"] {
        assert_eq!(sent.clone().from(peer).outcome(&verifier), (401, "missing_certificate"), "{peer}");
    }
}

#[test]
fn malformed_header_concerns_bound_tokens_only() {
    // MT04, MT08: a malformed header is never an absent one.
    let verifier = accepting(CertificateSource::ClientCert);
    let bound = sent().header(CLIENT_CERT, "garbage");
    let unbound = Sent::new(&unbound()).header(CLIENT_CERT, "garbage");
    assert_eq!(bound.clone().from(PROXY).outcome(&verifier), (400, "malformed_certificate"));
    assert_eq!(bound.from(STRANGER).outcome(&verifier), (401, "missing_certificate"));
    assert_eq!(unbound.clone().from(PROXY).outcome(&verifier), (200, "accepted"));
    assert_eq!(unbound.from(STRANGER).outcome(&verifier), (200, "accepted"));
    // The token comes first: it is rejected, whatever the header.
    let expired = bound_to_certificate(&CERTIFICATE).expired().compact();
    assert_eq!(Sent::new(&expired).header(CLIENT_CERT, "garbage").outcome(&verifier), (401, "expired"));
}

#[test]
fn unknown_peer_is_error_of_server_for_bound_tokens() {
    // MT06
    let verifier = accepting(CertificateSource::ClientCert);
    let without_peer = |token: &str| {
        let mut sent = Sent::new(token).header(CLIENT_CERT, &CERTIFICATE.byte_sequence());
        sent.peer = None;
        sent
    };
    let bound = without_peer(&bound_to_certificate(&CERTIFICATE).compact());
    assert_eq!(bound.outcome(&verifier), (500, "peer_address_unknown"));
    let authorizer = Authorizer::require_token(&verifier);
    let response = authorizer.response(&bound.decided(&verifier).unwrap_err());
    assert_eq!(response.headers().count(), 0);
    let response = response.into_response();
    assert_eq!(response.status(), 500);
    assert!(!response.headers().contains_key("www-authenticate"));
    assert_eq!(without_peer(&unbound()).outcome(&verifier), (200, "accepted"));
    assert_eq!(bound.from(PROXY).outcome(&verifier), (200, "accepted"));
}

#[test]
fn request_without_token_gets_challenge_first() {
    // MT08: a request without a token is 401, whatever its headers.
    let mut sent = Sent::new("").header(CLIENT_CERT, "garbage");
    sent.headers.remove(AUTHORIZATION);
    assert_eq!(sent.outcome(&accepting(CertificateSource::ClientCert)), (401, "no_credentials"));
}

#[test]
fn other_sources_are_ignored() {
    // MT12
    let byte_sequence = CERTIFICATE.byte_sequence();
    let escaped = CERTIFICATE.escaped();
    let hash = format!("Hash={}", CERTIFICATE.hex_hash());
    let headers = [(CLIENT_CERT, &byte_sequence), (XFCC, &hash), (NGINX, &escaped), (ALB, &escaped)];
    let sources = [
        CertificateSource::ClientCert,
        xfcc(ForwardedElement::Only),
        nginx(),
        CertificateSource::AmznMtlsLeaf,
        CertificateSource::Tls,
    ];
    for (place, source) in sources.into_iter().enumerate() {
        let verifier = accepting(source.clone());
        for (other, (name, value)) in headers.iter().enumerate() {
            let expected = if place == other { (200, "accepted") } else { (401, "missing_certificate") };
            let outcome = sent().header(name, value).outcome(&verifier);
            assert_eq!(outcome, expected, "{source:?} {name}");
        }
        let expected =
            if source == CertificateSource::Tls { (200, "accepted") } else { (401, "missing_certificate") };
        assert_eq!(sent().over_tls(&CERTIFICATE).outcome(&verifier), expected, "{source:?}");
    }
}

#[test]
fn client_cert_is_one_byte_sequence() {
    // MT08
    let of = |value: &str| outcome(CertificateSource::ClientCert, CLIENT_CERT, value);
    let (good, base64) = (CERTIFICATE.byte_sequence(), standard_base64(&CERTIFICATE.der));
    assert_eq!(of(&good), (200, "accepted"));
    assert_eq!(of(&format!(" {good} ")), (200, "accepted"));
    assert_eq!(of(&OTHER.byte_sequence()), (401, "wrong_certificate"));
    let url = base64.replace('+', "-").replace('/', "_");
    let mut not_der = vec![0; 48];
    not_der[0] = 4;
    for value in [
        &*base64,
        &format!(":{base64}"),
        &format!("{base64}:"),
        &format!("{good}, {good}"),
        &format!("{good};a=1"),
        &format!(":{}:", url.trim_end_matches('=')),
        &format!(":{base64}=:"),
        &format!(":{base64}\t:"),
        &format!(": {base64}:"),
        &CERTIFICATE.escaped(),
        &format!(":{}:", standard_base64(CERTIFICATE.pem.as_bytes())),
        &format!(":{}:", standard_base64(&[&*CERTIFICATE.der, &[0]].concat())),
        &format!(":{}:", standard_base64(&not_der)),
        ":",
        "::",
        "",
        "?1",
    ] {
        assert_eq!(of(value), (400, "malformed_certificate"), "{value}");
    }
}

#[test]
fn value_is_at_most_64_kib() {
    // MT08: a certificate of zeros, at the limit and above it
    let der_of = |length: usize| {
        let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
        [&[0x30, 0x82, high, low][..], &vec![0; length]].concat()
    };
    let value_of = |length: usize| format!(":{}:", standard_base64(&der_of(length)));
    let limit = 64 * 1024;
    // Four bytes of base64 for three, and two colons.
    let (longest, too_long) = (value_of(49_145), value_of(49_151));
    assert!(longest.len() <= limit && too_long.len() > limit, "{} {}", longest.len(), too_long.len());
    let of = |value: &str| outcome(CertificateSource::ClientCert, CLIENT_CERT, value);
    assert_eq!(of(&longest), (401, "wrong_certificate"));
    assert!(matches!(
        malformed(CertificateSource::ClientCert, CLIENT_CERT, &too_long),
        MalformedCertificate::TooLong { found, .. } if found == too_long.len()
    ));
    let padded = format!(
        "{}{}",
        " ".repeat(limit + 1 - CERTIFICATE.byte_sequence().len()),
        CERTIFICATE.byte_sequence()
    );
    assert_eq!(of(&padded), (400, "malformed_certificate"));
    assert_eq!(of(&padded[1..]), (200, "accepted"));
}

#[test]
fn repeated_header_is_malformed() {
    // MT08 to MT11
    for (source, name, value) in [
        (CertificateSource::ClientCert, CLIENT_CERT, CERTIFICATE.byte_sequence()),
        (xfcc(ForwardedElement::Only), XFCC, format!("Hash={}", CERTIFICATE.hex_hash())),
        (xfcc(ForwardedElement::Last), XFCC, format!("Hash={}", CERTIFICATE.hex_hash())),
        (nginx(), NGINX, CERTIFICATE.escaped()),
        (CertificateSource::AmznMtlsLeaf, ALB, CERTIFICATE.escaped()),
    ] {
        let verifier = accepting(source);
        let once = sent().header(name, &value);
        assert_eq!(once.outcome(&verifier), (200, "accepted"), "{name}");
        let twice = once.header(name, &value);
        assert_eq!(twice.outcome(&verifier), (400, "malformed_certificate"), "{name}");
        assert_eq!(twice.from(STRANGER).outcome(&verifier), (401, "missing_certificate"), "{name}");
        assert_eq!(sent().outcome(&verifier), (401, "missing_certificate"), "{name}");
    }
}

#[test]
fn forwarded_element_has_certificate_or_hash() {
    // MT09
    let of = |value: &str| outcome(xfcc(ForwardedElement::Only), XFCC, value);
    let (hash, pem) = (CERTIFICATE.hex_hash(), CERTIFICATE.escaped());
    for value in [
        format!("Hash={hash}"),
        format!("hash={}", hash.to_uppercase()),
        format!("Cert=\"{pem}\""),
        format!("Cert={pem}"),
        format!("cERT=\"{pem}\";HASH={hash}"),
        format!("By=spiffe://mesh/api;Hash={hash};Subject=\"CN=a,O=\\\"b;c\\\"\";URI=spiffe://mesh/client"),
        format!("Hash={hash};Chain=\"{}{}\"", OTHER.escaped(), OTHER.escaped()),
        format!("Hash={hash};DNS=;URI="),
    ] {
        assert_eq!(of(&value), (200, "accepted"), "{value}");
    }
    for value in [format!("Hash={}", OTHER.hex_hash()), format!("Cert=\"{}\"", OTHER.escaped())] {
        assert_eq!(of(&value), (401, "wrong_certificate"), "{value}");
    }
    for value in [
        format!("Hash={}", &hash[1..]),
        format!("Hash={hash}0"),
        format!("Hash=g{}", &hash[1..]),
        format!("Hash={hash};Hash={hash}"),
        format!("Hash={hash};Cert=\"{}\"", OTHER.escaped()),
        format!("Hash={hash};"),
        format!("Hash={hash};URI"),
        format!("Hash={hash};=a"),
        format!("Hash={hash};URI=\"a"),
        format!("Hash={hash};URI=\"a\"b"),
        format!("Hash={hash};URI=a\"b\""),
        format!("Hash=\"{hash}"),
        format!("Hash={hash},"),
        format!(",Hash={hash}"),
        format!("Cert=\"{pem}{pem}\""),
        "By=spiffe://mesh/api;URI=spiffe://mesh/client".to_owned(),
        "Cert=\"\"".to_owned(),
        "Hash".to_owned(),
        String::new(),
    ] {
        assert_eq!(of(&value), (400, "malformed_certificate"), "{value}");
    }
}

#[test]
fn several_elements_need_the_setting_last() {
    // MT09
    let (own, other) = (CERTIFICATE.hex_hash(), OTHER.hex_hash());
    let of = |element, value: &str| outcome(xfcc(element), XFCC, value);
    let appended = format!("Hash={other};Subject=\"a,b\", Hash={own}");
    assert_eq!(of(ForwardedElement::Last, &appended), (200, "accepted"));
    assert_eq!(of(ForwardedElement::Last, &format!("Hash={own}")), (200, "accepted"));
    assert_eq!(
        malformed(xfcc(ForwardedElement::Only), XFCC, &appended),
        MalformedCertificate::SeveralElements
    );
    // The first element may be the attacker's.
    assert_eq!(of(ForwardedElement::Last, &format!("Hash={own},Hash={other}")), (401, "wrong_certificate"));
    let proxy = format!("By=a;Hash={other};Cert=\"{}\"", OTHER.escaped());
    for attack in ["URI=\"", "URI=\"\\", "URI=a\"", "Cert=\"", "\"", "URI", ""] {
        let value = format!("Hash={own};{attack},{proxy}");
        assert_eq!(of(ForwardedElement::Last, &value), (400, "malformed_certificate"), "{value}");
    }
}

#[test]
fn name_of_certificate_adds_no_element() {
    // MT09: Envoy writes `URI` and `DNS` of the client's certificate without quotes.
    let of = |element, value: &str| malformed(xfcc(element), XFCC, value);
    let (own, other) = (CERTIFICATE.hex_hash(), OTHER.hex_hash());
    for name in ["URI", "DNS", "uri", "Dns"] {
        let forged = format!("By=a;Hash={other};{name}=x,Hash={own}");
        assert_eq!(of(ForwardedElement::Last, &forged), MalformedCertificate::UnquotedNames);
        let hidden = format!("By=\",By=a;Hash={other};{name}=x\",Hash={own}");
        assert_eq!(of(ForwardedElement::Last, &hidden), MalformedCertificate::UnquotedNames);
        assert_eq!(of(ForwardedElement::Only, &forged), MalformedCertificate::SeveralElements);
        let other_member = format!("By=a;Hash={other};{name}=x;Hash={own}");
        assert_eq!(of(ForwardedElement::Only, &other_member), MalformedCertificate::NotElements);
        let single = format!("By=a;Hash={own};{name}=x");
        assert_eq!(outcome(xfcc(ForwardedElement::Only), XFCC, &single), (200, "accepted"));
    }
    let quoted = format!("Hash={other},By=a;Hash={own};Subject=\"CN=x\"");
    assert_eq!(outcome(xfcc(ForwardedElement::Last), XFCC, &quoted), (200, "accepted"));
}

#[test]
fn earlier_elements_are_not_decoded() {
    // MT09: only their form counts, because a caller may have sent them.
    let own = CERTIFICATE.hex_hash();
    let of = |value: &str| outcome(xfcc(ForwardedElement::Last), XFCC, value);
    for earlier in ["Hash=1", "Cert=x", "Cert=\"%\"", "By=a", "Hash=1;Cert=x"] {
        assert_eq!(of(&format!("{earlier},Hash={own}")), (200, "accepted"), "{earlier}");
        assert_eq!(of(&format!("Hash={own},{earlier}")), (400, "malformed_certificate"), "{earlier}");
    }
    for earlier in ["Hash=1;Hash=1", "Cert=x;cert=x", "By", "By=\"a", ""] {
        assert_eq!(of(&format!("{earlier},Hash={own}")), (400, "malformed_certificate"), "{earlier}");
    }
}

#[test]
fn quote_after_even_backslashes_is_malformed() {
    // MT09: a proxy may or may not escape the backslash at the end of a client's name.
    let (own, other) = (CERTIFICATE.hex_hash(), OTHER.hex_hash());
    let of = |element, value: &str| outcome(xfcc(element), XFCC, value);
    for (name, is_valid) in [
        ("CN=a", true),
        (r"CN=a\b", true),
        (r"CN=\\b", true),
        (r#"CN=\"b"#, true),
        (r#"CN=\\\"b"#, true),
        (r"CN=a\\", false),
        (r"CN=a\\\\", false),
        (r#"CN=a\\";O="b"#, false),
        (r"CN=a\", false),
    ] {
        let expected = if is_valid { (200, "accepted") } else { (400, "malformed_certificate") };
        let value = format!("Hash={own};Subject=\"{name}\"");
        assert_eq!(of(ForwardedElement::Only, &value), expected, "{value}");
        let value = format!("Hash={other},Hash={own};Subject=\"{name}\"");
        assert_eq!(of(ForwardedElement::Last, &value), expected, "{value}");
        let value = format!("Subject=\"{name}\",Hash={own}");
        assert_eq!(of(ForwardedElement::Last, &value), expected, "{value}");
    }
}

#[test]
fn malformed_header_of_unsupported_scheme_is_not_read() {
    // MT08: the verifier accepts no DPoP proofs, so its challenge has no such scheme.
    let mut request = sent().header(XFCC, "Hash=1");
    request.headers.insert("authorization", HeaderValue::from_static("DPoP token"));
    let verifier = accepting(xfcc(ForwardedElement::Only));
    assert_eq!(request.outcome(&verifier), (401, "unsupported_scheme"));
}

#[test]
fn debug_of_head_shows_no_header() {
    let request = sent().header(XFCC, "Hash=secret");
    let shown = format!("{:?}", request.head());
    assert!(!shown.contains("Bearer") && !shown.contains("secret"), "{shown}");
    assert!(shown.contains(PROXY), "{shown}");
}

#[test]
fn escaped_pem_is_one_certificate() {
    // MT10
    let of = |value: &str| outcome(nginx(), NGINX, value);
    let good = CERTIFICATE.escaped();
    assert_eq!(of(&good), (200, "accepted"));
    assert_eq!(of(&good.replace("%0A", "%0a")), (200, "accepted"));
    assert_eq!(of(&OTHER.escaped()), (401, "wrong_certificate"));
    let key = KeyPair::generate().unwrap();
    for value in [
        format!("{good}{good}"),
        format!("{good}{}", OTHER.escaped()),
        format!("{good}%"),
        format!("{good}%0"),
        good.replacen('%', "%G", 1),
        good.replacen("CERTIFICATE", "CERTIFICATX", 1),
        good.replace("CERTIFICATE", "TRUSTED%20CERTIFICATE"),
        escaped(&key.public_key_pem(), ""),
        escaped(&key.serialize_pem(), ""),
        CERTIFICATE.byte_sequence(),
        format!("{good}%FF"),
        // `$ssl_client_cert`, whose lines begin with a tab, and other values that are not encoded.
        CERTIFICATE.pem.trim_end().replace('\n', "\t"),
        CERTIFICATE.pem.trim_end().replace('\n', " "),
        good.replace("%20", " "),
        good.replace("%0A", " "),
        format!(" {good}"),
        format!("{good} "),
        "(null)".to_owned(),
        String::new(),
    ] {
        assert_eq!(of(&value), (400, "malformed_certificate"), "{value}");
    }
}

#[test]
fn plus_of_alb_is_no_space() {
    // MT11
    let certificate = loop {
        let one = ClientCertificate::new();
        if standard_base64(&one.der).contains('+') {
            break one;
        }
    };
    let verifier = accepting(CertificateSource::AmznMtlsLeaf);
    let token = bound_to_certificate(&certificate).compact();
    let value = escaped(&certificate.pem, "+=/");
    assert!(value.contains('+') && value.contains("%0A"), "{value}");
    assert_eq!(Sent::new(&token).header(ALB, &value).outcome(&verifier), (200, "accepted"));
    let spaced = value.replace('+', "%20");
    assert_eq!(Sent::new(&token).header(ALB, &spaced).outcome(&verifier), (400, "malformed_certificate"));
}
