//! The circuit breaker of an endpoint: requests do not wait for an endpoint that keeps failing.

use std::time::Duration;

use scopegate_proto::token_digest::TokenDigest;
use tokio::time::Instant;

/// Number of consecutive failures that open the circuit.
const FAILURES: usize = 5;

/// The time between a failure and the next probe. With the time limit of the probe it is the
/// longest time until a recovered endpoint is noticed: 2 s for a probe that began before, 2 s, and
/// [`GRACE`].
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// The time for which a probe waits for a token that was accepted before. The endpoint may fail for
/// an invented token only.
const GRACE: Duration = Duration::from_millis(500);

/// The breaker. While it is open, one call at a time probes the endpoint.
#[derive(Default)]
pub(crate) struct Circuit {
    /// Consecutive failures.
    failures: usize,
    /// Accepted tokens whose next calls decided nothing, without a success since. If there are many
    /// of them, the tokens are not the reason.
    undecided: Vec<TokenDigest>,
    open: Option<Open>,
}

struct Open {
    cause: Cause,
    since: Instant,
    /// The time of the next probe. `None` while a probe is under way.
    probe_at: Option<ProbeAt>,
}

#[derive(Clone, Copy)]
struct ProbeAt {
    accepted: Instant,
    other: Instant,
}

/// The reason of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The endpoint does not respond, or not as an introspection endpoint.
    Outage,
    /// The endpoint rejects the credentials of this API.
    Credentials,
}

/// The evidence of a call about the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// It has decided about the token.
    Works,
    Fails(Cause),
    /// It has decided nothing, for a reason that may be the token.
    Undecided,
    /// The call was not made.
    None,
}

/// The role of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Ordinary,
    /// It decides whether the circuit stays open.
    Probe,
}

/// A call that the open circuit prevents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prevented {
    pub(crate) cause: Cause,
    /// In whole seconds, at least one.
    pub(crate) retry_after: Duration,
}

/// A change of the circuit, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Opened,
    Closed,
}

impl ProbeAt {
    fn after(wait: Duration, now: Instant) -> Self {
        Self { accepted: now + wait, other: now + wait + GRACE }
    }
}

impl Circuit {
    /// Returns the role of a call that begins now.
    pub(crate) fn role(&self, was_accepted: bool, now: Instant) -> Result<Role, Prevented> {
        let Some(open) = &self.open else { return Ok(Role::Ordinary) };
        let wait = match open.probe_at {
            Some(probe_at) => {
                let probe_at = if was_accepted { probe_at.accepted } else { probe_at.other };
                if probe_at <= now {
                    return Ok(Role::Probe);
                }
                probe_at - now
            }
            None => PROBE_INTERVAL,
        };
        Err(Prevented { cause: open.cause, retry_after: whole_seconds(wait) })
    }

    /// Returns whether no ordinary call is made.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Returns the reason why the circuit is open.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.open.as_ref().map(|open| open.cause)
    }

    /// Records the begin of a call with the role that [`role`](Self::role) returned.
    pub(crate) fn begin(&mut self, role: Role) {
        if let (Role::Probe, Some(open)) = (role, &mut self.open) {
            open.probe_at = None;
        }
    }

    /// Records that a call has decided about a token of another class. It closes the circuit if it
    /// began while the circuit was open.
    pub(crate) fn works_since(&mut self, begun_at: Instant) {
        if self.open.as_ref().is_none_or(|open| open.since < begun_at) {
            *self = Self::default();
        }
    }

    /// Records the end of a call. `accepted` is the token, if it was accepted before.
    pub(crate) fn end(
        &mut self,
        role: Role,
        accepted: Option<&TokenDigest>,
        evidence: Evidence,
        now: Instant,
    ) -> Change {
        match role {
            Role::Probe => self.end_probe(accepted.is_some(), evidence, now),
            // A call that began before the circuit opened delays no probe, and is none.
            Role::Ordinary if self.open.is_some() => Change::None,
            Role::Ordinary => self.end_ordinary(accepted, evidence, now),
        }
    }

    fn end_ordinary(&mut self, accepted: Option<&TokenDigest>, evidence: Evidence, now: Instant) -> Change {
        let cause = match evidence {
            Evidence::Works => {
                *self = Self::default();
                return Change::None;
            }
            Evidence::None => return Change::None,
            Evidence::Undecided => {
                if let Some(token) = accepted
                    && !self.undecided.contains(token)
                {
                    self.undecided.push(*token);
                }
                Cause::Outage
            }
            Evidence::Fails(cause) => {
                self.failures += 1;
                cause
            }
        };
        if self.failures.max(self.undecided.len()) < FAILURES {
            return Change::None;
        }
        let probe_at = Some(ProbeAt::after(PROBE_INTERVAL, now));
        *self = Self { open: Some(Open { cause, since: now, probe_at }), ..Self::default() };
        Change::Opened
    }

    fn end_probe(&mut self, was_accepted: bool, evidence: Evidence, now: Instant) -> Change {
        let Some(open) = &mut self.open else { return Change::None };
        let later = ProbeAt::after(PROBE_INTERVAL, now);
        match evidence {
            Evidence::Works => {
                self.open = None;
                return Change::Closed;
            }
            Evidence::Fails(cause) => *open = Open { cause, probe_at: Some(later), ..*open },
            // An accepted token is the better probe, and need not wait for this one.
            Evidence::Undecided | Evidence::None => {
                let accepted = if was_accepted { later.accepted } else { now };
                open.probe_at = Some(ProbeAt { accepted, ..later });
            }
        }
        Change::None
    }
}

