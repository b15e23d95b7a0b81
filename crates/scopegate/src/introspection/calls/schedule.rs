//! Does a token cause a call? The schedule holds the state that all tokens of an issuer share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::token_digest::TokenDigest;
use tokio::time::Instant;

use crate::introspection::calls::accepted::AcceptedTokens;
use crate::introspection::calls::budget::{Budget, UnseenTokens};
use crate::introspection::calls::call::Call;
use crate::introspection::calls::circuit::{Cause, Evidence, Role, whole_seconds};
use crate::introspection::calls::circuits::{Change, Circuits, Ended};
use crate::introspection::calls::class::Class;
use crate::introspection::calls::origin::Origin;
use crate::introspection::calls::rejected::RejectedTokens;
use crate::introspection::calls::tally::Tally;
use crate::introspection::responses::outcome::{Outcome, Rejection};
use crate::status::introspection::{IntrospectionStatus, IntrospectionSuspended};

/// The calls under way, the rejected tokens, and the bounds on new calls.
pub(crate) struct Schedule {
    calls: HashMap<TokenDigest, Arc<Call>>,
    known_calls: usize,
    unseen_calls: usize,
    rejected: RejectedTokens,
    accepted: Arc<AcceptedTokens>,
    budget: Budget,
    circuits: Circuits,
    pub(crate) tally: Tally,
}

/// The decision about a token without a current result.
pub(crate) enum Step {
    Rejected(Rejection),
    /// Another request has begun the call.
    Joined(Arc<Call>),
    Begun(Arc<Call>, Ticket),
    /// No call is made.
    Prevented(Outcome, Reason),
}

/// The properties of a call that count at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) role: Role,
    pub(crate) class: Class,
    was_accepted: bool,
    begun_at: Instant,
}

/// The reason why a call is prevented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The circuit is open.
    Suspended,
    OverBudget,
    QueueFull,
}

/// Maximum number of calls at the same time, and so of connections: for known tokens, and again for
/// unseen ones. Invented tokens must not delay known ones.
pub(crate) const MAX_CALLS: usize = 64;

/// Maximum number of calls that wait for a place, for each [`Class`]. Each holds a token.
const MAX_QUEUED: usize = 1_024;

const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Schedule {
    pub(crate) fn new(unseen: UnseenTokens, accepted: Arc<AcceptedTokens>, now: Instant) -> Self {
        Self {
            calls: HashMap::new(),
            known_calls: 0,
            unseen_calls: 0,
            rejected: RejectedTokens::default(),
            accepted,
            budget: Budget::new(unseen, now),
            circuits: Circuits::default(),
            tally: Tally::default(),
        }
    }

    /// Continues with the tokens that an earlier schedule has accepted.
    pub(crate) fn continue_with(&mut self, accepted: Arc<AcceptedTokens>) {
        self.accepted = accepted;
    }

    /// Decides about a token. A known token does not count against the budget, so a flood of
    /// invented tokens delays none.
    pub(crate) fn ask(&mut self, digest: &TokenDigest, origin: Origin, now: Instant) -> Step {
        if let Some(rejection) = self.rejected.find(digest, now) {
            return Step::Rejected(rejection);
        }
        if let Some(call) = self.calls.get(digest) {
            return Step::Joined(Arc::clone(call));
        }
        let was_accepted = self.accepted.contains(digest);
        let is_known = was_accepted || origin == Origin::Verified;
        let class = if is_known { Class::Known } else { Class::Unseen };
        let role = match self.circuits.role(class, was_accepted.then_some(digest), now) {
            Ok(role) => role,
            Err(prevented) => {
                let outcome = match prevented.cause {
                    Cause::Outage => {
                        let requested = whole_seconds(self.tally.busy_for(now));
                        Outcome::Undecided { retry_after: prevented.retry_after.max(requested) }
                    }
                    Cause::Credentials => Outcome::Misconfigured,
                };
                return Step::Prevented(outcome, Reason::Suspended);
            }
        };
        // A probe needs no place.
        if role == Role::Ordinary && *self.under_way(class) >= MAX_CALLS + MAX_QUEUED {
            return Step::Prevented(Outcome::Undecided { retry_after: RETRY_AFTER }, Reason::QueueFull);
        }
        if class == Class::Unseen && !self.budget.take(now) {
            let outcome = Outcome::Undecided { retry_after: Budget::retry_after() };
            return Step::Prevented(outcome, Reason::OverBudget);
        }
        self.circuits.begin(class, role);
        *self.under_way(class) += 1;
        let call = Arc::new(Call::new(class));
        self.calls.insert(*digest, Arc::clone(&call));
        Step::Begun(call, Ticket { role, class, was_accepted, begun_at: now })
    }

    /// Begins the renewal of a result, if no other call is in the way.
    pub(crate) fn renew(&mut self, digest: &TokenDigest, now: Instant) -> Option<(Arc<Call>, Ticket)> {
        if self.circuits.is_open(Class::Known) || self.known_calls >= MAX_CALLS {
            return None;
        }
        match self.ask(digest, Origin::Verified, now) {
            Step::Begun(call, ticket) => Some((call, ticket)),
            Step::Rejected(_) | Step::Joined(_) | Step::Prevented(..) => None,
        }
    }

    /// Ends the call of a token.
    pub(crate) fn end(
        &mut self,
        digest: &TokenDigest,
        ticket: Ticket,
        outcome: &Outcome,
        evidence: Evidence,
        now: Instant,
    ) -> Change {
        self.calls.remove(digest);
        let under_way = self.under_way(ticket.class);
        *under_way = under_way.saturating_sub(1);
        match outcome {
            Outcome::Active(_) => self.accepted.insert(digest),
            Outcome::Rejected(rejection) => {
                self.accepted.remove(digest);
                self.rejected.insert(*digest, rejection.clone(), now);
            }
            Outcome::Undecided { .. } | Outcome::Misconfigured => {}
        }
        let Ticket { role, class, was_accepted, begun_at } = ticket;
        self.circuits.end(&Ended { token: digest, was_accepted, class, role, begun_at }, evidence, now)
    }

    /// Adds the state of the calls.
    pub(crate) fn report(&self, status: IntrospectionStatus) -> IntrospectionStatus {
        let suspended = self.circuits.cause().map(|cause| match cause {
            Cause::Outage => IntrospectionSuspended::Outage,
            Cause::Credentials => IntrospectionSuspended::Credentials,
        });
        let calls_under_way = self.calls.len();
        self.tally.report(IntrospectionStatus { suspended, calls_under_way, ..status })
    }

    /// Returns whether ordinary calls of this class are suspended.
    pub(crate) fn is_suspended(&self, class: Class) -> bool {
        self.circuits.is_open(class)
    }

    fn under_way(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Known => &mut self.known_calls,
            Class::Unseen => &mut self.unseen_calls,
        }
    }
}

impl Reason {
    /// Returns the label in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::OverBudget => "over_budget",
            Self::QueueFull => "queue_full",
        }
    }
}

#[cfg(test)]
mod tests;
