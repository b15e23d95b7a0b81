//! Is a revoked token rejected at each use, and no other token?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::{Error, ErrorKind, Issuer, Revocation, Revocations, Verifier};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use testkit::{
    CLIENT, ISSUER, KEY, NOW, OTHER_KEY, Token as _, accepted, assert_rejected, builder_at, client_token,
    issuer_with_keys, jwks, rejected,
};
use tracing_subscriber::filter::LevelFilter;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn store() -> Revocations {
    Revocations::builder().clock(|| at(NOW)).build()
}

fn verifier(revocations: &Revocations) -> Verifier {
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    builder_at(NOW).trust(issuer).revocations(revocations).build().unwrap()
}

fn token() -> Mint {
    client_token().claim("jti", "id-1").claim("sub", "user-1").claim("sid", "session-1")
}

/// Asserts that this revocation rejects the token, new or cached, and none of the others.
#[track_caller]
fn assert_revokes(revocation: &Revocation, by: &str, token: &Mint, others: &[Mint]) {
    let (revocations, token) = (store(), token.compact());
    let verifier = verifier(&revocations);
    accepted(&verifier, &token);
    accepted(&verifier, &token);
    for other in others {
        accepted(&verifier, other);
    }
    revocations.revoke(revocation.clone()).unwrap();
    let new = self::verifier(&revocations);
    for verifier in [&verifier, &verifier, &new, &new] {
        let error = rejected(verifier, &token);
        assert!(
            matches!(&error, Error::Revoked { issuer, claim, source, .. }
                if issuer == ISSUER && *claim == by && source == "application"),
            "{error:?}"
        );
        for other in others {
            accepted(verifier, other);
        }
    }
    revocations.withdraw(revocation);
    accepted(&verifier, &token);
    accepted(&new, &token);
}

#[test]
fn token_is_revoked_by_its_id() {
    // RV01, RV03
    let others = [token().claim("jti", "id-2"), token().claim("jti", "ID-1"), token().without_claim("jti")];
    assert_revokes(&Revocation::token(ISSUER, "id-1"), "jti", &token(), &others);
    // The same id of another issuer, and the same name of another kind.
    let revocations = store();
    revocations.revoke(Revocation::token(format!("{ISSUER}/"), "id-1")).unwrap();
    revocations.revoke(Revocation::session(ISSUER, "id-1")).unwrap();
    revocations.revoke(Revocation::token(ISSUER, "session-1")).unwrap();
    accepted(&verifier(&revocations), &token());
}

#[test]
fn subject_and_client_are_revoked_by_time_of_issue() {
    // RV02, RV03
    let token = token().issued_at(NOW - 5).expires_at(NOW + 60);
    let later = token.clone().issued_at(NOW - 4).expires_at(NOW + 60);
    let of_other = |claim: &str| token.clone().claim(claim, "other");
    let subject = Revocation::subject(ISSUER, "user-1", at(NOW - 5));
    let others = [later.clone(), of_other("sub"), token.clone().without_claim("sub")];
    assert_revokes(&subject, "sub", &token, &others);
    assert_revokes(&Revocation::client(ISSUER, CLIENT, at(NOW - 5)), "client_id", &token, &[later]);
    // Without `iat`, it counts as issued before.
    for revocation in
        [Revocation::subject(ISSUER, "user-1", at(1)), Revocation::client(ISSUER, CLIENT, at(1))]
    {
        let revocations = store();
        revocations.revoke(revocation).unwrap();
        let undated = token.clone().without_claim("iat");
        assert_rejected!(verifier(&revocations), undated, Error::Revoked { .. });
        accepted(&verifier(&revocations), &token);
    }
}

#[test]
fn tokens_of_a_session_are_revoked_together() {
    let other = token().claim("sid", "session-2");
    let others = [other, token().without_claim("sid"), token().claim("sid", "")];
    assert_revokes(&Revocation::session(ISSUER, "session-1"), "sid", &token(), &others);
    // A session that cannot be compared is rejected where sessions may be revoked.
    let number = token().claim("sid", 7);
    let error = rejected(&verifier(&store()), &number);
    assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "sid"), "{error:?}");
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    accepted(&builder_at(NOW).trust(issuer).build().unwrap(), &number);
}

#[test]
fn tokens_of_a_key_are_revoked_however_they_name_it() {
    let (kid, other_kid) = (KEY.jwk()["kid"].clone(), OTHER_KEY.jwk()["kid"].clone());
    let kid = kid.as_str().unwrap();
    let revocations = store();
    let only_key = verifier(&revocations);
    let issuer = issuer_with_keys([KEY.jwk(), OTHER_KEY.jwk()]).client(CLIENT);
    let both = builder_at(NOW).trust(issuer).revocations(&revocations).build().unwrap();
    let of_other = token().header("kid", other_kid).sign_with(&OTHER_KEY);
    let unnamed = token().without_header("kid");
    accepted(&only_key, &unnamed);
    accepted(&both, &of_other);
    revocations.revoke(Revocation::key(ISSUER, kid)).unwrap();
    assert_rejected!(only_key, token(), Error::Revoked { claim: "kid", .. });
    assert_rejected!(only_key, unnamed, Error::Revoked { claim: "kid", .. });
    assert_rejected!(both, token(), Error::Revoked { claim: "kid", .. });
    accepted(&both, &of_other);
}

