//! What can one hostile request cost? Memory is counted here. Signature checks are counted by `src/verifier/tests.rs`,
//! and time is measured by hand, with `scripts/limits`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is the test's failure")]

#[path = "limits/hostile.rs"]
mod hostile;

use std::hint::black_box;
use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};
use scopegate::{Issuer, Verifier};

use hostile::{Cast, ISSUER};

fn cost_of(token: &str, verifier: &Verifier) -> AllocationInfo {
    measure(|| drop(black_box(verifier.verify(black_box(token)))))
}

#[test]
#[ignore = "measures; run by scripts/limits"]
#[allow(clippy::print_stdout, reason = "a table is what it is for")]
fn measure_time() {
    let cast = Cast::new();
    let once = std::env::var_os("LIMITS_ONCE").is_some();
    println!("LIMITS name\ttoken bytes\tallocations\tpeak bytes\tµs");
    let report = |name: &str, size: usize, call: &dyn Fn()| {
        // What is done once for all is done here.
        call();
        let time = if once { Duration::ZERO } else { fastest(call) };
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
            Err(error) => format!("{} [{}]", hostile.name, format!("{error:?}").split([' ', '{']).next().unwrap()),
        };
        report(&name, hostile.token.len(), &|| drop(black_box(hostile.verifier.verify(&hostile.token))));
    }
    for (name, set) in hostile::key_sets() {
        report(name, set.len(), &|| drop(black_box(Issuer::from_jwks(ISSUER, &set))));
    }
}

/// The shortest of many times, which is the one that was disturbed least.
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
}
