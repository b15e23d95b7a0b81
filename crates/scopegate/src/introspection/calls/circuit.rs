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

/// The time for which a success of another token shows that failures may be about their tokens. A
/// token in use needs a call in 10 s by default.
const WORKS_FOR: Duration = Duration::from_secs(15);

/// The breaker. While it is open, one call at a time probes the endpoint.
#[derive(Default)]
pub(crate) struct Circuit {
    /// Consecutive failures.
    failures: usize,
    /// The tokens of these failures, at most [`FAILURES`] of them.
    failing: Vec<TokenDigest>,
    /// Accepted tokens whose next calls decided nothing, without a success since. If there are many
    /// of them, the tokens are not the reason.
    undecided: Vec<TokenDigest>,
    /// The last token that the endpoint has decided about, and the time.
    worked: Option<(TokenDigest, Instant)>,
    open: Option<Open>,
}

struct Open {
    cause: Cause,
    since: Instant,
    /// The time of the next probe. `None` while a probe is under way.
    probe_at: Option<ProbeAt>,
    /// The token of the last probe, if it failed. Other tokens probe before it, because the endpoint
    /// may fail for this token only.
    failed_probe: Option<TokenDigest>,
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

impl ProbeAt {
    fn after(wait: Duration, now: Instant) -> Self {
        Self { accepted: now + wait, other: now + wait + GRACE }
    }
}

impl Circuit {
    /// Returns the role of a call that begins now. `accepted` is the token, if it was accepted before.
    pub(crate) fn role(&self, accepted: Option<&TokenDigest>, now: Instant) -> Result<Role, Prevented> {
        let Some(open) = &self.open else { return Ok(Role::Ordinary) };
        let wait = match open.probe_at {
            Some(probe_at) => {
                let is_first = accepted.is_some() && accepted != open.failed_probe.as_ref();
                let probe_at = if is_first { probe_at.accepted } else { probe_at.other };
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
    pub(crate) fn works_since(&mut self, token: &TokenDigest, begun_at: Instant, now: Instant) {
        if self.open.as_ref().is_none_or(|open| open.since < begun_at) {
            self.works(token, now);
        }
    }

    /// Records the end of a call.
    pub(crate) fn end(
        &mut self,
        role: Role,
        token: &TokenDigest,
        was_accepted: bool,
        evidence: Evidence,
        now: Instant,
    ) {
        match role {
            Role::Probe => self.end_probe(token, was_accepted, evidence, now),
            // A call that began before the circuit opened delays no probe, and is none.
            Role::Ordinary if self.open.is_some() => {}
            Role::Ordinary => self.end_ordinary(token, was_accepted, evidence, now),
        }
    }

    fn end_ordinary(&mut self, token: &TokenDigest, was_accepted: bool, evidence: Evidence, now: Instant) {
        let cause = match evidence {
            Evidence::Works => return self.works(token, now),
            Evidence::None => return,
            Evidence::Undecided => {
                if was_accepted {
                    add(&mut self.undecided, token);
                }
                Cause::Outage
            }
            Evidence::Fails(cause) => {
                self.failures += 1;
                add(&mut self.failing, token);
                cause
            }
        };
        let fails = self.failures >= FAILURES && !self.works_for_others(now);
        if fails || self.undecided.len() >= FAILURES {
            let probe_at = Some(ProbeAt::after(PROBE_INTERVAL, now));
            let open = Open { cause, since: now, probe_at, failed_probe: None };
            *self = Self { open: Some(open), ..Self::default() };
        }
    }

    /// Returns whether the endpoint works for other tokens than the few that fail. The caller of one
    /// token must not suspend the calls for all of them.
    fn works_for_others(&self, now: Instant) -> bool {
        let is_other = |token: &TokenDigest| !self.failing.contains(token);
        self.failing.len() < FAILURES
            && self
                .worked
                .as_ref()
                .is_some_and(|(token, at)| is_other(token) && now.saturating_duration_since(*at) < WORKS_FOR)
    }

    fn end_probe(&mut self, token: &TokenDigest, was_accepted: bool, evidence: Evidence, now: Instant) {
        let Some(open) = &mut self.open else { return };
        let later = ProbeAt::after(PROBE_INTERVAL, now);
        match evidence {
            Evidence::Works => self.works(token, now),
            Evidence::Fails(cause) => {
                let failed_probe = Some(*token);
                *open = Open { cause, probe_at: Some(later), failed_probe, since: open.since };
            }
            // An accepted token is the better probe, and need not wait for this one.
            Evidence::Undecided | Evidence::None => {
                let accepted = if was_accepted { later.accepted } else { now };
                open.probe_at = Some(ProbeAt { accepted, ..later });
                if evidence == Evidence::Undecided {
                    open.failed_probe = Some(*token);
                }
            }
        }
    }

    fn works(&mut self, token: &TokenDigest, now: Instant) {
        *self = Self { worked: Some((*token, now)), ..Self::default() };
    }
}

/// Adds a token to a list of at most [`FAILURES`] different tokens.
fn add(tokens: &mut Vec<TokenDigest>, token: &TokenDigest) {
    if tokens.len() < FAILURES && !tokens.contains(token) {
        tokens.push(*token);
    }
}

/// Rounds up to whole seconds, at least one, for `Retry-After` (RFC 9110 §10.2.3).
pub(crate) fn whole_seconds(wait: Duration) -> Duration {
    let begun = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs().saturating_add(begun)).max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use scopegate_proto::token_digest::TokenDigests;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const OUTAGE: Evidence = Evidence::Fails(Cause::Outage);

    fn token(number: u8) -> TokenDigest {
        static DIGESTS: LazyLock<TokenDigests> = LazyLock::new(TokenDigests::default);
        DIGESTS.of(&[number])
    }

    /// Ends a call for a token that was not accepted before.
    fn ended(circuit: &mut Circuit, role: Role, evidence: Evidence, now: Instant) {
        circuit.end(role, &token(0), false, evidence, now);
    }

    /// Ends a call for a token that was accepted before. Returns whether the circuit is open.
    fn opens(circuit: &mut Circuit, number: u8, evidence: Evidence, now: Instant) -> bool {
        circuit.end(Role::Ordinary, &token(number), true, evidence, now);
        circuit.is_open()
    }

    fn opened(now: Instant) -> Circuit {
        let mut circuit = Circuit::default();
        for n in 1..=FAILURES {
            assert_eq!(circuit.role(None, now), Ok(Role::Ordinary));
            ended(&mut circuit, Role::Ordinary, OUTAGE, now);
            assert_eq!(circuit.is_open(), n == FAILURES);
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
        ended(&mut circuit, Role::Ordinary, Evidence::Works, now);
        for _ in 1..FAILURES {
            ended(&mut circuit, Role::Ordinary, OUTAGE, now);
        }
        // A call that decides nothing, or was not made, is neither success nor failure.
        for neither in [Evidence::Undecided, Evidence::None] {
            ended(&mut circuit, Role::Ordinary, neither, now);
            assert_eq!(circuit.role(None, now), Ok(Role::Ordinary));
        }
        ended(&mut circuit, Role::Ordinary, Evidence::Fails(Cause::Credentials), now);
        let prevented = Prevented { cause: Cause::Credentials, retry_after: 2 * SECOND };
        assert_eq!(circuit.role(Some(&token(1)), now), Err(prevented), "IN05");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_few_tokens_open_nothing_while_others_work() {
        // IN13
        let now = Instant::now();
        let mut circuit = Circuit::default();
        opens(&mut circuit, 9, Evidence::Works, now);
        assert!((0..100).all(|n| !opens(&mut circuit, n % 4, OUTAGE, now)), "four tokens");
        assert!(opens(&mut circuit, 4, OUTAGE, now), "the fifth token");
        let mut circuit = Circuit::default();
        opens(&mut circuit, 9, Evidence::Works, now);
        assert!((0..100).all(|_| !opens(&mut circuit, 0, OUTAGE, now + WORKS_FOR - SECOND)));
        assert!(opens(&mut circuit, 0, OUTAGE, now + WORKS_FOR), "no other token works");
        let mut circuit = Circuit::default();
        opens(&mut circuit, 0, Evidence::Works, now);
        assert!((1..5).all(|_| !opens(&mut circuit, 0, OUTAGE, now)));
        assert!(opens(&mut circuit, 0, OUTAGE, now), "it worked for this token only");
    }

    #[tokio::test(start_paused = true)]
    async fn different_accepted_tokens_that_fail_open_the_circuit() {
        // IN05
        let now = Instant::now();
        let mut circuit = Circuit::default();
        for n in 0..100 {
            circuit.end(Role::Ordinary, &token(n), false, Evidence::Undecided, now);
            assert!(!circuit.is_open(), "it may be invented");
            assert!(!opens(&mut circuit, 0, Evidence::Undecided, now), "one token");
        }
        opens(&mut circuit, 0, Evidence::Works, now);
        assert!((0..4).all(|n| !opens(&mut circuit, n, Evidence::Undecided, now)));
        assert!(opens(&mut circuit, 4, Evidence::Undecided, now));
    }

    #[tokio::test(start_paused = true)]
    async fn open_circuit_lets_one_probe_through() {
        let now = Instant::now();
        let mut circuit = opened(now);
        let known = token(1);
        let accepted = Some(&known);
        let prevented = |seconds| Err(Prevented { cause: Cause::Outage, retry_after: seconds * SECOND });
        assert_eq!(circuit.role(accepted, now + SECOND / 2), prevented(2));
        assert_eq!(circuit.role(accepted, now + SECOND), prevented(1));
        let later = now + 2 * SECOND;
        assert_eq!(circuit.role(accepted, later), Ok(Role::Probe));
        assert_eq!(circuit.role(accepted, later), Ok(Role::Probe), "no call has begun");
        circuit.begin(Role::Probe);
        assert_eq!(circuit.role(accepted, later), prevented(2));
        ended(&mut circuit, Role::Probe, OUTAGE, later + SECOND);
        assert_eq!(circuit.role(accepted, later + 2 * SECOND), prevented(1));
        assert_eq!(circuit.role(accepted, later + 3 * SECOND), Ok(Role::Probe));
        circuit.begin(Role::Probe);
        ended(&mut circuit, Role::Probe, Evidence::Works, later);
        assert_eq!(circuit.role(None, later), Ok(Role::Ordinary));
    }

    #[tokio::test(start_paused = true)]
    async fn accepted_token_probes_before_others() {
        // IN05
        let now = Instant::now();
        let mut circuit = opened(now);
        let due = now + 2 * SECOND;
        assert!(circuit.role(None, due).is_err());
        assert_eq!(circuit.role(None, due + GRACE), Ok(Role::Probe));
        circuit.begin(Role::Probe);
        let late = due + GRACE;
        ended(&mut circuit, Role::Probe, Evidence::Undecided, late);
        assert!(circuit.role(None, late + SECOND).is_err());
        assert_eq!(circuit.role(Some(&token(1)), late), Ok(Role::Probe), "an invented token delays none");
    }

    #[tokio::test(start_paused = true)]
    async fn token_of_a_failed_probe_probes_after_others() {
        // IN13, IN15
        for evidence in [OUTAGE, Evidence::Undecided] {
            let now = Instant::now();
            let mut circuit = opened(now);
            circuit.begin(Role::Probe);
            circuit.end(Role::Probe, &token(1), true, evidence, now);
            let due = now + 2 * SECOND;
            assert!(circuit.role(Some(&token(1)), due).is_err());
            assert_eq!(circuit.role(Some(&token(2)), due), Ok(Role::Probe));
            assert_eq!(circuit.role(Some(&token(1)), due + GRACE), Ok(Role::Probe), "it may be alone");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn earlier_calls_are_no_probes() {
        let now = Instant::now();
        let mut circuit = opened(now);
        for evidence in [OUTAGE, Evidence::Works, Evidence::Undecided, Evidence::None] {
            ended(&mut circuit, Role::Ordinary, evidence, now + SECOND);
            assert!(circuit.role(Some(&token(1)), now + SECOND).is_err());
            assert_eq!(circuit.role(Some(&token(1)), now + 2 * SECOND), Ok(Role::Probe));
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