/// Rounds up to whole seconds, at least one, for `Retry-After` (RFC 9110 §10.2.3).
pub(crate) fn whole_seconds(wait: Duration) -> Duration {
    let begun = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs().saturating_add(begun)).max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use scopegate_proto::token_digest::TokenDigests;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const OUTAGE: Evidence = Evidence::Fails(Cause::Outage);

    fn ended(circuit: &mut Circuit, role: Role, evidence: Evidence, now: Instant) -> Change {
        circuit.end(role, None, evidence, now)
    }

    fn opened(now: Instant) -> Circuit {
        let mut circuit = Circuit::default();
        for n in 1..=FAILURES {
            assert_eq!(circuit.role(false, now), Ok(Role::Ordinary));
            let expected = if n == FAILURES { Change::Opened } else { Change::None };
            assert_eq!(ended(&mut circuit, Role::Ordinary, OUTAGE, now), expected);
        }
        circuit
    }

    #[tokio::test(start_paused = true)]
    async fn fifth_consecutive_failure_opens_the_circuit() {
        // IN15
        let now = Instant::now();
        let mut circuit = Circuit::default();
        for _ in 1..FAILURES {
            ended(&mut circuit, Role::Ordinary, OUTAGE, now);
        }
        assert_eq!(ended(&mut circuit, Role::Ordinary, Evidence::Works, now), Change::None);
        for _ in 1..FAILURES {
            ended(&mut circuit, Role::Ordinary, OUTAGE, now);
        }
        // A call that decides nothing, or was not made, is neither success nor failure.
        for neither in [Evidence::Undecided, Evidence::None] {
            assert_eq!(ended(&mut circuit, Role::Ordinary, neither, now), Change::None);
            assert_eq!(circuit.role(false, now), Ok(Role::Ordinary));
        }
        let credentials = Evidence::Fails(Cause::Credentials);
        assert_eq!(ended(&mut circuit, Role::Ordinary, credentials, now), Change::Opened);
        let prevented = Prevented { cause: Cause::Credentials, retry_after: 2 * SECOND };
        assert_eq!(circuit.role(true, now), Err(prevented), "IN05");
    }

    #[tokio::test(start_paused = true)]
    async fn different_accepted_tokens_that_fail_open_the_circuit() {
        // IN05
        let (now, digests) = (Instant::now(), TokenDigests::default());
        let mut circuit = Circuit::default();
        let mut end = |token: u8, was_accepted: bool, evidence| {
            let digest = digests.of(&[token]);
            circuit.end(Role::Ordinary, was_accepted.then_some(&digest), evidence, now)
        };
        for n in 0..100 {
            assert_eq!(end(n, false, Evidence::Undecided), Change::None, "it may be invented");
            assert_eq!(end(0, true, Evidence::Undecided), Change::None, "one token");
        }
        end(0, true, Evidence::Works);
        assert!((0..4).all(|n| end(n, true, Evidence::Undecided) == Change::None));
        assert_eq!(end(4, true, Evidence::Undecided), Change::Opened);
        assert!(circuit.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn open_circuit_lets_one_probe_through() {
        let now = Instant::now();
        let mut circuit = opened(now);
        let prevented = |seconds| Err(Prevented { cause: Cause::Outage, retry_after: seconds * SECOND });
        assert_eq!(circuit.role(true, now + SECOND / 2), prevented(2));
        assert_eq!(circuit.role(true, now + SECOND), prevented(1));
        let later = now + 2 * SECOND;
        assert_eq!(circuit.role(true, later), Ok(Role::Probe));
        assert_eq!(circuit.role(true, later), Ok(Role::Probe), "no call has begun");
        circuit.begin(Role::Probe);
        assert_eq!(circuit.role(true, later), prevented(2));
        assert_eq!(ended(&mut circuit, Role::Probe, OUTAGE, later + SECOND), Change::None);
        assert_eq!(circuit.role(true, later + 2 * SECOND), prevented(1));
        assert_eq!(circuit.role(true, later + 3 * SECOND), Ok(Role::Probe));
        circuit.begin(Role::Probe);
        assert_eq!(ended(&mut circuit, Role::Probe, Evidence::Works, later), Change::Closed);
        assert_eq!(circuit.role(false, later), Ok(Role::Ordinary));
    }

    #[tokio::test(start_paused = true)]
    async fn accepted_token_probes_before_others() {
        // IN05
        let now = Instant::now();
        let mut circuit = opened(now);
        let due = now + 2 * SECOND;
        assert!(circuit.role(false, due).is_err());
        assert_eq!(circuit.role(false, due + GRACE), Ok(Role::Probe));
        circuit.begin(Role::Probe);
        let late = due + GRACE;
        ended(&mut circuit, Role::Probe, Evidence::Undecided, late);
        assert!(circuit.role(false, late + SECOND).is_err());
        assert_eq!(circuit.role(true, late), Ok(Role::Probe), "an invented token delays none");
    }

    #[tokio::test(start_paused = true)]
    async fn earlier_calls_are_no_probes() {
        let now = Instant::now();
        let mut circuit = opened(now);
        for evidence in [OUTAGE, Evidence::Works, Evidence::Undecided, Evidence::None] {
            assert_eq!(ended(&mut circuit, Role::Ordinary, evidence, now + SECOND), Change::None);
            assert!(circuit.role(true, now + SECOND).is_err());
            assert_eq!(circuit.role(true, now + 2 * SECOND), Ok(Role::Probe));
        }
    }

    #[test]
    fn retry_after_is_whole_seconds_and_not_zero() {
        for (wait, seconds) in [(Duration::ZERO, 1), (SECOND, 1), (SECOND + Duration::from_nanos(1), 2)] {
            assert_eq!(whole_seconds(wait).as_secs(), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), Duration::from_secs(u64::MAX));
    }
}
