//! What is the maximum cost of a hostile request? These tests measure memory.
//! `src/verifier/tests.rs` counts signature checks. `scripts/limits` measures time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is the test's failure")]

mod hostile;

use std::cell::Cell;
use std::hint::black_box;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};
use scopegate::{Error, Issuer, IssuerWithoutAudience, Verifier, VerifierBuilder};
use scopegate_issuer::{Fault, LocalIssuer};

use hostile::{Cast, MOST};
use testkit::ISSUER;

fn cost_of(token: &str, verifier: &Verifier) -> AllocationInfo {
    measure(|| drop(black_box(verifier.verify(black_box(token)))))
}

#[test]
fn untrusted_token_allocates_a_few_times_its_size() {
    let cast = Cast::new();
    let (ordinary, verifier) = cast.ordinary();
    assert!(verifier.verify(&ordinary).is_ok());
    for hostile in cast.of_strangers().iter().chain(&cast.forged()) {
        let error = hostile.verifier.verify(&hostile.token).unwrap_err();
        assert_eq!(
            matches!(error, Error::BadSignature { .. }),
            !hostile.unchecked,
            "{}: {error}",
            hostile.name
        );
        let spent = cost_of(&hostile.token, &hostile.verifier);
        assert!(spent.bytes_max <= 3 * MOST as u64, "{}: {spent:?}", hostile.name);
        assert!(spent.count_total <= 600, "{}: {spent:?}", hostile.name);
        assert_eq!(spent.bytes_current, 0, "{} leaves something behind", hostile.name);
    }
}

#[test]
fn signed_token_allocates_in_proportion_to_its_size() {
    for hostile in Cast::new().signed() {
        let spent = cost_of(&hostile.token, &hostile.verifier);
        assert!(spent.bytes_max <= 16 * MOST as u64, "{}: {spent:?}", hostile.name);
        assert!(spent.count_total <= MOST as u64 / 2, "{}: {spent:?}", hostile.name);
    }
}

#[test]
fn issuer_document_allocates_in_proportion_to_its_size() {
    for (name, set) in hostile::key_sets() {
        let cost = measure(|| drop(black_box(Issuer::from_jwks(ISSUER, black_box(&set)))));
        assert!(cost.bytes_max <= 4 * 1024 * 1024, "{name}: {cost:?}");
        assert!(cost.count_total <= 10_000, "{name}: {cost:?}");
    }
}

/// Returns a verifier with an issuer that sends its keys only once, and hostile tokens with
/// invented key ids.
async fn waiting() -> (LocalIssuer, Verifier, Vec<(&'static str, String)>) {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = testkit::builder_trusting(&local).start().await.unwrap();
    local.set_fault(Fault::Drip);
    let tokens = hostile::payloads_of(local.issuer()).into_iter().map(|(name, payload)| {
        (name, local.mint().header("kid", "invented").raw_payload(payload).bad_signature().sign())
    });
    let tokens = tokens.collect();
    (local, verifier, tokens)
}

#[tokio::test]
async fn waiting_request_holds_token_and_parsed_parts() {
    // FR-C9: nothing is read twice. A waiting request holds the token and its parts.
    let (_local, verifier, tokens) = waiting().await;
    for (name, token) in tokens {
        let mut waits = None;
        let begun = measure(|| {
            let mut future = Box::pin(verifier.verify_or_refresh(&token));
            assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "{name}");
            waits = Some(future);
        });
        assert!(begun.bytes_max <= 5 * MOST as u64 && begun.count_total <= 700, "{name}: {begun:?}");
        assert!(begun.bytes_current <= i64::try_from(3 * MOST).unwrap(), "{name}: {begun:?}");
        let mut waits = waits.unwrap();
        let woken = measure(|| {
            assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "{name}");
        });
        assert!(woken.count_total <= 10 && woken.bytes_max <= 1_024, "{name}: {woken:?}");
    }
}

#[tokio::test]
async fn ordinary_request_holds_three_kib_at_cold_start() {
    // FR-A7: 4,096 of them may wait for the first keys of an issuer.
    let local = LocalIssuer::start().await.unwrap();
    let verifier = testkit::builder_trusting(&local).start_lazy().unwrap();
    let token = local.mint().sign();
    let mut waits = None;
    let begun = measure(|| {
        let mut future = Box::pin(verifier.verify_or_refresh(&token));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        waits = Some(future);
    });
    assert!((1..=3 * 1024).contains(&begun.bytes_current), "{} bytes of token: {begun:?}", token.len());
    assert!(waits.unwrap().await.is_ok());
}

