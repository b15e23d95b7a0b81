//! The run: each hostile request, and valid tokens between them.

use crate::conform::Report;
use crate::conform::answers;
use crate::conform::authority::Authority;
use crate::conform::check::{About, Check, Credentials, Group, Level, Outcome, Played};
use crate::conform::exchange::Exchange;
use crate::conform::fetches;
use crate::conform::response::{NoResponse, Response};
use crate::conform::suite;
use crate::conform::target::{Target, Verdict};

pub(super) struct Player<'a> {
    authority: &'a Authority,
    target: &'a Target,
    requests: usize,
    exchanges: Vec<Exchange>,
    played: Vec<Played>,
    /// The requests after which the API has fetched keys of the attacker.
    fetched_after: Vec<String>,
    stopped: Option<String>,
}

/// The result of one attempt.
enum Attempted {
    Rejected,
    Accepted,
    /// The reason why the response is no rejection.
    Undecided(String),
}

/// The answer to a token of a key that is new or withdrawn.
pub(super) enum Answer {
    Accepted,
    /// The token was rejected with this status.
    Rejected(u16),
    /// The API has failed with this status.
    Failed(u16),
    /// The reason why the answer says nothing about the token.
    Unclear(String),
}

impl<'a> Player<'a> {
    pub(super) fn new(authority: &'a Authority, target: &'a Target) -> Self {
        Self {
            authority,
            target,
            requests: 0,
            exchanges: Vec::new(),
            played: Vec::new(),
            fetched_after: Vec::new(),
            stopped: None,
        }
    }

    /// Creates the player of a run that did not begin.
    pub(super) fn stopped(authority: &'a Authority, target: &'a Target, reason: String) -> Self {
        let mut player = Self::new(authority, target);
        player.played.push(Played { about: VALID_TOKEN, outcome: Outcome::Undecided(reason.clone()) });
        player.stopped = Some(reason);
        player
    }

    pub(super) fn authority(&self) -> &'a Authority {
        self.authority
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    pub(super) fn add(&mut self, about: About, outcome: Outcome) {
        self.played.push(Played { about, outcome });
    }

    /// Plays the checks of a group, and a valid token after them.
    ///
    /// A rejection counts only if the API still accepts a valid token.
    pub(super) async fn play_group(&mut self, group: Group) {
        let first = self.played.len();
        let offers_dpop = self.offers_dpop();
        for check in suite::checks(group, self.authority, offers_dpop) {
            self.play(check).await;
        }
        if self.stopped.is_none()
            && let Err(reason) = self.send_valid().await
        {
            self.stopped = Some(format!("{reason} after the checks of \"{}\"", group.title()));
        }
        if group == Group::Keys {
            self.judge_fetches();
        }
        if let Some(reason) = self.stopped.clone() {
            for played in self.played.iter_mut().skip(first) {
                if matches!(played.outcome, Outcome::Passed) {
                    played.outcome = Outcome::Undecided(reason.clone());
                }
            }
        }
    }

    fn judge_fetches(&mut self) {
        // A fetch in the background may come after the response to its token.
        if self.fetched_after.is_empty() && self.authority.fetches_of_other() > 0 {
            self.fetched_after.push("a token of this group".to_owned());
        }
        self.add(fetches::FETCHED_URL, fetches::outcome(&self.fetched_after));
    }

    async fn play(&mut self, check: Check) {
        let Check { about, attempts, skipped } = check;
        if let Some(reason) = skipped {
            return self.add(about, Outcome::Skipped(reason));
        }
        let (mut accepted, mut undecided) = (Vec::new(), Vec::new());
        for attempt in attempts {
            if self.stopped.is_some() {
                break;
            }
            match self.attempt(about.id, attempt.label, &attempt.credentials).await {
                Attempted::Rejected => {}
                Attempted::Accepted => accepted.push(attempt.label.to_owned()),
                Attempted::Undecided(reason) => undecided.push(format!("{}: {reason}", attempt.label)),
            }
        }
        undecided.extend(self.stopped.clone());
        let outcome = match (accepted.is_empty(), undecided.is_empty()) {
            (false, _) => Outcome::Failed(accepted),
            (true, false) => Outcome::Undecided(undecided.join("; ")),
            (true, true) => Outcome::Passed,
        };
        self.add(about, outcome);
    }

