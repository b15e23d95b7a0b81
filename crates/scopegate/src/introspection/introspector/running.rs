//! A call under way. It has a task of its own and does not end with a client that disconnects.

use std::sync::Arc;
use std::time::SystemTime;

use scopegate_proto::http::HttpError;
use scopegate_proto::token_digest::TokenDigest;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use crate::background::catch_panic::catch_panic;
use crate::introspection::calls::call::Call;
use crate::introspection::calls::circuit::Role;
use crate::introspection::calls::class::Class;
use crate::introspection::calls::schedule::Ticket;
use crate::introspection::endpoint::Received;
use crate::introspection::introspector::{Asked, Introspector, Judge};
use crate::introspection::responses::failure::Failure;
use crate::introspection::responses::judgement::Unaccepted;
use crate::introspection::responses::outcome::{Outcome, Rejection};
use crate::introspection::responses::statement::Statement;

/// A call that runs. A drop before its end means that its runtime has ended.
pub(super) struct Running {
    pub(super) introspector: Arc<Introspector>,
    pub(super) digest: TokenDigest,
    pub(super) call: Arc<Call>,
    pub(super) ticket: Ticket,
    pub(super) has_ended: bool,
}

impl Running {
    /// Waits for a place, sends the token and ends the call. The time limit of the request begins
    /// with its place. The endpoint is not the reason for the wait.
    pub(super) async fn run(mut self, token: Zeroizing<String>, judge: Judge) {
        let introspector = Arc::clone(&self.introspector);
        let limit = introspector.settings.time_limit;
        let mut asked = Asked::never();
        let result = match self.place(&introspector).await {
            Err(failure) => Err(failure),
            Ok(_place) => {
                // Clocks and subscribers are the application's code.
                let attempt = catch_panic(Box::pin(self.attempt(&token, judge, &mut asked)));
                let ended = timeout(limit, attempt).await;
                match ended {
                    Ok(Ok(result)) => result,
                    Ok(Err(message)) => Err(Failure::Panicked(message)),
                    Err(_) if asked.is_sent => Err(Failure::TooSlow(limit)),
                    Err(_) => Err(Failure::SlowCredentials(limit)),
                }
            }
        };
        self.has_ended = true;
        introspector.end(&self, asked, result);
    }

    /// Waits for a place among the calls of its class. The time limit of a call applies to the wait
    /// too. A probe needs no place. Calls that hang must not delay it.
    async fn place<'i>(
        &self,
        introspector: &'i Introspector,
    ) -> Result<Option<SemaphorePermit<'i>>, Failure> {
        if self.ticket.role == Role::Probe {
            return Ok(None);
        }
        let limit = introspector.settings.time_limit;
        let places = introspector.places(self.ticket.class);
        let Ok(place) = timeout(limit, places.acquire()).await else { return Err(Failure::NoPlace(limit)) };
        // The endpoint has failed meanwhile.
        if introspector.schedule().is_suspended(self.ticket.class) {
            return Err(Failure::Suspended);
        }
        // It is never closed.
        Ok(place.ok())
    }

    async fn attempt(&self, token: &str, judge: Judge, asked: &mut Asked) -> Result<Outcome, Failure> {
        let introspector = &*self.introspector;
        let now = introspector.caller.clock.now();
        *asked = Asked { at: Instant::now(), on: now.into(), is_sent: false };
        let received = self.ask(token, now, asked).await?;
        let verified;
        let statement = match &introspector.endpoint.signer {
            None => received.read()?,
            Some(signer) => {
                // Later, the request ends. The outcome then says that it was slow, and not why.
                let deadline = asked.at + introspector.settings.time_limit * 9 / 10;
                let clock = &*introspector.caller.clock;
                verified = signer.verify(received.jwt()?, clock, deadline).await?;
                Statement::read(signer.read(&verified, clock.now().into())?)?
            }
        };
        match statement {
            Statement::Inactive => Ok(Outcome::Rejected(Rejection::Inactive)),
            Statement::Active(members) => {
                match judge(token, &self.digest, &members, introspector.caller.clock.now().into()) {
                    Ok(claims) => Ok(Outcome::Active(claims)),
                    Err(Unaccepted::Rejected(error)) => {
                        Ok(Outcome::Rejected(Rejection::ByRule(Arc::new(error))))
                    }
                    Err(Unaccepted::Malformed(error)) => Err(Failure::Member(error)),
                }
            }
        }
    }

    /// Sends the token. A known token is sent once more if the server closes the connection without
    /// a response, which may have been idle for too long. Introspection changes nothing at the server.
    async fn ask(&self, token: &str, now: SystemTime, asked: &mut Asked) -> Result<Received, Failure> {
        let endpoint = &self.introspector.endpoint;
        let request = endpoint.request(token, now).await?;
        asked.is_sent = true;
        match endpoint.send(request, now).await {
            Err(Failure::Http(HttpError::NoResponse { .. })) if self.ticket.class == Class::Known => {
                // An assertion is for one request.
                endpoint.send(endpoint.request(token, now).await?, now).await
            }
            result => result,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            let asked = Asked::never();
            let introspector = Arc::clone(&self.introspector);
            introspector.end(self, asked, Err(Failure::Ended));
        }
    }
}
