//! Each kind of rejected token, compared with one signature check: the work that an attacker can
//! cause.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use scopegate::{Error, Verifier};
use scopegate_issuer::{Algorithm, Mint};

use super::verify::signature;
use crate::{Call, Case, ISSUER, Signer, builder, padded, signer};

/// The number of different tokens of a kind, which are used in turn. Creating them takes longer
/// than rejecting them.
const DIFFERENT: usize = 50;

/// A name, a token and the error that rejects it.
type Kind = (&'static str, fn(&Signer) -> String, Expected);

type Expected = fn(&Error) -> bool;

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = KINDS
        .iter()
        .map(|&(name, token, expected)| {
            refused(name, move || {
                let signer = signer(Algorithm::RS256);
                let verifier = signer.caching_verifier();
                refuse(verifier, (0..DIFFERENT).map(|_| token(signer)).collect(), expected)
            })
        })
        .collect();
    cases.push(refused("expired, and was in the cache", || {
        let later = Arc::new(AtomicBool::new(false));
        let clock = {
            let later = Arc::clone(&later);
            let shift = move || {
                if later.load(Ordering::Relaxed) { Duration::from_secs(7200) } else { Duration::ZERO }
            };
            move || SystemTime::now() + shift()
        };
        let signer = signer(Algorithm::RS256);
        let verifier = builder([signer.issuer()]).clock(clock).build().expect("a verifier");
        let token = signer.token();
        assert!(verifier.verify(&token).is_ok() && verifier.verify(&token).is_ok());
        later.store(true, Ordering::Relaxed);
        refuse(verifier, vec![token], |error| matches!(error, Error::Expired { .. }))
    }));
    cases
}

fn refused(name: &str, prepare: impl Fn() -> Call + 'static) -> Case {
    Case::new(format!("refuse {name}"), prepare).over(signature(Algorithm::RS256))
}

/// Verifies another of these tokens in each call.
fn refuse(verifier: Verifier, tokens: Vec<String>, expected: Expected) -> Call {
    let mut position = 0;
    Box::new(move || {
        let refused = black_box(&verifier).verify(black_box(&tokens[position % tokens.len()]));
        position += 1;
        assert!(refused.is_err_and(|error| expected(&error)));
    })
}

const KINDS: &[Kind] = &[
    ("garbage", |_| "abc.def".into(), |error| matches!(error, Error::NotThreeParts { .. })),
    ("too long", |_| "x".repeat(16 * 1024 + 1), |error| matches!(error, Error::TooLong { .. })),
    (
        "malformed",
        |signer| {
            mint(signer).raw_payload(r#"{"iss":"https://issuer.example","exp":}"#).sign_with(&signer.key)
        },
        |error| matches!(error, Error::InvalidJson { .. }),
    ),
    (
        "alg none",
        |signer| mint(signer).unsigned().sign_with(&signer.key),
        |error| matches!(error, Error::NotBase64Url { .. } | Error::UnacceptableAlgorithm { .. }),
    ),
    (
        "of an unknown issuer",
        |signer| mint(signer).claim("iss", format!("{ISSUER}x")).sign_with(&signer.key),
        |error| matches!(error, Error::UnknownIssuer { .. }),
    ),
    (
        "of an unknown key",
        // Each token has another key id, as an attacker would send them.
        |signer| {
            let mint = mint(signer);
            let id = mint.claims()["jti"].clone();
            mint.header("kid", id).sign_with(&signer.key)
        },
        |error| matches!(error, Error::UnknownKey { .. }),
    ),
    (
        "expired",
        |signer| mint(signer).expired().sign_with(&signer.key),
        |error| matches!(error, Error::Expired { .. }),
    ),
    (
        "not yet valid",
        |signer| mint(signer).claim("nbf", 10_000_000_000_u64).sign_with(&signer.key),
        |error| matches!(error, Error::NotYetValid { .. }),
    ),
    (
        "for another client",
        |signer| mint(signer).client("2example23456789abcdefghij").sign_with(&signer.key),
        |error| matches!(error, Error::WrongClient { .. }),
    ),
    (
        "an ID token",
        |signer| mint(signer).claim("token_use", "id").sign_with(&signer.key),
        |error| matches!(error, Error::NotAnAccessToken { .. }),
    ),
    ("tampered", |signer| mint(signer).tampered().sign_with(&signer.key), bad_signature),
    ("bad signature", |signer| mint(signer).bad_signature().sign_with(&signer.key), bad_signature),
    (
        "bad signature, 16 KiB",
        |signer| padded(mint(signer).bad_signature(), &signer.key, 16 * 1024),
        bad_signature,
    ),
];

fn bad_signature(error: &Error) -> bool {
    matches!(error, Error::BadSignature { .. })
}

fn mint(signer: &Signer) -> Mint {
    signer.mint()
}