    async fn attempt(
        &mut self,
        check: &'static str,
        label: &'static str,
        credentials: &Credentials,
    ) -> Attempted {
        let fetched = self.authority.fetches_of_other();
        let response = self.send(credentials).await;
        if self.authority.fetches_of_other() > fetched {
            self.fetched_after.push(format!("{check} ({label})"));
        }
        let result = match &response {
            Ok(response) => self.attempted(response),
            // The API may have failed because of the request, or may not be there any more.
            Err(none) => match self.send_valid().await {
                Ok(()) if none.is_closed && check == suite::OVERSIZED => Attempted::Rejected,
                Ok(()) => Attempted::Undecided(none.reason.clone()),
                Err(valid) => {
                    self.stopped = Some(format!("{valid} after \"{check}\" ({label}): {}", none.reason));
                    Attempted::Undecided(none.reason.clone())
                }
            },
        };
        self.exchanges.push(Exchange { check, label, response });
        result
    }

    fn attempted(&self, response: &Response) -> Attempted {
        match (self.target.verdict(response), response.status) {
            (Verdict::Accepted, _) => Attempted::Accepted,
            (Verdict::Rejected, _) => Attempted::Rejected,
            (Verdict::Limited, _) => Attempted::Undecided(LIMITED.to_owned()),
            (Verdict::Unclear, status @ (404 | 410)) => Attempted::Undecided(format!(
                "{status} may be about the path; use --rejection {status} if the API rejects tokens so"
            )),
            (Verdict::Unclear, status) => Attempted::Undecided(format!("{status} is no rejection")),
        }
    }

    /// Returns whether a response so far offers DPoP.
    fn offers_dpop(&self) -> bool {
        let mut responses = self.exchanges.iter().filter_map(|exchange| exchange.response.as_ref().ok());
        responses.any(|response| response.offers_dpop)
    }

    async fn send(&mut self, credentials: &Credentials) -> Result<Response, NoResponse> {
        self.requests += 1;
        self.target.send(credentials).await
    }

    /// Sends a token, and returns the answer to it.
    pub(super) async fn answer(&mut self, token: &str) -> Answer {
        let response = match self.send(&Credentials::bearer(token)).await {
            Ok(response) => response,
            Err(none) => return Answer::Unclear(format!("the API does not respond: {}", none.reason)),
        };
        match self.target.verdict(&response) {
            Verdict::Accepted => Answer::Accepted,
            Verdict::Rejected => Answer::Rejected(response.status),
            Verdict::Limited => Answer::Unclear(LIMITED.to_owned()),
            Verdict::Unclear => Answer::Failed(response.status),
        }
    }

    /// Sends a valid token. Returns the reason if it is not accepted.
    async fn send_valid(&mut self) -> Result<(), String> {
        let token = self.authority.valid();
        self.accepts_valid(&token).await
    }

    /// Sends this token, which is valid. Returns the reason if it is not accepted.
    pub(super) async fn accepts_valid(&mut self, token: &str) -> Result<(), String> {
        match self.send(&Credentials::bearer(token)).await {
            Ok(response) if self.target.accepts(&response) => Ok(()),
            Ok(Response { status: 429, .. }) => Err(LIMITED.to_owned()),
            Ok(response) => Err(format!("the API does not accept a valid token ({})", response.status)),
            Err(none) => Err(format!("the API does not respond to a valid token ({})", none.reason)),
        }
    }

    /// Adds the checks of all responses so far.
    pub(super) async fn judge_answers(&mut self) {
        if !self.is_stopped() {
            let credentials = Credentials::headers([format!("bearer {}", self.authority.valid())]);
            self.attempt(answers::SCHEME.id, "lower case", &credentials).await;
        }
        let has_scope = !self.authority.names().scopes.is_empty();
        self.played.extend(answers::checks(&self.exchanges, self.target, has_scope));
    }

    pub(super) fn into_report(self, target: &Target, deny_warnings: bool) -> Report {
        Report {
            url: target.shown(),
            tokens: self.authority.described(),
            requests: self.requests,
            stopped: self.stopped,
            played: self.played,
            deny_warnings,
        }
    }
}

const LIMITED: &str = "the API limits requests (429): switch the limit off for the test";

const VALID_TOKEN: About = About {
    id: "valid-token",
    group: Group::Credentials,
    level: Level::Hole,
    title: "a valid token is accepted",
    reference: "RFC 6750 §2.1",
    harm: "No check means anything if the API rejects every token.",
};