#[tokio::test]
#[ignore = "measures; run by hand, in a release build with --nocapture"]
#[allow(clippy::print_stdout, reason = "a table is what it is for")]
async fn measure_waiting() {
    let (local, verifier, tokens) = waiting().await;
    let uncached = testkit::builder_trusting(&local).cache_capacity(0);
    local.clear_fault();
    let uncached = uncached.start().await.unwrap();
    local.set_fault(Fault::Drip);
    let ordinary = local.mint().sign();
    let unit = fastest(&|| drop(black_box(uncached.verify(&ordinary)))).as_secs_f64();
    println!("LIMITS an RS256 token, verified: {:.1} µs", unit * 1e6);
    for (name, token) in tokens {
        // A request begins to wait, is woken three times and is dropped.
        let time = fastest(&|| {
            let mut future = Box::pin(verifier.verify_or_refresh(&token));
            for _ in 0..4 {
                let pending = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
                assert!(pending);
            }
        });
        println!("LIMITS {name}, waits: {:.1} × that", time.as_secs_f64() / unit);
    }
}

#[tokio::test]
#[ignore = "measures; run by hand, in a release build with --nocapture"]
#[allow(clippy::print_stdout, reason = "a figure is what it is for")]
async fn measure_start_of_many_issuers() {
    // The figure of the field report about 500 tenants.
    // No server listens at this URL. The verifier is dropped before a fetch fails.
    let issuers = || (0..500).map(|tenant| Issuer::from_metadata(&format!("https://127.0.0.1:9/{tenant}")));
    let time = fastest(&|| {
        let trust = |builder: VerifierBuilder, issuer: Result<IssuerWithoutAudience, _>| {
            builder.trust(issuer.unwrap().client(testkit::CLIENT))
        };
        drop(black_box(issuers().fold(Verifier::builder(), trust).start_lazy().unwrap()));
    });
    println!("LIMITS 500 https issuers, started without keys: {:.1} ms", time.as_secs_f64() * 1e3);
}

#[test]
#[ignore = "measures; run by scripts/limits"]
#[allow(clippy::print_stdout, reason = "a table is what it is for")]
fn measure_time() {
    let cast = Cast::new();
    // For a profile: only this row, once.
    let only: Option<usize> = std::env::var("LIMITS_ROW").ok().map(|row| row.parse().unwrap());
    let row = Cell::new(0);
    println!("LIMITS name\ttoken bytes\tallocations\tpeak bytes\tµs");
    let report = |name: &str, size: usize, call: &dyn Fn()| {
        row.set(row.get() + 1);
        if only.is_some_and(|only| only != row.get()) {
            return;
        }
        // Work that is done only once is done here.
        call();
        let time = if only.is_some() { Duration::ZERO } else { fastest(call) };
        let memory = measure(call);
        measured(call);
        let micros = time.as_secs_f64() * 1e6;
        println!("LIMITS {name}\t{size}\t{}\t{}\t{micros:.1}", memory.count_total, memory.bytes_max);
    };
    let (ordinary, verifier) = cast.ordinary();
    report("a good token", ordinary.len(), &|| drop(black_box(verifier.verify(&ordinary))));
    for hostile in cast.of_strangers().iter().chain(&cast.forged()).chain(&cast.signed()) {
        let name = match hostile.verifier.verify(&hostile.token) {
            Ok(_) => format!("{} [accepted]", hostile.name),
            Err(error) => {
                format!("{} [{}]", hostile.name, format!("{error:?}").split([' ', '{']).next().unwrap())
            }
        };
        report(&name, hostile.token.len(), &|| drop(black_box(hostile.verifier.verify(&hostile.token))));
    }
    // The error lists the granted scopes.
    let many_scopes = cast.many_scopes();
    report(
        "signed, an array of short scopes, the required one lacking [InsufficientScope]",
        many_scopes.len(),
        &|| {
            let claims = verifier.verify(&many_scopes).unwrap();
            drop(black_box(claims.require("orders.read").unwrap_err().to_string()));
        },
    );
    for (name, set) in hostile::key_sets() {
        report(name, set.len(), &|| drop(black_box(Issuer::from_jwks(ISSUER, &set))));
    }
}

/// Returns the shortest of many times, which was disturbed least.
fn fastest(call: &dyn Fn()) -> Duration {
    let begin = Instant::now();
    let mut shortest = Duration::MAX;
    while begin.elapsed() < Duration::from_millis(300) {
        let start = Instant::now();
        call();
        shortest = shortest.min(start.elapsed());
    }
    shortest
}

/// A name that `scripts/limits` can find in the profile.
#[inline(never)]
fn measured(call: &dyn Fn()) {
    call();
    // Prevents a tail call, which a profile would not show.
    black_box(call);
}
