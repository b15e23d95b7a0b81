//! The time and the memory of a record, with 700,000 live proofs: 10,000 in a second for 70 s.

#![allow(clippy::print_stdout, reason = "it prints figures")]

use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::*;
use crate::token::numeric_date::NumericDate;

const WINDOW: Duration = Duration::from_secs(70);
const AGE: Duration = Duration::from_secs(60);
const PER_SECOND: u64 = 10_000;
const LIVE: usize = 700_000;

fn at(seconds: u64) -> NumericDate {
    (UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)).into()
}

/// Returns the proofs of a second.
fn proofs_of(second: u64) -> impl Iterator<Item = UsedProof> {
    (0..PER_SECOND).map(move |number| {
        UsedProof::new(&[1; 32], &format!("{second}-{number}"), at(second), AGE, at(second))
    })
}

/// Records proofs, and returns the time of one record.
fn time_of(store: &MemoryStore, proofs: &[UsedProof], expected: Option<ProofUse>) -> Duration {
    let begun = Instant::now();
    for proof in proofs {
        assert_eq!(store.record(proof).ok(), expected);
    }
    begun.elapsed() / u32::try_from(proofs.len()).unwrap()
}

/// Prints the figures of docs/guide/dpop.md.
#[test]
#[ignore = "measures; run by hand, in a release build with --nocapture"]
fn measure_700_000_live_proofs() {
    let mut stores = Vec::with_capacity(1);
    let allocated = allocation_counter::measure(|| stores.push(MemoryStore::new(LIVE, WINDOW)));
    let store = &stores[0];
    let live = u64::try_from(LIVE).unwrap();
    println!("{} bytes of memory, {} for each proof", allocated.bytes_current, allocated.bytes_total / live);
    let proofs: Vec<_> = (0..70).flat_map(proofs_of).collect();
    assert_eq!(proofs.len(), LIVE);
    println!("a record: {:?}", time_of(store, &proofs, Some(ProofUse::First)));
    println!("a replay: {:?}", time_of(store, &proofs, Some(ProofUse::Repeated)));
    let further: Vec<_> = (0..100_000)
        .map(|number| UsedProof::new(&[2; 32], &number.to_string(), at(69), AGE, at(69)))
        .collect();
    println!("a rejection, because the store is full: {:?}", time_of(store, &further, None));
    assert!(proofs.iter().all(|proof| store.record(proof).ok() == Some(ProofUse::Repeated)));

    let store = &MemoryStore::new(LIVE, WINDOW);
    let halves: [Vec<_>; 2] =
        [0, 1].map(|half| proofs.iter().skip(half).step_by(2).copied().collect::<Vec<_>>());
    let times = thread::scope(|scope| {
        let threads =
            halves.each_ref().map(|half| scope.spawn(|| time_of(store, half, Some(ProofUse::First))));
        threads.map(|thread| thread.join().unwrap())
    });
    println!("a record in each of two threads: {times:?}");
}
