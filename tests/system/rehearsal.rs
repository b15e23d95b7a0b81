//! Effects of key changes and issuer failures on callers.
//!
//! Each row of the table in `docs/reference/rehearsal.md` is measured with default settings, over
//! real sockets and under load.
//!
//! `cargo test -p system-tests rehearsal -- --nocapture` prints the measured table.
//!
//! Rotations run in real time with callers that send requests continuously. Events of minutes or
//! days run in virtual time with pauses between requests.

mod expected;
mod protected_api;

use std::thread;
use std::time::Duration;

use scopegate_issuer::{Event, Report};

use self::expected::Expected;
use self::protected_api::ProtectedApi;

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn rehearsals_match_documented_table() {
    // In parallel, because one of them mostly waits.
    let measured = thread::scope(|scope| {
        let rotations = scope.spawn(rotations);
        let others = others();
        [rotations.join().unwrap(), others].concat()
    });

    println!("{}", Report::HEADER);
    for report in &measured {
        println!("{report}");
    }
    let expected = Expected::read();
    let names = |names: Vec<&str>| names.join("\n");
    assert_eq!(
        names(measured.iter().map(|report| &*report.name).collect()),
        names(expected.iter().map(|row| &*row.name).collect()),
        "the rows in docs/reference/rehearsal.md"
    );
    let differences: Vec<_> =
        expected.iter().zip(&measured).flat_map(|(expected, report)| expected.differences(report)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn rotations() -> Vec<Report> {
    let half = SECOND / 2;
    vec![
        in_real_time(Event::RotateWithOverlap, half),
        in_real_time(Event::RotateWithoutOverlap, half),
        in_real_time(Event::PublishLate(half), 3 * half),
        in_real_time(Event::PublishLate(SECOND), 3 * half),
    ]
}

fn others() -> Vec<Report> {
    let keys = [Event::Revoke, Event::ReuseKeyId].map(until_the_next_fetch);
    let answers = [
        Event::ServerError,
        Event::SlowDrip,
        Event::Reset,
        Event::Truncated,
        Event::Html,
        Event::TenMegabytes,
        Event::UnusableKeys,
    ];
    let answers = answers.map(at_the_next_fetch);
    let outages = [outage("1 h", HOUR, MINUTE / 2), outage("25 h", 25 * HOUR, 10 * MINUTE)];
    keys.into_iter().chain(answers).chain(outages.into_iter().flatten()).collect()
}

/// Plays an event in real time with continuous requests and a runtime of several threads.
fn in_real_time(event: Event, duration: Duration) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let api = ProtectedApi::start().await;
        let report = api.rehearsal().duration(duration).play(event, api.is_accepted()).await;
        // At least one request per caller, even on a slow machine.
        assert!(report.sent >= 8, "{} requests are no load", report.sent);
        report
    })
}

/// Plays an event right after a fetch, so that the time until the next fetch is as long as
/// possible.
fn until_the_next_fetch(event: Event) -> Report {
    in_virtual_time(async |api| {
        let rest = Duration::from_secs(10);
        let rehearsal = api.rehearsal().interval(rest).duration(10 * MINUTE);
        let report = api.play(event, &rehearsal, rest).await;
        assert_eq!(api.rejected_with(), [401]);
        report
    })
}

/// Plays an event shortly before the next fetch.
fn at_the_next_fetch(event: Event) -> Report {
    in_virtual_time(async |api| {
        let rest = SECOND / 5;
        api.skip_to_the_next_fetch_but(2 * SECOND).await;
        let rehearsal = api.rehearsal().interval(rest).duration(10 * SECOND);
        let report = api.play(event, &rehearsal, rest).await;
        assert_eq!(api.rejected_with(), [0; 0]);
        report
    })
}

/// Plays an outage and the recovery.
fn outage(name: &str, duration: Duration, rest: Duration) -> [Report; 2] {
    in_virtual_time(async |api| {
        let outage = api.rehearsal().name(format!("outage of {name}")).interval(rest).duration(duration);
        let outage = api.play(Event::Outage, &outage, MINUTE).await;
        let recovery = api.rehearsal().name(format!("recovery after {name}"));
        let recovery = recovery.interval(SECOND).duration(2 * MINUTE);
        let recovery = api.play(Event::Recovery, &recovery, SECOND).await;
        assert!(api.rejected_with().iter().all(|&status| status == 503), "{:?}", api.rejected_with());
        [outage, recovery]
    })
}

/// Runs on a runtime of one thread, because only its clock can be advanced.
fn in_virtual_time<T>(play: impl AsyncFnOnce(&ProtectedApi) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { play(&ProtectedApi::start().await).await })
}
