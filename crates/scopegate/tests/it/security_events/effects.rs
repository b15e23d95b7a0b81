//! Which tokens does an accepted event revoke, and for how long?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scopegate::{Issuer, Received, Revocations, SecurityEventError, SecurityEvents, Tenants, Transmitter};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{CLIENT, ISSUER, KEY, NOW, Token as _, accepted, issuer_with_keys};

use super::fixture::{
    Fixture, HUB, RECEIVER, at, empty_set, hub, iss_sub, opaque, ready, set, store, token, transmitter,
    verifier,
};

/// A SET of this issuer about a subject.
fn about(issuer: &str, event: &str, details: Value, subject: Value) -> Mint {
    empty_set(issuer).event(event, details).claim("sub_id", subject)
}

fn session_revoked(subject: Value) -> Mint {
    about(ISSUER, Mint::SESSION_REVOKED, json!({}), subject)
}

fn credential_change(change: &Value) -> Mint {
    let details = json!({ "credential_type": "password", "change_type": change });
    about(ISSUER, Mint::CREDENTIAL_CHANGE, details, iss_sub(ISSUER, "user-1"))
}

#[test]
fn revoked_session_is_found_by_its_id() {
    // RV06
    let other = token().claim("sid", "session-2");
    let complex = json!({ "format": "complex", "session": opaque("session-1") });
    let fixture = Fixture::new();
    assert_eq!(fixture.applied(&session_revoked(complex)), 1);
    assert_eq!(fixture.revoked_by(&token()), Some("sid"));
    assert_eq!(fixture.revoked_by(&other), None);
}

#[test]
fn session_and_user_are_both_revoked() {
    let fixture = Fixture::new();
    let complex = json!({ "user": iss_sub(ISSUER, "user-1"), "session": opaque("session-1") });
    assert_eq!(fixture.applied(&session_revoked(complex)), 2);
    // Tokens may have no `sid`.
    assert_eq!(fixture.revoked_by(&token().without_claim("sid")), Some("sub"));
    assert_eq!(fixture.revoked_by(&token().claim("sub", "user-2")), Some("sid"));
    let new = token().issued_at(NOW).claim("sid", "session-2").claim("exp", NOW + 60);
    assert_eq!(fixture.revoked_by(&new), Some("sub"), "a token of the event's second");
}

#[test]
fn session_named_by_its_user_revokes_the_user() {
    let set = session_revoked(json!({ "session": iss_sub(ISSUER, "user-1") }));
    let fixture = Fixture::new();
    assert_eq!(fixture.applied(&set), 1);
    assert_eq!(fixture.revoked_by(&token()), Some("sub"));
    // A session may have the same id as the user.
    let same_id = token().claim("sub", "user-2").claim("sid", "user-1");
    assert_eq!(fixture.revoked_by(&same_id), None);
}

#[test]
fn token_named_by_its_id_is_revoked() {
    // RV06
    let jwt_id = |issuer: &str, id: &str| json!({ "format": "jwt_id", "iss": issuer, "jti": id });
    let credential =
        |subject| about(ISSUER, Mint::CREDENTIAL_CHANGE, json!({ "change_type": "revoke" }), subject);
    for set in [
        session_revoked(jwt_id(ISSUER, "id-1")),
        session_revoked(json!({ "session": jwt_id(ISSUER, "id-1") })),
        credential(jwt_id(ISSUER, "id-1")),
    ] {
        let fixture = Fixture::new();
        assert_eq!(fixture.applied(&set), 1);
        assert_eq!(fixture.revoked_by(&token()), Some("jti"));
        assert_eq!(fixture.revoked_by(&token().claim("jti", "id-2")), None);
    }
    Fixture::assert_rejected(&session_revoked(jwt_id(HUB, "id-1")), "access_denied");
}

#[test]
fn one_alias_that_tokens_have_is_enough() {
    // RV06
    let email = json!({ "format": "email", "email": "user@example.com" });
    let aliases =
        |identifiers: Value| session_revoked(json!({ "format": "aliases", "identifiers": identifiers }));
    let fixture = Fixture::new();
    let (own, foreign) = (iss_sub(ISSUER, "user-1"), iss_sub(HUB, "user-1"));
    assert_eq!(fixture.applied(&aliases(json!([email, foreign, own]))), 1);
    assert_eq!(fixture.revoked_by(&token()), Some("sub"));
    let none = Fixture::new();
    assert_eq!(none.receive(&aliases(json!([email]))).unwrap(), Received::Ignored);
    Fixture::assert_rejected(&aliases(json!([email, foreign])), "access_denied");
    Fixture::assert_rejected(&aliases(json!([])), "invalid_request");
}

