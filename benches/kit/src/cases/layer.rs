//! The layer in front of an axum route, called in process. All work of the router is counted, but
//! not the construction of the request.

use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::handler::Handler as _;
use axum::http::Request;
use axum::routing::get;
use scopegate::{Decision, Verifier};
use scopegate_axum::RequireScope;
use scopegate_issuer::{Algorithm, Mint};

use crate::log::Log;
use crate::{Call, Case, NoOp, READ, answer, builder, handler, request, signer};

const BARE: &str = "route without layer";
pub(super) const ON_ROUTE: &str = "route with a no-op layer";
const ON_HANDLER: &str = "route with a no-op layer on its handler";
pub(super) const CACHED: &str = "layer, cached";

pub(super) fn cases() -> Vec<Case> {
    let cached = || signer(Algorithm::RS256).caching_verifier();
    vec![
        Case::using_up(BARE, |times| ask(Router::new().route("/orders", get(handler)), &good(), 200, times)),
        Case::using_up(ON_ROUTE, |times| {
            ask(Router::new().route("/orders", get(handler).layer(NoOp)), &good(), 200, times)
        })
        .over(BARE),
        Case::using_up(ON_HANDLER, |times| {
            ask(Router::new().route("/orders", get(handler.layer(NoOp))), &good(), 200, times)
        })
        .over(BARE),
        Case::using_up(CACHED, move |times| ask(on_route(&cached()), &good(), 200, times)).over(ON_ROUTE),
        Case::using_up("layer, cached, observed", |times| ask(on_route(&observed()), &good(), 200, times))
            .over(ON_ROUTE),
        Case::using_up("layer, cached, with a log", move |times| {
            logged(ask(on_route(&cached()), &good(), 200, times))
        })
        .over(ON_ROUTE),
        Case::using_up("layer on its handler, cached", move |times| {
            ask(on_handler(&cached()), &good(), 200, times)
        })
        .over(ON_HANDLER),
        Case::using_up("layer, without cache", |times| {
            ask(on_route(&signer(Algorithm::RS256).verifier()), &good(), 200, times)
        })
        .over(ON_ROUTE),
        refused("no token", None, 401),
        refused("malformed", Some(|mint| mint.raw_payload("{")), 401),
        refused("of an unknown key", Some(|mint| mint.header("kid", "unknown")), 401),
        refused("expired", Some(Mint::expired), 401),
        refused("bad signature", Some(Mint::bad_signature), 401),
        refused("without the scope, cached", Some(|mint| mint.scope("orders/read")), 403),
    ]
}

pub(super) fn on_route(verifier: &Verifier) -> Router {
    Router::new().route("/orders", get(handler).layer(RequireScope::new(verifier, READ)))
}

/// Returns a verifier with an observer that does nothing.
fn observed() -> Verifier {
    let observer = |decision: &Decision<'_>| {
        black_box(decision);
    };
    builder([signer(Algorithm::RS256).issuer()]).observe(observer).build().expect("a verifier")
}

/// With a log at `INFO`, which an accepted request writes nothing to.
fn logged(mut call: Call) -> Call {
    let log = Log::start();
    Box::new(move || {
        black_box(&log);
        call();
    })
}

fn on_handler(verifier: &Verifier) -> Router {
    Router::new().route("/orders", get(handler.layer(RequireScope::new(verifier, READ))))
}

fn refused(name: &str, change: Option<fn(Mint) -> Mint>, status: u16) -> Case {
    Case::using_up(format!("layer refuses: {name}"), move |times| {
        let signer = signer(Algorithm::RS256);
        let token = change.map(|change| change(signer.mint()).sign_with(&signer.key));
        ask(on_route(&signer.caching_verifier()), &token, status, times)
    })
    .over(ON_ROUTE)
}

fn good() -> Option<String> {
    Some(signer(Algorithm::RS256).token())
}

fn ask(router: Router, token: &Option<String>, status: u16, times: usize) -> Call {
    send((0..times).map(|_| request("/orders", token.as_deref())).collect(), router, status)
}

/// Sends each request once.
pub(super) fn send(mut requests: Vec<Request<Body>>, mut router: Router, status: u16) -> Call {
    Box::new(move || {
        let request = requests.pop().expect("as many as were said");
        assert_eq!(answer(&mut router, request), status);
    })
}