#[test]
fn token_without_id_is_rejected_where_one_is_required() {
    // RV05: by default, it is accepted, and cannot be revoked by its id.
    let issuer = || issuer_with_keys([KEY.jwk()]).client(CLIENT);
    let requiring = builder_at(NOW).trust(issuer()).require_token_id().build().unwrap();
    let revocations = store();
    revocations.revoke(Revocation::token(ISSUER, "id-1")).unwrap();
    for without in [token().without_claim("jti"), token().claim("jti", "")] {
        accepted(&verifier(&revocations), &without);
        assert_rejected!(requiring, without, Error::MissingClaim { claim: "jti", .. });
    }
    accepted(&requiring, &token());
}

/// Returns the token with the other valid form of its ES256 signature: `n - s` for `s`.
fn second_form(token: &str) -> String {
    /// The order of the group (SEC 2 §2.4.2).
    const N: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let n = i16::from_str_radix(&N[2 * at..2 * at + 2], 16).unwrap();
        let difference = n - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + at] = u8::try_from(difference + 256 * borrow).unwrap();
    }
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn second_form_of_an_ecdsa_signature_is_revoked_too() {
    // RV01
    let key = SigningKey::generate(Algorithm::ES256);
    let revocations = store();
    let issuer = issuer_with_keys([key.jwk()]).client(CLIENT);
    let verifier = builder_at(NOW).trust(issuer).revocations(&revocations).build().unwrap();
    let first = token().sign_with(&key);
    let second = second_form(&first);
    assert_ne!(first, second);
    accepted(&verifier, &first);
    accepted(&verifier, &second);
    revocations.revoke(Revocation::token(ISSUER, "id-1")).unwrap();
    assert_rejected!(verifier, first, Error::Revoked { .. });
    assert_rejected!(verifier, second, Error::Revoked { .. });
    // One that the verifier has not seen.
    let unseen = second_form(&token().claim("n", 2).sign_with(&key));
    assert_rejected!(verifier, unseen, Error::Revoked { .. });
}

#[test]
fn entry_lasts_longer_than_its_token_with_any_leeway() {
    // RV04
    let revocations = store();
    revocations.revoke(Revocation::token(ISSUER, "id-1").ends_at(at(NOW + 60))).unwrap();
    let token = token().expires_at(NOW + 60);
    let leeway = Duration::from_secs(300);
    for now in [NOW, NOW + 59, NOW + 60, NOW + 359] {
        let issuer = || issuer_with_keys([KEY.jwk()]).client(CLIENT);
        for (of_issuer, builder) in [
            (issuer(), builder_at(now).leeway(leeway)),
            (issuer().leeway(leeway), builder_at(now).leeway(Duration::ZERO)),
        ] {
            accepted(&builder.trust(of_issuer.clone()).build().unwrap(), &token);
            let builder = builder_at(now).leeway(leeway).trust(of_issuer);
            assert_rejected!(
                builder.revocations(&revocations).build().unwrap(),
                token,
                Error::Revoked { .. }
            );
        }
    }
}

#[test]
fn entry_outlives_a_token_that_expires_during_its_verification() {
    // RV04: the clock moves on between the check of the lifetime and the look-up.
    let revocations = store();
    revocations.revoke(Revocation::token(ISSUER, "id-1").ends_at(at(NOW + 60))).unwrap();
    let token = token().expires_at(NOW + 60);
    let (leeway, reads) = (Duration::from_secs(300), Arc::new(AtomicU64::new(0)));
    let clock = {
        let reads = Arc::clone(&reads);
        move || at(NOW + 359 + reads.fetch_add(1, Ordering::Relaxed))
    };
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    let builder = Verifier::builder().clock(clock).leeway(leeway).trust(issuer).revocations(&revocations);
    let verifier = builder.build().unwrap();
    reads.store(0, Ordering::Relaxed);
    assert_rejected!(verifier, token, Error::Revoked { .. });
    assert!(reads.load(Ordering::Relaxed) > 1);
}

#[test]
fn revocation_of_an_untrusted_issuer_is_reported() {
    let log = testkit::Log::of_thread_without_times(LevelFilter::WARN);
    let revocations = store();
    let source = revocations.source("stream").unwrap();
    let typo = format!("{ISSUER}/");
    let entries = || [Revocation::token(ISSUER, "id-1"), Revocation::token(&typo, "id-2")];
    source.replace_all(entries()).unwrap();
    assert_eq!((revocations.status().sources[0].untrusted, log.take()), (0, String::new()));
    let verifier = verifier(&revocations);
    let untrusted = || {
        let source = verifier.status().revocations().unwrap().sources[0].clone();
        (source.untrusted, source.untrusted_issuers)
    };
    assert_eq!(untrusted(), (1, vec![typo.clone()]));
    source.replace_all(entries()).unwrap();
    let logged = log.take();
    assert!(logged.contains("WARN") && logged.contains("revocation of an untrusted issuer"), "{logged}");
    assert!(logged.contains(&format!("issuer={typo:?}")) && !logged.contains("id-2"), "{logged}");
    source.replace_all(entries()).unwrap();
    assert_eq!(log.take(), "");
    // It is trusted from now on.
    let issuer = Issuer::from_jwks(&typo, &jwks([KEY.jwk()])).unwrap().client(CLIENT);
    verifier.trust(issuer).unwrap();
    assert_eq!(untrusted(), (0, vec![]));
}