#[test]
fn opaque_id_is_a_session_or_a_user() {
    for (id, by) in [("session-1", "sid"), ("user-1", "sub")] {
        let fixture = Fixture::new();
        assert_eq!(fixture.applied(&session_revoked(opaque(id))), 2);
        assert_eq!(fixture.revoked_by(&token()), Some(by));
    }
}

#[test]
fn subject_of_earlier_drafts_is_read() {
    let fixture = Fixture::new();
    let details = json!({ "subject": iss_sub(ISSUER, "user-1") });
    let set = empty_set(ISSUER).event(Mint::SESSION_REVOKED, details.clone());
    assert_eq!(fixture.applied(&set), 1);
    assert_eq!(fixture.revoked_by(&token()), Some("sub"));
    // Two subjects could differ.
    Fixture::assert_rejected(&set.claim("sub_id", iss_sub(ISSUER, "user-1")), "invalid_request");
}

#[test]
fn changed_credential_revokes_earlier_tokens() {
    // RV06
    for change in ["revoke", "update", "delete"] {
        let fixture = Fixture::new();
        assert_eq!(fixture.applied(&credential_change(&json!(change))), 1, "{change}");
        assert_eq!(fixture.revoked_by(&token()), Some("sub"));
    }
    // A new credential ends nothing.
    let fixture = Fixture::new();
    assert_eq!(fixture.receive(&credential_change(&json!("create"))).unwrap(), Received::Ignored);
    assert_eq!(fixture.revoked_by(&token()), None);
    for change in [json!("replace"), json!(null), json!(1)] {
        Fixture::assert_rejected(&credential_change(&change), "invalid_request");
    }
}

#[test]
fn credential_change_of_opaque_user_leaves_sessions() {
    let details = json!({ "credential_type": "pin", "change_type": "revoke" });
    let set = |id| about(ISSUER, Mint::CREDENTIAL_CHANGE, details.clone(), opaque(id));
    let fixture = Fixture::new();
    assert_eq!(fixture.applied(&set("session-1")), 1);
    assert_eq!(fixture.revoked_by(&token()), None);
    assert_eq!(fixture.applied(&set("user-1").claim("jti", "set-2")), 1);
    assert_eq!(fixture.revoked_by(&token()), Some("sub"));
}

#[test]
fn time_of_event_bounds_revoked_tokens() {
    // RV02
    let at_time = |details: Value| about(ISSUER, Mint::SESSION_REVOKED, details, iss_sub(ISSUER, "user-1"));
    // The token was issued at NOW - 5.
    for (set, revoked) in [
        (at_time(json!({ "event_timestamp": NOW - 5 })), true),
        (at_time(json!({ "event_timestamp": NOW - 6 })), false),
        (at_time(json!({})).claim("toe", NOW - 5), true),
        (at_time(json!({})).claim("toe", NOW - 6), false),
        (at_time(json!({ "event_timestamp": NOW - 5 })).claim("toe", NOW - 6), true),
        (at_time(json!({})).issued_at(NOW - 5), true),
        (at_time(json!({})).issued_at(NOW - 6), false),
    ] {
        let fixture = Fixture::new();
        fixture.applied(&set);
        assert_eq!(fixture.revoked_by(&token()).is_some(), revoked, "{:?}", set.claims());
    }
}

#[test]
fn time_after_the_set_is_replaced_by_iat() {
    // RV02: a transmitter cannot revoke tokens of the future, and a wrong unit costs no event.
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::INFO);
    let set = |event: Value, toe: Value| {
        let set = about(ISSUER, Mint::SESSION_REVOKED, event, iss_sub(ISSUER, "user-1"));
        set.issued_at(NOW - 5).claim("toe", toe)
    };
    let new = token().issued_at(NOW - 4).claim("exp", NOW + 60);
    for (milliseconds, expected) in [
        (set(json!({ "event_timestamp": NOW * 1_000 }), json!(null)), true),
        (set(json!({ "event_timestamp": 1e300 }), json!(null)), true),
        (set(json!({}), json!(NOW * 1_000)), true),
        (set(json!({ "event_timestamp": NOW - 4 }), json!(null)), true),
        (set(json!({ "event_timestamp": NOW - 5 }), json!(NOW * 1_000)), false),
    ] {
        let fixture = Fixture::new();
        assert_eq!(fixture.applied(&milliseconds), 1);
        assert_eq!(fixture.revoked_by(&token()), Some("sub"));
        assert_eq!(fixture.revoked_by(&new), None, "it was issued after the SET");
        let logged = log.take();
        assert_eq!(logged.contains("a time after iat"), expected, "{logged}");
    }
    // Malformed is not absent.
    for time in [json!("now"), json!([NOW]), json!(true)] {
        Fixture::assert_rejected(&set(json!({ "event_timestamp": time }), json!(null)), "invalid_request");
        Fixture::assert_rejected(&set(json!({}), time), "invalid_request");
    }
}

