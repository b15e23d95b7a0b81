//! The record of rejected tokens for each API, which bounds the tokens that an API can cause. It is
//! a state machine without I/O and clock.
//!
//! Other APIs may accept a token that one API rejects, so the token is discarded for this API only.
//! If the API rejects the next token as well, more tokens are unlikely to help, so the cooldown
//! doubles.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::token::{AccessToken, TokenId};

/// Maximum of the cooldown. If the configured cooldown is longer, that is the maximum.
const MAX_COOLDOWN: Duration = Duration::from_secs(3_600);

/// Maximum number of recorded APIs. A program has a layer for each API, and calls a handful.
const MAX_APIS: usize = 64;

/// The rejections of one token source.
pub(crate) struct Rejections {
    cooldown: Duration,
    by_api: Vec<Rejection>,
}

struct Rejection {
    /// The origin, or `None` if the program did not name it.
    api: Option<Arc<str>>,
    /// The token that was discarded.
    token: TokenId,
    at: Instant,
    cooldown: Duration,
    /// A newer token that was rejected during the cooldown.
    again: Option<TokenId>,
}

impl Rejections {
    pub(crate) fn new(cooldown: Duration) -> Self {
        Self { cooldown, by_api: Vec::new() }
    }

    /// Records that this API rejected the current token. Returns whether the token is discarded for
    /// this API, which happens once per cooldown.
    pub(crate) fn rejected(&mut self, api: Option<&Arc<str>>, token: &AccessToken, now: Instant) -> bool {
        let Some(entry) = self.by_api.iter_mut().find(|entry| entry.api.as_ref() == api) else {
            self.forget_one();
            let (api, cooldown) = (api.cloned(), self.cooldown);
            self.by_api.push(Rejection { api, token: token.id(), at: now, cooldown, again: None });
            return true;
        };
        if entry.token.is_of(token) {
            return false;
        }
        let is_again = entry.again.as_ref().is_some_and(|again| again.is_of(token));
        if now < entry.at + entry.cooldown {
            if !is_again {
                entry.cooldown = (entry.cooldown * 2).min(MAX_COOLDOWN.max(self.cooldown));
                entry.again = Some(token.id());
            }
            return false;
        }
        if !is_again {
            // The API has accepted this token, or did not receive it during the cooldown.
            entry.cooldown = self.cooldown;
        }
        (entry.token, entry.at) = (token.id(), now);
        true
    }

    /// Returns the APIs for which this token was discarded.
    pub(crate) fn of(&self, token: &AccessToken) -> impl Iterator<Item = &Arc<str>> {
        self.by_api.iter().filter(|entry| entry.token.is_of(token)).filter_map(|entry| entry.api.as_ref())
    }

    fn forget_one(&mut self) {
        if self.by_api.len() >= MAX_APIS
            && let Some(oldest) =
                (0..self.by_api.len()).min_by_key(|index| self.by_api.get(*index).map(|entry| entry.at))
        {
            self.by_api.swap_remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::TokenScopes;

    const COOLDOWN: Duration = Duration::from_secs(30);

    fn token() -> AccessToken {
        AccessToken::new("t", TokenScopes::default(), Instant::now(), None).unwrap()
    }

    fn api(name: &str) -> Arc<str> {
        name.into()
    }

    fn given_up_for(rejections: &Rejections, token: &AccessToken) -> String {
        rejections.of(token).map(|api| &**api).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn rejected_token_is_discarded_once_per_cooldown() {
        // E18, FR-D1
        let (now, api) = (Instant::now(), api("one"));
        let mut rejections = Rejections::new(COOLDOWN);
        let (old, new) = (token(), token());
        assert!(rejections.rejected(Some(&api), &old, now));
        assert!(!rejections.rejected(Some(&api), &old, now), "it is already discarded");
        assert!(rejections.rejected(Some(&api), &new, now + COOLDOWN));
        assert_eq!(
            (given_up_for(&rejections, &old).as_str(), given_up_for(&rejections, &new).as_str()),
            ("", "one")
        );
    }

    #[test]
    fn repeated_rejection_doubles_cooldown_up_to_one_hour() {
        // FR-D1
        let (start, api) = (Instant::now(), api("one"));
        let mut rejections = Rejections::new(COOLDOWN);
        let (mut now, mut current) = (start, token());
        let mut waits = Vec::new();
        for _ in 0..10 {
            assert!(rejections.rejected(Some(&api), &current, now));
            current = token();
            let since = now;
            // The API is called each second.
            loop {
                assert!(now < since + Duration::from_secs(3_601));
                if rejections.by_api[0].at + rejections.by_api[0].cooldown <= now {
                    break;
                }
                assert!(!rejections.rejected(Some(&api), &current, now));
                now += Duration::from_secs(1);
            }
            waits.push(now.duration_since(since).as_secs());
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600, 3_600]);
    }

    #[test]
    fn accepted_token_resets_the_cooldown() {
        // FR-D1
        let (now, api) = (Instant::now(), api("one"));
        let mut rejections = Rejections::new(COOLDOWN);
        let (first, second, third) = (token(), token(), token());
        assert!(rejections.rejected(Some(&api), &first, now));
        assert!(!rejections.rejected(Some(&api), &second, now));
        assert_eq!(rejections.by_api[0].cooldown, 2 * COOLDOWN);
        let later = now + 2 * COOLDOWN;
        assert!(
            rejections.rejected(Some(&api), &third, later),
            "the second token was accepted until it was renewed"
        );
        assert_eq!(rejections.by_api[0].cooldown, COOLDOWN);
    }

    #[test]
    fn apis_do_not_affect_each_other() {
        // FR-D2
        let now = Instant::now();
        let mut rejections = Rejections::new(COOLDOWN);
        let token = token();
        assert!(rejections.rejected(Some(&api("one")), &token, now));
        assert_eq!(given_up_for(&rejections, &token), "one");
        assert!(rejections.rejected(Some(&api("two")), &token, now));
        assert!(rejections.rejected(None, &token, now));
        assert_eq!(given_up_for(&rejections, &token), "one two");
    }

    #[test]
    fn remembered_apis_are_bounded() {
        // FR-D2
        let now = Instant::now();
        let mut rejections = Rejections::new(COOLDOWN);
        let token = token();
        for n in 0..=MAX_APIS {
            assert!(rejections.rejected(
                Some(&api(&n.to_string())),
                &token,
                now + Duration::from_secs(n as u64)
            ));
            assert_eq!(rejections.by_api.len(), (n + 1).min(MAX_APIS));
        }
        let oldest_is_left = rejections.of(&token).any(|api| &**api == "0");
        assert!(!oldest_is_left, "the oldest entry is removed");
    }
}
