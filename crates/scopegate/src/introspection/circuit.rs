//! The circuit breaker of an endpoint: requests do not wait for an endpoint that keeps failing.

use std::time::Duration;

use tokio::time::Instant;

/// Number of consecutive failures that open the circuit.
const FAILURES: u32 = 5;

/// The time between a failure and the next probe. With the time limit of the probe it is the
/// longest time until a recovered endpoint is noticed: 2 s for a probe that began before, and 2 s.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// The breaker. While it is open, one call at a time probes the endpoint.
#[derive(Default)]
pub(super) struct Circuit {
    /// Consecutive failures.
    failures: u32,
    open: Option<Open>,
}

struct Open {
    cause: Cause,
    /// The time of the next probe. `None` while a probe is under way.
    probe_at: Option<Instant>,
}

/// The reason of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The endpoint does not respond, or not as an introspection endpoint.
    Outage,
    /// The endpoint rejects the credentials of this API.
    Credentials,
}

/// The role of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Ordinary,
    /// It decides whether the circuit stays open.
    Probe,
}

/// A call that the open circuit prevents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prevented {
    pub(super) cause: Cause,
    /// In whole seconds, at least one.
    pub(super) retry_after: Duration,
}

/// A change of the circuit, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Opened,
    Closed,
}

impl Circuit {
    /// Returns the role of a call that begins now.
    pub(super) fn role(&self, now: Instant) -> Result<Role, Prevented> {
        let Some(open) = &self.open else { return Ok(Role::Ordinary) };
        let wait = match open.probe_at {
            Some(probe_at) if probe_at <= now => return Ok(Role::Probe),
            Some(probe_at) => probe_at - now,
            None => PROBE_INTERVAL,
        };
        Err(Prevented { cause: open.cause, retry_after: whole_seconds(wait) })
    }

    /// Records the begin of a call with the role that [`role`](Self::role) returned.
    pub(super) fn begin(&mut self, role: Role) {
        if let (Role::Probe, Some(open)) = (role, &mut self.open) {
            open.probe_at = None;
        }
    }

    /// Records that the endpoint works.
    pub(super) fn succeeded(&mut self) -> Change {
        self.failures = 0;
        if self.open.take().is_some() { Change::Closed } else { Change::None }
    }

    /// Records a failed call.
    pub(super) fn failed(&mut self, role: Role, cause: Cause, now: Instant) -> Change {
        self.failures = self.failures.saturating_add(1);
        let probe_at = Some(now + PROBE_INTERVAL);
        match (&mut self.open, role) {
            (Some(open), Role::Probe) => {
                *open = Open { cause, probe_at };
                Change::None
            }
            (None, _) if self.failures >= FAILURES => {
                self.open = Some(Open { cause, probe_at });
                Change::Opened
            }
            // A failure of a call that began before the circuit opened delays no probe.
            (Some(_), Role::Ordinary) | (None, _) => Change::None,
        }
    }
}

/// Rounds up to whole seconds, at least one, for `Retry-After` (RFC 9110 §10.2.3).
pub(super) fn whole_seconds(wait: Duration) -> Duration {
    let begun = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs().saturating_add(begun)).max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Circuit {
        let mut circuit = Circuit::default();
        for n in 1..=FAILURES {
            assert_eq!(circuit.role(now), Ok(Role::Ordinary));
            let expected = if n == FAILURES { Change::Opened } else { Change::None };
            assert_eq!(circuit.failed(Role::Ordinary, Cause::Outage, now), expected);
        }
        circuit
    }

    #[tokio::test(start_paused = true)]
    async fn fifth_consecutive_failure_opens_the_circuit() {
        // IN15
        let now = Instant::now();
        let mut circuit = Circuit::default();
        for _ in 1..FAILURES {
            circuit.failed(Role::Ordinary, Cause::Outage, now);
        }
        assert_eq!(circuit.succeeded(), Change::None);
        for _ in 1..FAILURES {
            circuit.failed(Role::Ordinary, Cause::Outage, now);
        }
        assert_eq!(circuit.role(now), Ok(Role::Ordinary));
        assert_eq!(circuit.failed(Role::Ordinary, Cause::Credentials, now), Change::Opened);
        let prevented = Prevented { cause: Cause::Credentials, retry_after: 2 * SECOND };
        assert_eq!(circuit.role(now), Err(prevented), "IN05");
    }

    #[tokio::test(start_paused = true)]
    async fn open_circuit_lets_one_probe_through() {
        let now = Instant::now();
        let mut circuit = opened(now);
        let prevented = |seconds| Err(Prevented { cause: Cause::Outage, retry_after: seconds * SECOND });
        assert_eq!(circuit.role(now + SECOND / 2), prevented(2));
        assert_eq!(circuit.role(now + SECOND), prevented(1));
        let later = now + 2 * SECOND;
        assert_eq!(circuit.role(later), Ok(Role::Probe));
        assert_eq!(circuit.role(later), Ok(Role::Probe), "no call has begun");
        circuit.begin(Role::Probe);
        assert_eq!(circuit.role(later), prevented(2));
        assert_eq!(circuit.failed(Role::Probe, Cause::Outage, later + SECOND), Change::None);
        assert_eq!(circuit.role(later + 2 * SECOND), prevented(1));
        assert_eq!(circuit.role(later + 3 * SECOND), Ok(Role::Probe));
        circuit.begin(Role::Probe);
        assert_eq!(circuit.succeeded(), Change::Closed);
        assert_eq!(circuit.role(later), Ok(Role::Ordinary));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_earlier_calls_delay_no_probe() {
        let now = Instant::now();
        let mut circuit = opened(now);
        circuit.failed(Role::Ordinary, Cause::Outage, now + SECOND);
        assert_eq!(circuit.role(now + 2 * SECOND), Ok(Role::Probe));
        circuit.begin(Role::Probe);
        circuit.failed(Role::Ordinary, Cause::Outage, now + 2 * SECOND);
        assert!(circuit.role(now + 10 * SECOND).is_err(), "the probe is under way");
        assert_eq!(circuit.succeeded(), Change::Closed, "an earlier call has succeeded");
    }

    #[test]
    fn retry_after_is_whole_seconds_and_not_zero() {
        for (wait, seconds) in [(Duration::ZERO, 1), (SECOND, 1), (SECOND + Duration::from_nanos(1), 2)] {
            assert_eq!(whole_seconds(wait).as_secs(), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), Duration::from_secs(u64::MAX));
    }
}
