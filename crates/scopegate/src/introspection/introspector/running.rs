//! A call under way, in a task of its own. A client that disconnects does not end it.

use std::sync::Arc;

use scopegate_proto::token_digest::TokenDigest;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use crate::introspection::call::Call;
use crate::introspection::circuit::Role;
use crate::introspection::failure::Failure;
use crate::introspection::introspector::{Introspector, Judge};
use crate::introspection::judgement::NotAccepted;
use crate::introspection::outcome::{Outcome, Rejection};
use crate::introspection::response::Statement;
use crate::keys::refresh::catch_panic::catch_panic;

/// A call that runs. If it is dropped before its end, its runtime has ended.
pub(super) struct Running {
    pub(super) introspector: Arc<Introspector>,
    pub(super) digest: TokenDigest,
    pub(super) call: Arc<Call>,
    pub(super) role: Role,
    pub(super) is_known: bool,
    pub(super) has_ended: bool,
}

impl Running {
    /// Sends the token, and ends the call.
    pub(super) async fn run(mut self, token: Zeroizing<String>, judge: Judge) {
        let mut asked_at = Instant::now();
        let limit = self.introspector.settings.time_limit;
        // Clocks and subscribers are the application's code.
        let attempt = catch_panic(Box::pin(self.attempt(&token, judge, &mut asked_at)));
        let result = match timeout(limit, attempt).await {
            Ok(Ok(result)) => result,
            Ok(Err(message)) => Err(Failure::Panicked(message)),
            Err(_) => Err(Failure::TooSlow(limit)),
        };
        self.has_ended = true;
        self.introspector.end(&self, asked_at, result);
    }

    async fn attempt(&self, token: &str, judge: Judge, asked_at: &mut Instant) -> Result<Outcome, Failure> {
        let introspector = &*self.introspector;
        let calls = if self.is_known { &introspector.known_calls } else { &introspector.unseen_calls };
        let _permit = calls.acquire().await;
        *asked_at = Instant::now();
        let received = introspector.endpoint.ask(token, introspector.caller.clock.now()).await?;
        match received.read()? {
            Statement::Inactive => Ok(Outcome::Rejected(Rejection::Inactive)),
            Statement::Active(members) => {
                match judge(token, &self.digest, &members, introspector.caller.clock.now().into()) {
                    Ok(claims) => Ok(Outcome::Active(claims)),
                    Err(NotAccepted::Rejected(error)) => {
                        Ok(Outcome::Rejected(Rejection::ByRule(Box::new(error))))
                    }
                    Err(NotAccepted::Malformed(error)) => Err(Failure::Member(error)),
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            self.introspector.end(self, Instant::now(), Err(Failure::Ended));
        }
    }
}
