//! The time of a record, and its memory on the server.

use std::time::Instant;

use scopegate::{ProofUse, ReplayStore as _};

use crate::replay::{store, used_proofs};
use crate::server::server;

/// Prints the figures of docs/design/dpop-redis.md.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run by hand, in a release build with --nocapture"]
async fn measure_10_000_proofs() {
    const PROOFS: usize = 10_000;
    let server = server!();
    let store = store(&server).await;
    let proofs = used_proofs(PROOFS).await;
    let used = async || -> u64 {
        let text: String = server.command(&["INFO", "memory"]).await;
        let used = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
        used.unwrap().trim().parse().unwrap()
    };
    let before = used().await;
    let mut times = Vec::new();
    for proof in &proofs {
        let begun = Instant::now();
        assert_eq!(store.record(*proof).await.unwrap(), ProofUse::First);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    println!("one at a time: p50 {:?}, p99 {:?}", times[PROOFS / 2], times[PROOFS * 99 / 100]);
    println!("server: {} bytes for each proof", (used().await - before) / PROOFS as u64);
    let begun = Instant::now();
    for part in proofs.chunks(500) {
        let all: Vec<_> = part.iter().map(|proof| tokio::spawn(store.record(*proof))).collect();
        for one in all {
            assert_eq!(one.await.unwrap().unwrap(), ProofUse::Repeated);
        }
    }
    println!("500 at a time: {:?} for each", begun.elapsed() / 10_000);
}
