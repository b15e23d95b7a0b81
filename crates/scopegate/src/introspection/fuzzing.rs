//! Access for the fuzz target of responses. It exists only with the cfg `fuzzing`.
#![allow(missing_docs, missing_debug_implementations, reason = "no part of the API")]

use std::time::Duration;

use http::StatusCode;
use scopegate_proto::sent_secrets::SentSecrets;
use zeroize::Zeroizing;

use crate::introspection::endpoint::Received;
use crate::introspection::responses::judgement::{Rules, Unaccepted};
use crate::introspection::responses::outcome::Outcome;
use crate::introspection::responses::statement::Statement;
use crate::token::numeric_date::NumericDate;

/// A response as an endpoint may send it.
pub struct Response<'a> {
    pub status: u16,
    pub content_type: Option<&'a str>,
    pub has_challenge: bool,
    pub is_tokeninfo: bool,
    pub body: &'a [u8],
}

/// The outcome for the caller. The texts are for the log.
#[derive(Debug, PartialEq)]
pub enum Judged {
    Accepted { client: Option<String>, audience: Vec<String>, expires_at: f64, is_bound: bool },
    Inactive,
    Rejected(String),
    Undecided(String),
    Misconfigured(String),
}

impl Response<'_> {
    /// Judges the response by the rules of an issuer.
    pub(crate) fn judge_by(&self, rules: &Rules<'_>, now: f64) -> Judged {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let received = Received {
            status,
            content_type: self.content_type.map(str::to_owned),
            retry_after: None,
            has_challenge: self.has_challenge,
            body: Zeroizing::new(self.body.to_vec()),
            secrets: SentSecrets::default(),
        };
        let received = if self.is_tokeninfo { received.of_tokeninfo() } else { Ok(received) };
        let failed = |failure: crate::introspection::responses::failure::Failure| match failure.outcome() {
            Outcome::Misconfigured => Judged::Misconfigured(failure.to_string()),
            _ => Judged::Undecided(failure.to_string()),
        };
        let received = match received {
            Ok(received) => received,
            Err(failure) => return failed(failure),
        };
        let now = NumericDate::from(std::time::UNIX_EPOCH + Duration::from_secs_f64(now));
        match received.read() {
            Err(failure) => failed(failure),
            Ok(Statement::Inactive) => Judged::Inactive,
            Ok(Statement::Active(members)) => match rules.check(&members, now) {
                Ok(judged) => Judged::Accepted {
                    client: judged.issued_for.client.map(|client| client.into_owned()),
                    audience: judged.issued_for.audience.into_iter().map(|one| one.into_owned()).collect(),
                    expires_at: judged.lifetime.expires_at.as_secs_f64(),
                    is_bound: judged.is_bound,
                },
                Err(Unaccepted::Rejected(error)) => Judged::Rejected(error.to_string()),
                Err(Unaccepted::Malformed(error)) => Judged::Undecided(error.to_string()),
            },
        }
    }
}
