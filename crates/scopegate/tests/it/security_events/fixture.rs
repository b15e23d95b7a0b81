//! A verifier with one token, and the receiver that feeds its revocations.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scopegate::{
    Error, Issuer, Received, Revocations, SecurityEventError, SecurityEvents, Transmitter, Verifier,
};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{
    CLIENT, ISSUER, KEY, NOW, Token, accepted, builder_at, client_token, issuer_with_keys, jwks, rejected,
};

/// The receiver's name at the transmitter.
pub(super) const RECEIVER: &str = "https://api.example/security-events";

/// A transmitter other than the issuer of the tokens.
pub(super) const HUB: &str = "https://events.example";

pub(super) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(super) fn store() -> Revocations {
    Revocations::builder().clock(|| at(NOW)).build()
}

pub(super) fn verifier(revocations: &Revocations) -> Verifier {
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    builder_at(NOW).trust(issuer).revocations(revocations).build().unwrap()
}

/// The issuer of the tokens as a transmitter.
pub(super) fn transmitter() -> Transmitter {
    Transmitter::new(issuer_with_keys([KEY.jwk()]).audience(RECEIVER))
}

/// Another transmitter, with the same key.
pub(super) fn hub() -> Transmitter {
    Transmitter::new(Issuer::from_jwks(HUB, &jwks([KEY.jwk()])).unwrap().audience(RECEIVER))
}

/// A token of a user's session, issued 5 s ago.
pub(super) fn token() -> Mint {
    let token = client_token().claim("jti", "id-1").claim("sub", "user-1").claim("sid", "session-1");
    token.issued_at(NOW - 5).expires_at(NOW + 60)
}

pub(super) fn iss_sub(issuer: &str, subject: &str) -> Value {
    json!({ "format": "iss_sub", "iss": issuer, "sub": subject })
}

pub(super) fn opaque(id: &str) -> Value {
    json!({ "format": "opaque", "id": id })
}

/// A SET without events, issued now.
pub(super) fn empty_set(issuer: &str) -> Mint {
    Mint::security_event(issuer, RECEIVER).issued_at(NOW).claim("jti", "set-1")
}

/// A SET that revokes the token.
pub(super) fn set() -> Mint {
    empty_set(ISSUER).event(Mint::SESSION_REVOKED, json!({})).claim("sub_id", iss_sub(ISSUER, "user-1"))
}

/// The output of a future that waits for nothing.
#[track_caller]
pub(super) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// A receiver whose verifier has accepted the token.
pub(super) struct Fixture {
    pub(super) revocations: Revocations,
    pub(super) verifier: Verifier,
    pub(super) events: SecurityEvents,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(transmitter())
    }

    pub(super) fn with(transmitter: Transmitter) -> Self {
        let revocations = store();
        let verifier = verifier(&revocations);
        let events = SecurityEvents::builder(&verifier).transmitter(transmitter).start().unwrap();
        accepted(&verifier, &token());
        accepted(&verifier, &token());
        Self { revocations, verifier, events }
    }

    /// The result of a SET that needs no fetch.
    #[track_caller]
    pub(super) fn receive(&self, set: &(impl Token + ?Sized)) -> Result<Received, SecurityEventError> {
        ready(self.events.receive(set.compact()))
    }

    #[track_caller]
    pub(super) fn applied(&self, set: &Mint) -> usize {
        match self.receive(set).expect("the SET was rejected") {
            Received::Applied { revocations, .. } => revocations,
            other => panic!("{other:?}"),
        }
    }

    /// The claim by which a token is revoked.
    #[track_caller]
    pub(super) fn revoked_by(&self, token: &Mint) -> Option<&'static str> {
        let new = verifier(&self.revocations);
        let by = |verifier: &Verifier| match verifier.verify(token.compact()) {
            Ok(_) => None,
            Err(Error::Revoked { claim, source, .. }) => {
                assert!(source.starts_with("security events of "), "{source}");
                Some(claim)
            }
            Err(error) => panic!("{error:?}"),
        };
        // A cached token and a new one have the same result.
        assert_eq!(by(&self.verifier), by(&new));
        by(&new)
    }

    /// Asserts that a SET is rejected with this code and changes nothing, and that it is accepted
    /// without the defect.
    #[track_caller]
    pub(super) fn assert_rejected(set: &(impl Token + ?Sized), code: &str) -> SecurityEventError {
        let fixture = Self::new();
        let error = fixture.receive(set).expect_err("the SET was accepted");
        assert_eq!((error.code(), error.retry_after()), (code, None), "{error:?}");
        assert_eq!(fixture.revocations.status().entries, 0);
        accepted(&fixture.verifier, &token());
        // Its id was not recorded.
        assert_eq!(fixture.applied(&self::set()), 1);
        rejected(&fixture.verifier, &token());
        error
    }
}
