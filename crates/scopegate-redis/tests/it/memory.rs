//! The memory of an entry on the server.

use std::time::{Duration, SystemTime};

use testkit::NOW;

use crate::server::{Instance, revocation, server};

/// Prints the figures of docs/guide/redis.md.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run by hand, in a release build with --nocapture"]
async fn measure_100_000_entries() {
    const ENTRIES: usize = 100_000;
    let server = server!();
    let shared = server.shared();
    let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 3_600);
    let all: Vec<_> = (0..ENTRIES)
        .map(|number| revocation(&format!("7f1c9c2e-{number:04}-4b1d-9f6a-{number:012}")).ends_at(ends))
        .collect();
    println!("{} bytes of JSON", all[0].to_json().len());
    let used = async || -> u64 {
        let text: String = server.command(&["INFO", "memory"]).await;
        let used = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
        used.unwrap().trim().parse().unwrap()
    };
    let before = used().await;
    let begun = std::time::Instant::now();
    shared.publish_all(&all).await.unwrap();
    println!("published in {:?}", begun.elapsed());
    println!("server: {} bytes for each entry", (used().await - before) / ENTRIES as u64);
    for key in ["entries", "ends", "stream"] {
        let key = format!("{{scopegate:revocations}}:{key}");
        let bytes: u64 = server.command(&["MEMORY", "USAGE", &key, "SAMPLES", "0"]).await;
        println!("{key}: {} bytes for each entry", bytes / ENTRIES as u64);
    }
    let changes: u64 = server.command(&["XLEN", "{scopegate:revocations}:stream"]).await;
    println!("{changes} changes");
    let begun = std::time::Instant::now();
    let resident = || -> u64 {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    };
    let before = resident();
    let instance = Instance::following(&shared).await;
    println!("loaded in {:?}", begun.elapsed());
    assert_eq!(instance.source().entries, ENTRIES);
    let grown = (resident() - before) * 1_024;
    println!(
        "instance: {} bytes of resident memory for each entry, loading included",
        grown / ENTRIES as u64
    );
}
