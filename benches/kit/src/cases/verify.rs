//! A good token of each algorithm: the signature alone, then all of it.

use std::hint::black_box;

use scopegate::Verifier;
use scopegate_issuer::Alg;

use crate::{ALGORITHMS, Call, Case, RebuiltKey, Signature, signer};

pub(super) fn cases() -> Vec<Case> {
    ALGORITHMS.into_iter().flat_map(of).collect()
}

/// The name of the floor of everything that is signed so.
pub(super) fn signature(alg: Alg) -> String {
    format!("signature {alg}")
}

fn of(alg: Alg) -> [Case; 5] {
    let over = |name: &str, prepare: fn(Alg, usize) -> Call| {
        Case::new(format!("{name} {alg}"), move |times| prepare(alg, times)).over(signature(alg))
    };
    [
        // The same token for each, because elliptic curves take longer for some than for others.
        Case::new(signature(alg), move |_| {
            let signature = Signature::of(token(alg), &signer(alg).key);
            Box::new(move || assert!(black_box(&signature).verifies()))
        }),
        over("signature, key rebuilt,", |alg, _| {
            let signature = RebuiltKey::of(token(alg), &signer(alg).key);
            Box::new(move || assert!(black_box(&signature).verifies()))
        }),
        over("verify without cache", |alg, _| again(signer(alg).verifier(), token(alg).to_owned())),
        over("verify for the first time", |alg, times| {
            let mut tokens: Vec<String> = (1..times).map(|_| signer(alg).token()).collect();
            tokens.push(token(alg).to_owned());
            let verifier = signer(alg).caching_verifier();
            let mut next = tokens.into_iter().cycle();
            Box::new(move || {
                let token = next.next().expect("it never ends");
                assert!(black_box(&verifier).verify(black_box(&token)).is_ok());
            })
        }),
        over("verify from the cache", |alg, _| again(signer(alg).caching_verifier(), token(alg).to_owned())),
    ]
}

/// Verifies the same token again and again.
pub(super) fn again(verifier: Verifier, token: String) -> Call {
    Box::new(move || assert!(black_box(&verifier).verify(black_box(&token)).is_ok()))
}

/// One token of each algorithm.
fn token(alg: Alg) -> &'static str {
    use std::sync::OnceLock;
    static TOKENS: [OnceLock<String>; ALGORITHMS.len()] = [const { OnceLock::new() }; ALGORITHMS.len()];
    let position = ALGORITHMS.iter().position(|&one| one == alg).expect("it is one of ALGORITHMS");
    TOKENS[position].get_or_init(|| signer(alg).token())
}