#[test]
fn transmitter_revokes_for_its_own_issuer_only() {
    let foreign = about(HUB, Mint::SESSION_REVOKED, json!({}), iss_sub(ISSUER, "user-1"));
    let fixture = Fixture::with(hub());
    let error = fixture.receive(&foreign).unwrap_err();
    assert_eq!(error.code(), "access_denied");
    assert!(matches!(&error, SecurityEventError::ForeignSubject { transmitter, .. } if transmitter == HUB));
    assert_eq!(error.to_string(), format!("{HUB} may not revoke tokens of the subject's issuer {ISSUER:?}"));
    // Its own names are no names of the other issuer.
    let own = about(HUB, Mint::SESSION_REVOKED, json!({}), opaque("user-1"));
    assert_eq!(fixture.applied(&own), 2);
    assert_eq!(fixture.revoked_by(&token()), None);

    let fixture = Fixture::with(hub().subject_issuer(ISSUER));
    assert_eq!(fixture.applied(&foreign), 1);
    assert_eq!(fixture.revoked_by(&token()), Some("sub"));
    // An id without an issuer is revoked for both.
    let fixture = Fixture::with(hub().subject_issuer(ISSUER));
    assert_eq!(fixture.applied(&own), 4);
    assert_eq!(fixture.revoked_by(&token()), Some("sub"));
}

#[test]
fn subject_that_tokens_do_not_name_is_logged() {
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::INFO);
    let fixture = Fixture::new();
    let email = session_revoked(json!({ "format": "email", "email": "user@example.com" }));
    assert_eq!(fixture.receive(&email).unwrap(), Received::Ignored);
    let logged = log.take();
    assert!(logged.contains("WARN") && logged.contains("subject that tokens do not name"), "{logged}");
    assert!(!logged.contains("user@example.com"), "{logged}");
    assert_eq!(fixture.receive(&email).unwrap(), Received::Repeated);
    assert_eq!(log.take(), "");
    // A session is revoked, and the user's tokens without `sid` are not.
    let user = json!({ "format": "email", "email": "user@example.com" });
    let both = session_revoked(json!({ "user": user, "session": opaque("session-1") }));
    assert_eq!(fixture.applied(&both.claim("jti", "set-2")), 1);
    assert!(log.take().contains("subject that tokens do not name"));
    let known = session_revoked(json!({ "user": iss_sub(ISSUER, "user-1"), "session": opaque("session-1") }));
    assert_eq!(fixture.applied(&known.claim("jti", "set-3")), 2);
    assert!(!log.take().contains("subject that tokens do not name"));
}

#[test]
fn effects_and_rejections_are_logged_without_subjects() {
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::INFO);
    let fixture = Fixture::new();
    fixture.applied(&set());
    let logged = log.take();
    assert!(logged.contains("security event received") && logged.contains("revocations=1"), "{logged}");
    fixture.receive(&set().claim("sub_id", json!({ "format": "iss_sub", "sub": "user-1" }))).unwrap_err();
    let rejected = log.take();
    assert!(
        rejected.contains("security event rejected") && rejected.contains("invalid_request"),
        "{rejected}"
    );
    assert!(!logged.contains("user-1") && !rejected.contains("user-1"));
}

#[test]
fn full_store_asks_transmitter_to_repeat() {
    let now = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&now);
    let revocations =
        Revocations::builder().capacity(1).clock(move || at(clock.load(Ordering::Relaxed))).build();
    let verifier = verifier(&revocations);
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter());
    let events = events.longest_token_lifetime(Duration::from_secs(100)).start().unwrap();
    let receive = |set: &Mint| ready(events.receive(set.compact()));
    let other = session_revoked(iss_sub(ISSUER, "user-2"));
    assert!(receive(&other).is_ok());
    let second = set().claim("jti", "set-2");
    let error = receive(&second).unwrap_err();
    assert!(matches!(error, SecurityEventError::NotStored(_)), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    accepted(&verifier, &token());
    // The first entry ends 600 s after the last token that it can be about.
    now.store(NOW + 699, Ordering::Relaxed);
    assert!(receive(&second).is_err());
    now.store(NOW + 700, Ordering::Relaxed);
    assert!(matches!(receive(&second), Ok(Received::Applied { .. })), "its id was not recorded");
}

