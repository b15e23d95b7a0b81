//! The run: each hostile request, and valid tokens between them.

use crate::conform::Report;
use crate::conform::answers;
use crate::conform::authority::Authority;
use crate::conform::check::{About, Check, Credentials, Group, Level, Outcome, Played};
use crate::conform::exchange::Exchange;
use crate::conform::suite;
use crate::conform::target::{Response, Target};

pub(super) struct Player<'a> {
    authority: &'a Authority,
    target: &'a Target,
    requests: usize,
    exchanges: Vec<Exchange>,
    played: Vec<Played>,
    stopped: Option<String>,
}

/// The result of one attempt.
enum Attempted {
    Rejected,
    Accepted,
    /// The API has fetched keys of the attacker.
    Fetched,
    Undecided(String),
}

/// The answer to a token of a key that is new or withdrawn.
pub(super) enum Answer {
    Accepted,
    /// The token was answered with this status, which is not the one of an accepted request.
    Rejected(u16),
    /// The reason why the answer says nothing about the token.
    Unclear(String),
}

impl<'a> Player<'a> {
    pub(super) fn new(authority: &'a Authority, target: &'a Target) -> Self {
        Self { authority, target, requests: 0, exchanges: Vec::new(), played: Vec::new(), stopped: None }
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
        for check in suite::checks(group, self.authority) {
            self.play(check).await;
        }
        if self.stopped.is_none()
            && let Err(reason) = self.send_valid().await
        {
            self.stopped = Some(format!("{reason} after the checks of \"{}\"", group.title()));
        }
        if let Some(reason) = self.stopped.clone() {
            for played in self.played.iter_mut().skip(first) {
                if matches!(played.outcome, Outcome::Passed) {
                    played.outcome = Outcome::Undecided(reason.clone());
                }
            }
        }
    }

    async fn play(&mut self, check: Check) {
        let Check { about, attempts, skipped } = check;
        if let Some(reason) = skipped {
            return self.add(about, Outcome::Skipped(reason));
        }
        let (mut accepted, mut undecided) = (Vec::new(), None);
        for attempt in attempts {
            if self.stopped.is_some() {
                break;
            }
            match self.attempt(about.id, attempt.label, &attempt.credentials).await {
                Attempted::Rejected => {}
                Attempted::Accepted => accepted.push(attempt.label.to_owned()),
                Attempted::Fetched => accepted.push(format!("{}: the URL was fetched", attempt.label)),
                Attempted::Undecided(reason) => undecided = Some(reason),
            }
        }
        let undecided = undecided.or_else(|| self.stopped.clone());
        let outcome = match undecided {
            _ if !accepted.is_empty() => Outcome::Failed(accepted),
            Some(reason) => Outcome::Undecided(reason),
            None => Outcome::Passed,
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
        let result = match &response {
            Ok(response) if self.target.accepts(response) => Attempted::Accepted,
            _ if self.authority.fetches_of_other() > fetched => Attempted::Fetched,
            Ok(Response { status: 429, .. }) => Attempted::Undecided(LIMITED.to_owned()),
            Ok(_) => Attempted::Rejected,
            // The API may have failed because of the request, or may not be there any more.
            Err(reason) => match self.send_valid().await {
                Ok(()) => Attempted::Rejected,
                Err(valid) => {
                    self.stopped = Some(format!("{valid} after \"{check}\": {reason}"));
                    Attempted::Undecided(reason.clone())
                }
            },
        };
        self.exchanges.push(Exchange { check, label, response });
        result
    }

    pub(super) async fn send(&mut self, credentials: &Credentials) -> Result<Response, String> {
        self.requests += 1;
        self.target.send(credentials).await
    }

    /// Sends a token, and returns the answer to it.
    pub(super) async fn answer(&mut self, token: &str) -> Answer {
        match self.send(&Credentials::bearer(token)).await {
            Ok(response) if self.target.accepts(&response) => Answer::Accepted,
            Ok(Response { status: 429, .. }) => Answer::Unclear(LIMITED.to_owned()),
            Ok(Response { status, .. }) => Answer::Rejected(status),
            Err(reason) => Answer::Unclear(format!("the API does not respond: {reason}")),
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
            Ok(response) => Err(format!("the API rejects a valid token ({})", response.status)),
            Err(_) => Err("the API does not respond to a valid token".to_owned()),
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
            requests: self.requests,
            stopped: self.stopped,
            played: self.played,
            deny_warnings,
        }
    }
}

const LIMITED: &str = "the API limits requests (429)";

const VALID_TOKEN: About = About {
    id: "valid-token",
    group: Group::Credentials,
    level: Level::Hole,
    title: "a valid token is accepted",
    reference: "RFC 6750 §2.1",
    harm: "No check means anything if the API rejects every token.",
};
