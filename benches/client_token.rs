//! Times of a cached access token: `ClientCredentials::token` and `current`, with a real token of
//! the local issuer.
//!
//! Nanoseconds depend on the machine, so the same run has baselines: loading and cloning an `Arc` from
//! an `ArcSwap`, without and with reading the clock. A token expires, so each call reads the clock.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use criterion::{Criterion, criterion_group, criterion_main};
use scopegate_client::{ClientAuthentication, ClientCredentials};
use scopegate_issuer::LocalIssuer;
use tokio::runtime::Builder;

fn a_token_in_hand(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let issuer = runtime.block_on(LocalIssuer::start()).expect("a loopback socket");
    let by_secret = ClientAuthentication::client_secret_basic("local-reader", "local-reader-secret");
    let credentials =
        ClientCredentials::builder(by_secret).issuer(issuer.issuer()).build().expect("it is complete");
    let token = runtime.block_on(credentials.token()).expect("the local issuer is there");

    let mut group = criterion.benchmark_group("client_token");
    let floor = ArcSwapOption::from_pointee(token);
    group.bench_function("floor", |bencher| {
        bencher.iter(|| floor.load().as_ref().map(Arc::clone));
    });
    group.bench_function("floor_and_clock", |bencher| {
        bencher.iter(|| (Instant::now(), floor.load().as_ref().map(Arc::clone)));
    });
    group.bench_function("current", |bencher| {
        bencher.iter(|| credentials.current());
    });
    group.bench_function("token", |bencher| {
        // Within one `block_on`, because entering a runtime takes longer than the measured call.
        bencher.iter_custom(|times| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..times {
                    black_box(credentials.token().await).expect("it is cached");
                }
                start.elapsed()
            })
        });
    });
    group.bench_function("current_and_header", |bencher| {
        bencher.iter(|| credentials.current().map(|token| token.header_value()));
    });
    group.finish();
    assert_eq!(issuer.token_requests(), 1, "all of this was one token");
}

criterion_group!(benches, a_token_in_hand);
criterion_main!(benches);
