//! Bearer tokens at a layer that accepts bound tokens too (feature `bound`). The decision needs nothing
//! of the proof or the certificate, so this is the price of the setting.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scopegate::{CertificateSource, ClientCertificates, Dpop, Verifier};
use scopegate_issuer::Algorithm;

use crate::cases::layer::{CACHED, ON_ROUTE, on_route, send};
use crate::{Call, Case, builder, request, signer};

const FROM_PROXY: &str = "layer, cached, from a proxy";
/// Dropping a header takes instructions, whatever the verifier accepts.
const HEADER_FROM_PROXY: &str = "layer, cached, from a proxy with a header";

pub(super) fn cases() -> Vec<Case> {
    let cached = || signer(Algorithm::RS256).caching_verifier();
    vec![
        Case::using_up("layer, cached, DPoP accepted", |times| ask(&with_dpop(), plain, times)).over(CACHED),
        Case::using_up(FROM_PROXY, move |times| ask(&cached(), from_proxy, times)).over(ON_ROUTE),
        Case::using_up(HEADER_FROM_PROXY, move |times| ask(&cached(), with_certificate, times))
            .over(ON_ROUTE),
        Case::using_up("layer, cached, certificates accepted", |times| {
            ask(&with_certificates(), from_proxy, times)
        })
        .over(FROM_PROXY),
        Case::using_up("layer, cached, certificate in the header", |times| {
            ask(&with_certificates(), with_certificate, times)
        })
        .over(HEADER_FROM_PROXY),
    ]
}

/// Sends requests with one token, which are accepted.
fn ask(verifier: &Verifier, request: fn(&str) -> Request<Body>, times: usize) -> Call {
    let token = signer(Algorithm::RS256).token();
    send((0..times).map(|_| request(&token)).collect(), on_route(verifier), 200)
}

fn with_dpop() -> Verifier {
    let dpop = Dpop::accept().origin("https://api.example");
    builder([signer(Algorithm::RS256).issuer()]).dpop(dpop).build().expect("a verifier")
}

fn with_certificates() -> Verifier {
    let certificates =
        ClientCertificates::accept(CertificateSource::ClientCert).trusted_proxies(["10.0.0.0/8"]);
    let builder = builder([signer(Algorithm::RS256).issuer()]);
    builder.client_certificates(certificates).build().expect("a verifier")
}

fn plain(token: &str) -> Request<Body> {
    request("/orders", Some(token))
}

/// Returns a request whose peer is a trusted proxy. It has no certificate.
fn from_proxy(token: &str) -> Request<Body> {
    let mut request = plain(token);
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 5], 50_000))));
    request
}

/// Returns such a request with a certificate of 1,024 bytes, to which its token is not bound.
fn with_certificate(token: &str) -> Request<Body> {
    let der = [&[0x30, 0x82, 0x03, 0xfc][..], &[0; 1020]].concat();
    let value = format!(":{}:", STANDARD.encode(der));
    let mut request = from_proxy(token);
    request.headers_mut().insert("client-cert", value.parse().expect("a header"));
    request
}
