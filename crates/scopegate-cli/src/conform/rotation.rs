//! Key rotation, which takes minutes: a new key must be accepted, and a withdrawn key rejected.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::conform::check::{About, Group, Level, Outcome};
use crate::conform::play::Player;
use crate::conform::settings::TimeLimit;
use crate::terminal;

/// The number of attempts in the time of a check.
const ATTEMPTS: u32 = 60;

/// Makes a new key. The earlier one stays published.
pub(super) async fn new_key(player: &mut Player<'_>, limit: TimeLimit) {
    if player.is_stopped() {
        return player.add(NEW_KEY, Outcome::Undecided(STOPPED.to_owned()));
    }
    terminal::tell(&format!("Waiting until a new key is accepted, for up to {limit} …\n"));
    player.authority().trusted().rotate();
    let token = player.authority().valid();
    let outcome = if becomes(player, &token, true, limit).await {
        Outcome::Passed
    } else {
        Outcome::Failed(vec![format!("a token of the new key is still rejected after {limit}")])
    };
    player.add(NEW_KEY, outcome);
}

/// Makes a new key, and withdraws the others.
pub(super) async fn withdrawn_key(player: &mut Player<'_>, limit: TimeLimit) {
    if player.is_stopped() {
        return player.add(WITHDRAWN_KEY, Outcome::Undecided(STOPPED.to_owned()));
    }
    terminal::tell(&format!("Waiting until a withdrawn key is rejected, for up to {limit} …\n"));
    let withdrawn = player.authority().key();
    let token = player.authority().mint().sign_with(&withdrawn);
    if !player.accepts(&token).await {
        return player.add(WITHDRAWN_KEY, Outcome::Undecided("the API rejects the key before".to_owned()));
    }
    player.authority().trusted().rotate_without_overlap();
    let outcome = if becomes(player, &token, false, limit).await {
        Outcome::Passed
    } else {
        Outcome::Failed(vec![format!("a token of the withdrawn key is still accepted after {limit}")])
    };
    player.add(WITHDRAWN_KEY, outcome);
}

/// Sends the token until it is accepted, or rejected. Returns whether this happened in time.
///
/// Tokens of the current key are sent as well, because they cause an API to fetch the keys.
async fn becomes(player: &mut Player<'_>, token: &str, accepted: bool, limit: TimeLimit) -> bool {
    let pause = (limit.0 / ATTEMPTS).max(Duration::from_secs(1));
    let end = Instant::now() + limit.0;
    loop {
        let current = player.authority().valid();
        player.accepts(&current).await;
        if player.accepts(token).await == accepted {
            return true;
        }
        if Instant::now() + pause > end {
            return false;
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