#[test]
fn only_a_valid_token_is_looked_up() {
    let revocations = store();
    revocations.revoke(Revocation::token(ISSUER, "id-1")).unwrap();
    let verifier = verifier(&revocations);
    assert_rejected!(verifier, token().bad_signature(), Error::BadSignature { .. });
    assert_rejected!(verifier, token().expires_at(NOW), Error::Expired { .. });
    assert_rejected!(verifier, token().client("other"), Error::WrongClient { .. });
}

#[test]
fn rules_of_the_application_come_after_revocation() {
    let revocations = store();
    revocations.revoke(Revocation::token(ISSUER, "id-1")).unwrap();
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    let builder = builder_at(NOW).trust(issuer).revocations(&revocations);
    let verifier = builder.check(|_| Err(scopegate::Denied::new("suspended"))).build().unwrap();
    assert_rejected!(verifier, token(), Error::Revoked { .. });
    assert_rejected!(verifier, token().claim("jti", "id-2"), Error::Denied(_));
}

#[test]
fn tokens_of_a_verifier_without_cache_are_looked_up() {
    let revocations = store();
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    let builder = builder_at(NOW).trust(issuer).cache_capacity(0).revocations(&revocations);
    let verifier = builder.build().unwrap();
    accepted(&verifier, &token());
    revocations.revoke(Revocation::token(ISSUER, "id-1")).unwrap();
    assert_rejected!(verifier, token(), Error::Revoked { .. });
}

#[test]
fn old_feed_makes_tokens_undecidable_if_it_has_a_limit() {
    // RV08
    let revocations = store();
    let (limited, free) = (verifier(&revocations), verifier(&store()));
    let source = revocations.source("stream").unwrap();
    accepted(&limited, &token());
    source.failed("no connection");
    accepted(&limited, &token());
    let source = source.with_max_feed_age(Duration::from_secs(10));
    let error = rejected(&limited, &token());
    assert!(matches!(error, Error::RevocationsUnavailable { retry_after, .. }
        if retry_after == Duration::from_secs(1)));
    assert_eq!((error.kind(), error.kind().status()), (ErrorKind::RevocationsUnavailable, 503));
    assert!(!limited.status().is_ready() && free.status().is_ready());
    accepted(&free, &token());
    source.synced();
    accepted(&limited, &token());
    assert!(limited.status().is_ready());
    // A revocation is certain, however old the feed is.
    source.revoke(Revocation::token(ISSUER, "id-1")).unwrap();
    let later = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    let later = builder_at(NOW + 11).trust(later).revocations(&revocations).build().unwrap();
    assert_rejected!(later, token(), Error::Revoked { .. });
    assert_rejected!(later, token().claim("jti", "id-2"), Error::RevocationsUnavailable { .. });
}

#[test]
fn error_names_claim_and_source_and_no_value() {
    let revocations = store();
    let source = revocations.source("ops/revoked.jsonl").unwrap();
    source.revoke(Revocation::subject(ISSUER, "user-1", at(NOW + 1))).unwrap();
    let error = rejected(&verifier(&revocations), &token());
    assert_eq!((error.kind().as_str(), error.kind().status()), ("revoked", 401));
    assert_eq!(
        error.to_string(),
        format!("the token of {ISSUER} was revoked by its `sub` (source \"ops/revoked.jsonl\")")
    );
    assert!(!format!("{error:?}").contains("user-1"));
}

#[test]
fn issuers_do_not_share_revocations() {
    let other = "https://other.example";
    let issuer = |name: &str| Issuer::from_jwks(name, &jwks([KEY.jwk()])).unwrap().client(CLIENT);
    let revocations = store();
    let builder = builder_at(NOW).trust(issuer(ISSUER)).trust(issuer(other)).revocations(&revocations);
    let verifier = builder.build().unwrap();
    for revocation in [
        Revocation::token(other, "id-1"),
        Revocation::subject(other, "user-1", at(NOW + 1)),
        Revocation::client(other, CLIENT, at(NOW + 1)),
        Revocation::session(other, "session-1"),
        Revocation::key(other, KEY.jwk()["kid"].as_str().unwrap()),
    ] {
        revocations.revoke(revocation.clone()).unwrap();
        assert_rejected!(verifier, token().claim("iss", other), Error::Revoked { .. });
        accepted(&verifier, &token());
        revocations.withdraw(&revocation);
        accepted(&verifier, &token().claim("iss", other));
    }
}
