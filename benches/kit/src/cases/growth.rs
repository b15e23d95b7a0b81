//! Growth with the number of keys, issuers, scopes, bytes and routes. Tokens are signed with EdDSA,
//! because its keys are generated quickly, and its tokens are small.

use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::{MethodRouter, get};
use scopegate::middleware;
use scopegate::{Issuer, Requirement, Scope, Verifier, all_of};
use scopegate_axum::RequireScope;
use scopegate_issuer::{Algorithm, Mint, SigningKey};

use crate::{
    CLIENT, Call, Case, ISSUER, NoOp, READ, Signer, answer, builder, handler, padded, plain, request, signer,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for cached in [false, true] {
        let how = if cached { "from the cache" } else { "without cache" };
        let mut series = |what: &str, sizes: &[usize], prepare: fn(usize, bool) -> Call| {
            let name = |size: usize| format!("{how}, {what}: {size}");
            for &size in sizes {
                let case = Case::new(name(size), move || prepare(size, cached));
                cases.push(if size == sizes[0] { case } else { case.over(name(sizes[0])) });
            }
        };
        series("keys of the issuer", &[1, 10, 100], keys);
        series("issuers", &[1, 10, 1_000], issuers);
        series("scopes, tokens of one size", &[1, 20, 200], |scopes, cached| {
            granted(of_one_size(scopes), last(scopes).into(), cached)
        });
        series("scopes, tokens as they are", &[1, 20, 200], |scopes, cached| {
            granted(with_scopes(scopes).sign_with(&signer(Algorithm::EdDSA).key), last(scopes).into(), cached)
        });
        series(
            "scopes that are required, of as many, tokens of one size",
            &[1, 10, 200],
            |required, cached| granted(of_one_size(required), all_of((0..required).map(scope)), cached),
        );
        series("scopes that are required, of 200", &[1, 10], |required, cached| {
            granted(of_one_size(200), all_of((200 - required..200).map(scope)), cached)
        });
        // Longer tokens are not cached.
        let sizes: &[usize] =
            if cached { &[512, 1_024, 2_048, 4_096] } else { &[512, 1_024, 2_048, 4_096, 8_192, 16_384] };
        series("bytes of the token", sizes, |size, cached| {
            let key = signer(Algorithm::EdDSA).key.clone().with_kid("2026-11");
            let signer = Signer { key };
            verified(verifier([signer.issuer()], cached), padded(plain(&signer.key), &signer.key, size))
        });
    }
    for routes in [1, 1_000] {
        let floor = format!("{routes} routes, each with a no-op layer");
        cases.push(Case::using_up(floor.clone(), move |times| {
            one_of(routes, times, |route| route.layer(NoOp))
        }));
        let name = format!("{routes} routes, each with a layer, cached");
        let prepare = move |times| {
            let verifier = signer(Algorithm::EdDSA).caching_verifier();
            one_of(routes, times, move |route| route.layer(RequireScope::new(&verifier, READ)))
        };
        cases.push(Case::using_up(name, prepare).over(floor));
    }
    cases
}

fn verifier(issuers: impl IntoIterator<Item = Issuer>, cached: bool) -> Verifier {
    let builder = builder(issuers);
    let builder = if cached { builder } else { builder.cache_capacity(0) };
    builder.build().expect("a verifier")
}

/// Verifies a token of the last of `number` keys.
fn keys(number: usize, cached: bool) -> Call {
    let signer = signer(Algorithm::EdDSA);
    let others: Vec<SigningKey> = (1..number).map(|_| SigningKey::generate(Algorithm::EdDSA)).collect();
    let issuer = Issuer::from_jwks(ISSUER, &signer.jwks(&others)).expect("a key set").client(CLIENT);
    verified(verifier([issuer], cached), signer.token())
}

/// Verifies a token of one of `number` issuers.
fn issuers(number: usize, cached: bool) -> Call {
    let signer = signer(Algorithm::EdDSA);
    let others = (1..number).map(|other| {
        let name = format!("{ISSUER}{other}");
        Issuer::from_jwks(&name, &signer.jwks([])).expect("a key set").client(CLIENT)
    });
    verified(verifier([signer.issuer()].into_iter().chain(others), cached), signer.token())
}

fn verified(verifier: Verifier, token: String) -> Call {
    Box::new(move || assert!(black_box(&verifier).verify(black_box(&token)).is_ok()))
}

/// Verifies a token and checks a requirement, as a layer does.
fn granted(token: String, requirement: Requirement, cached: bool) -> Call {
    let verifier = verifier([signer(Algorithm::EdDSA).issuer()], cached);
    let requirement = middleware::compile(&verifier, requirement);
    Box::new(move || {
        let claims = black_box(&verifier).verify(black_box(&token)).expect("the token is valid");
        assert!(claims.require_ref(black_box(&requirement)).is_ok());
    })
}

/// Returns a token with this number of scopes that is as long as a token with 200 scopes.
fn of_one_size(scopes: usize) -> String {
    let key = &signer(Algorithm::EdDSA).key;
    let size = with_scopes(200).claim("padding", "").sign_with(key).len();
    padded(with_scopes(scopes), key, size)
}

fn with_scopes(number: usize) -> Mint {
    let scopes: Vec<String> = (0..number).map(|at| scope(at).to_string()).collect();
    signer(Algorithm::EdDSA).mint().scope(&scopes.join(" "))
}

fn scope(number: usize) -> Scope {
    format!("api/s-{number:03}").parse().expect("a scope")
}

fn last(scopes: usize) -> Scope {
    scope(scopes - 1)
}

/// Sends a request to the last of `number` routes.
fn one_of(number: usize, times: usize, layered: impl Fn(MethodRouter) -> MethodRouter) -> Call {
    let path = |route: usize| format!("/orders/{route:04}");
    let mut router =
        (0..number).fold(Router::new(), |router, at| router.route(&path(at), layered(get(handler))));
    let token = signer(Algorithm::EdDSA).token();
    let mut requests: Vec<Request<Body>> =
        (0..times).map(|_| request(&path(number - 1), Some(&token))).collect();
    Box::new(move || {
        let request = requests.pop().expect("as many as were said");
        assert_eq!(answer(&mut router, request), 200);
    })
}
