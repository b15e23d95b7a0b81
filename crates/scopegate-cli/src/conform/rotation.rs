//! Key rotation, which takes minutes: a new key must be accepted, and a withdrawn key rejected.

use std::time::Duration;

use scopegate_issuer::{Mint, SigningKey};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::conform::authority::Authority;
use crate::conform::check::{About, Group, Level, Outcome};
use crate::conform::play::{Answer, Player};
use crate::conform::settings::TimeLimit;
use crate::terminal;

/// The number of attempts in the time of a check.
const ATTEMPTS: u32 = 60;

/// The seconds that a token stays valid after the time of a check, for its last request.
const RESERVE: u64 = 60;

/// Makes a new key. The earlier one stays published.
pub(super) async fn new_key(player: &mut Player<'_>, limit: TimeLimit) {
    if player.is_stopped() {
        return player.add(NEW_KEY, Outcome::Undecided(STOPPED.to_owned()));
    }
    terminal::tell(&format!("Waiting until a new key is accepted, for up to {limit} …\n"));
    let earlier = player.authority().key();
    player.authority().trusted().rotate();
    let outcome = passes(player, Authority::valid, &earlier, limit, |answer, valid| match (answer, valid) {
        (Answer::Accepted, _) => Outcome::Passed,
        (_, Err(reason)) | (Answer::Unclear(reason), Ok(())) => Outcome::Undecided(reason),
        (Answer::Rejected(status) | Answer::Failed(status), Ok(())) => Outcome::Failed(vec![format!(
            "a token of the new key is still rejected after {limit} ({status})"
        )]),
    })
    .await;
    player.add(NEW_KEY, outcome);
}

/// Makes a new key, and withdraws the others.
pub(super) async fn withdrawn_key(player: &mut Player<'_>, limit: TimeLimit) {
    if player.is_stopped() {
        return player.add(WITHDRAWN_KEY, Outcome::Undecided(STOPPED.to_owned()));
    }
    terminal::tell(&format!("Waiting until a withdrawn key is rejected, for up to {limit} …\n"));
    let authority = player.authority();
    let token = authority.sign(&lasting(authority.mint(), limit));
    if let Err(reason) = player.accepts_valid(&token).await {
        return player.add(WITHDRAWN_KEY, Outcome::Undecided(format!("{reason} before the withdrawal")));
    }
    authority.trusted().rotate_without_overlap();
    let outcome = passes(
        player,
        |_| token.clone(),
        &authority.key(),
        limit,
        |answer, valid| match (answer, valid) {
            (Answer::Accepted, _) => {
                Outcome::Failed(vec![format!("a token of the withdrawn key is still accepted after {limit}")])
            }
            (_, Err(reason)) | (Answer::Unclear(reason), Ok(())) => Outcome::Undecided(reason),
            (Answer::Failed(status), Ok(())) => {
                Outcome::Undecided(format!("the API fails at the withdrawn key ({status})"))
            }
            (Answer::Rejected(_), Ok(())) => Outcome::Passed,
        },
    )
    .await;
    player.add(WITHDRAWN_KEY, outcome);
}

/// Returns the token with a lifetime that is longer than the time. Its end must not look like that of
/// its key.
fn lasting(mint: Mint, limit: TimeLimit) -> Mint {
    let end = Authority::now(&mint).saturating_add(limit.0.as_secs()).saturating_add(RESERVE);
    let expiry = mint.claims().get("exp").and_then(Value::as_u64).unwrap_or_default();
    mint.expires_at(expiry.max(end))
}

/// Sends a token until the check passes, or the time is over. Returns the last outcome.
///
/// A valid token of the other key follows each time. A rejection counts only if that one is accepted.
/// After a withdrawal, it also causes an API to fetch the keys.
async fn passes(
    player: &mut Player<'_>,
    token: impl Fn(&Authority) -> String,
    valid: &SigningKey,
    limit: TimeLimit,
    judge: impl Fn(Answer, Result<(), String>) -> Outcome,
) -> Outcome {
    let pause = (limit.0 / ATTEMPTS).max(Duration::from_secs(1));
    let end = Instant::now() + limit.0;
    loop {
        let answer = player.answer(&token(player.authority())).await;
        let valid = player.authority().mint().sign_with(valid);
        let outcome = judge(answer, player.accepts_valid(&valid).await);
        if matches!(outcome, Outcome::Passed) || Instant::now() + pause > end {
            return outcome;
        }
        sleep(pause).await;
    }
}

const STOPPED: &str = "the API has stopped to accept valid tokens before";

const NEW_KEY: About = About {
    id: "new-key",
    group: Group::Rotation,
    level: Level::Hole,
    title: "a new key of the issuer is accepted",
    reference: "OpenID Connect Core §10.1.1",
    harm: "Your API rejects every caller after the issuer has rotated its keys.",
};

const WITHDRAWN_KEY: About = About {
    id: "withdrawn-key",
    group: Group::Rotation,
    level: Level::Hole,
    title: "a withdrawn key of the issuer",
    reference: "OpenID Connect Core §10.1.1",
    harm: "An attacker who has stolen a key of the issuer can use it after its withdrawal.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn withdrawn_token_outlives_the_time() {
        // Tokens of Keycloak expire after 5 min, and those of Auth0 after a day.
        let limit = TimeLimit(Duration::from_secs(900));
        let keycloak = Mint::keycloak("https://issuer.example", "client");
        let auth0 = Mint::auth0("issuer.example", "client");
        for (mint, expected) in [(keycloak, 960), (auth0, 86_400)] {
            let mint = lasting(mint, limit);
            let expiry = mint.claims().get("exp").and_then(Value::as_u64).unwrap();
            assert_eq!(expiry - Authority::now(&mint), expected);
        }
    }
}
