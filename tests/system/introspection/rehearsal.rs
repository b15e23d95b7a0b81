//! The responses for each kind of caller, second by second, while the endpoint fails and after it.
//!
//! The rows of the table in `docs/reference/rehearsal.md` are compared with the measured ones.

use std::fmt::Write as _;
use std::time::Duration;

use scopegate_issuer::{Event, Pool};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::api::{Api, Caller, Second, endpoint};

const DOCUMENT: &str = include_str!("../../../docs/reference/rehearsal.md");

/// A result of the API is used for so long.
const CACHED_FOR: Duration = Duration::from_secs(3);
const PACE: Duration = Duration::from_millis(200);

/// The endpoint fails for so long. Results end within this time.
const FAULT: usize = 7;
/// The API recovers within 5 s of the endpoint, so the sixth second shows it.
const RECOVERY: usize = 7;

/// The events that the endpoint recovers from. A revoked token is no failure of the endpoint.
fn events() -> impl Iterator<Item = Event> {
    let others = [Event::IntrospectionRecovery, Event::TokenRevoked];
    Event::INTROSPECTION.into_iter().filter(move |event| !others.contains(event))
}

/// The measured responses for one caller.
struct Measured {
    caller: Caller,
    seconds: Vec<Second>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn introspection_failures_match_documented_table() {
    // IN05, IN06, IN15
    let mut events: JoinSet<_> = events().enumerate().map(play).collect();
    let mut rows = Vec::new();
    while let Some(row) = events.join_next().await {
        rows.push(row.unwrap());
    }
    rows.sort_by_key(|(at, ..)| *at);
    let (mut table, mut seconds) = (String::new(), String::new());
    for (_, event, measured, calls) in &rows {
        let cells = measured.iter().map(summary).collect::<Vec<_>>().join(" | ");
        writeln!(table, "| {event} | {cells} |").unwrap();
        for Measured { caller, seconds: all } in measured {
            let each = all.iter().map(statuses).collect::<Vec<_>>().join(", ");
            let longest = all.iter().map(|second| second.longest).max().unwrap_or_default();
            writeln!(seconds, "LIMITS {event} · {caller:?} · {each} · longest {longest:.1?}").unwrap();
        }
        writeln!(seconds, "LIMITS {event} · calls in {} s: {calls}", FAULT + RECOVERY).unwrap();
    }
    println!("{seconds}\n{table}");
    assert!(DOCUMENT.contains(&table), "docs/reference/rehearsal.md has another table than\n{table}");
}

/// Plays an event, and returns the responses and the number of calls.
async fn play((at, event): (usize, Event)) -> (usize, Event, Vec<Measured>, u64) {
    let api = Api::start(CACHED_FOR).await;
    let pool: &Pool = endpoint(&api);
    // Connections are there before the time begins, so that a slow machine is not late for the event.
    assert_eq!(api.status(&pool.opaque_token(&pool.mint())).await, 200);
    let seconds = FAULT + RECOVERY;
    let callers = async {
        let calls = Caller::ALL.map(|caller| api.call(caller, PACE, seconds));
        let [known, unseen, random, jwt] = calls;
        let all = tokio::join!(known, unseen, random, jwt);
        <[Vec<Second>; 4]>::from(all)
    };
    let before = pool.introspection_requests();
    let faults = async {
        // The known token is accepted first.
        sleep(Duration::from_millis(900)).await;
        pool.trigger(event);
        sleep(Duration::from_secs(FAULT as u64 - 1)).await;
        pool.trigger(Event::IntrospectionRecovery);
    };
    let (measured, ()) = tokio::join!(callers, faults);
    let measured = Caller::ALL.into_iter().zip(measured);
    let measured = measured.map(|(caller, seconds)| Measured { caller, seconds }).collect();
    (at, event, measured, pool.introspection_requests() - before)
}

/// Returns the status while results are used, after they have ended, and after the recovery.
fn summary(measured: &Measured) -> String {
    let Measured { caller, seconds } = measured;
    // The first second with the fault, the last one with it, and the last one of all.
    let [early, late, end] = [1, FAULT - 2, seconds.len() - 1].map(|at| statuses(&seconds[at]));
    match caller {
        Caller::Known if early != late => format!("{early}, {late} after 3 s; {end}"),
        _ => format!("{late}; {end}"),
    }
}

fn statuses(second: &Second) -> String {
    second.statuses.iter().map(u16::to_string).collect::<Vec<_>>().join("/")
}