#[test]
fn entry_stays_without_a_longest_lifetime() {
    // RV04
    let now = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&now);
    let revocations =
        Revocations::builder().capacity(2).clock(move || at(clock.load(Ordering::Relaxed))).build();
    let verifier = verifier(&revocations);
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter()).start().unwrap();
    ready(events.receive(set().compact())).unwrap();
    now.store(NOW + 1_000_000_000, Ordering::Relaxed);
    // Entries that have ended make room for each other.
    for n in 0..100 {
        let other = scopegate::Revocation::session(ISSUER, n.to_string()).ends_at(at(NOW));
        revocations.revoke(other).unwrap();
    }
    assert!(revocations.status().entries <= 2);
    assert!(testkit::rejected(&verifier, &token()).to_string().contains("revoked"));
}

#[test]
fn end_of_receiver_is_reported_and_frees_transmitter() {
    // RV08
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::INFO);
    let Fixture { revocations, verifier, events } = Fixture::new();
    let failure = || revocations.status().sources[0].last_failure.clone();
    let another = |transmitters: [Transmitter; 2]| {
        let builder = SecurityEvents::builder(&verifier);
        transmitters.into_iter().fold(builder, scopegate::SecurityEventsBuilder::transmitter).start()
    };
    let error = another([hub(), transmitter()]).unwrap_err().to_string();
    assert!(error.contains("transmitter: expected one receiver for each transmitter"), "{error}");
    let clone = events.clone();
    drop(events);
    assert_eq!((failure(), log.take().as_str()), (None, ""), "a clone is left");
    drop(clone);
    assert_eq!(failure().as_deref(), Some("its receiver was dropped"));
    let logged = log.take();
    assert!(logged.contains("ERROR") && logged.contains("revocation feed failed"), "{logged}");
    // The failed start has claimed none.
    let events = another([hub(), transmitter()]).unwrap();
    assert_eq!(failure(), None);
    assert!(matches!(ready(events.receive(set().compact())), Ok(Received::Applied { .. })));
    // If the store is gone too, there is nothing to report.
    drop((verifier, revocations));
    drop(events);
    assert!(!log.take().contains("failed"));
}

#[test]
fn unusable_settings_are_rejected() {
    let revocations = store();
    let verifier = verifier(&revocations);
    let builder = || SecurityEvents::builder(&verifier);
    let message = |builder: scopegate::SecurityEventsBuilder| builder.start().unwrap_err().to_string();
    assert!(message(builder()).contains("transmitters: expected at least one"));
    let twice = builder().transmitter(transmitter()).transmitter(transmitter());
    assert!(message(twice).contains("trusted twice"));
    let without = testkit::verifier_for_audience();
    let without = SecurityEvents::builder(&without).transmitter(transmitter());
    assert!(message(without).contains("expected a verifier with revocations"));
    for seconds in [0, 367 * 24 * 3_600] {
        let lifetime = Duration::from_secs(seconds);
        let builder = builder().transmitter(transmitter()).longest_token_lifetime(lifetime);
        assert!(message(builder).contains("1 s to 366 days"));
    }
    let draft = || issuer_with_keys([KEY.jwk()]);
    let empty = draft().audience("");
    let of_many_tenants = Issuer::entra_multi_tenant(Tenants::allow_any()).audience(RECEIVER);
    for (issuer, expected) in [
        (draft().client(CLIENT), "an issuer with audiences"),
        (draft().allow_any_audience(), "an issuer with audiences"),
        (draft().audience(RECEIVER).client(CLIENT), "an issuer with audiences only"),
        (draft().audience(RECEIVER).allow_missing_iss(), "events have `iss`"),
        (of_many_tenants, "an issuer with one name"),
        (empty, "at least one audience"),
    ] {
        let found = message(builder().transmitter(Transmitter::new(issuer)));
        assert!(found.contains(expected), "{found}");
    }
    let many =
        |count: usize| transmitter().subject_issuers((0..count).map(|n| format!("https://{n}.example")));
    assert!(builder().transmitter(many(16)).start().is_ok());
    assert!(message(builder().transmitter(many(17))).contains("at most 16 subject issuers"));
    let fetched = Issuer::from_jwks_uri(ISSUER, "https://issuer.example/jwks").unwrap().audience(RECEIVER);
    assert!(builder().transmitter(Transmitter::new(fetched)).start().is_err(), "built without a runtime");
}
