//! A valid token of each algorithm: the signature check alone, and the complete verification.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

use scopegate::{ClientAuthentication, Introspection, Issuer, Revocation, Revocations, StatusList, Verifier};
use scopegate_issuer::{Algorithm, LocalIssuer};
use tokio::runtime::Builder;

use crate::{ALGORITHMS, Call, Case, ISSUER, RebuiltKey, Signature, builder, signer};

pub(super) fn cases() -> Vec<Case> {
    ALGORITHMS.into_iter().flat_map(of).chain([revocations()]).chain(by_issuer()).collect()
}

/// Returns the name of the baseline of an algorithm.
pub(super) fn signature(alg: Algorithm) -> String {
    format!("signature {alg}")
}

fn of(alg: Algorithm) -> [Case; 6] {
    let cases = [
        // Each case has the same token, because the time for elliptic curves depends on the signature.
        Case::new(signature(alg), move || {
            let signature = Signature::of(token(alg), &signer(alg).key);
            Box::new(move || assert!(black_box(&signature).verifies()))
        }),
        Case::new(format!("signature, key rebuilt, {alg}"), move || {
            let signature = RebuiltKey::of(token(alg), &signer(alg).key);
            Box::new(move || assert!(black_box(&signature).verifies()))
        }),
        Case::new(format!("verify without cache {alg}"), move || again(signer(alg).verifier(), token(alg))),
        // The verifier has just got its keys, and has prepared them.
        Case::using_up(format!("verify the first token of a key {alg}"), move |times| {
            let mut verifiers: Vec<Verifier> = (0..times).map(|_| signer(alg).verifier()).collect();
            // Used verifiers are stored, because dropping them is not measured.
            let mut used = Vec::with_capacity(times);
            Box::new(move || {
                let verifier = verifiers.pop().expect("as many as were said");
                assert!(black_box(&verifier).verify(black_box(token(alg))).is_ok());
                used.push(verifier);
            })
        }),
        Case::using_up(format!("verify for the first time {alg}"), move |times| {
            let mut tokens: Vec<String> = (0..times).map(|_| signer(alg).token()).collect();
            let verifier = signer(alg).caching_verifier();
            Box::new(move || {
                let token = tokens.pop().expect("as many as were said");
                assert!(black_box(&verifier).verify(black_box(&token)).is_ok());
            })
        }),
        Case::new(format!("verify from the cache {alg}"), move || {
            again(signer(alg).caching_verifier(), token(alg))
        }),
    ];
    cases.map(|case| if case.name == signature(alg) { case } else { case.over(signature(alg)) })
}

/// Verifies a cached token with many revocations of other tokens.
fn revocations() -> Case {
    let alg = Algorithm::RS256;
    Case::new("verify from the cache RS256, 1000000 revocations", move || {
        let revocations = Revocations::new();
        let all = (0..1_000_000).map(|number: u32| Revocation::token(ISSUER, number.to_string()));
        revocations.revoke_all(all).expect("there is room");
        let verifier = builder([signer(alg).issuer()]).revocations(&revocations).build();
        again(verifier.expect("a verifier"), token(alg))
    })
    .over("verify from the cache RS256")
}

/// Verifies a cached token about which its issuer decides: by a status list, or by introspection.
/// The baseline is a cached JWT of the same issuer.
fn by_issuer() -> [Case; 4] {
    const IGNORED: &str = "verify from the cache RS256, status ignored";
    let case = |name: &'static str, rules: Rules| {
        Case::new(name, move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let (verifier, token) = runtime.block_on(async {
                let local = LocalIssuer::start().await.expect("a server");
                // Results stay current without the runtime.
                local.set_status_list_ttl(12 * 3_600);
                let issuer = rules.issuer(&local);
                let verifier = builder([issuer]).start().await.expect("a verifier");
                let mint = local.mint().status_index(7).lifetime(24 * 3_600);
                let token =
                    if rules == Rules::Introspected { local.opaque_token(&mint) } else { mint.sign() };
                verifier.verify_or_refresh(&token).await.expect("a valid token");
                (verifier, token)
            });
            Box::new(move || {
                let _runtime = &runtime;
                assert!(black_box(&verifier).verify(black_box(&token)).is_ok());
            })
        })
    };
    [
        case(IGNORED, Rules::None),
        case("verify from the cache RS256, status list", Rules::StatusList).over(IGNORED),
        case("verify from the cache RS256, and introspected", Rules::AndIntrospected).over(IGNORED),
        case("verify an introspected token from the cache", Rules::Introspected).over(IGNORED),
    ]
}

/// The rules by which an issuer decides at each use of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    None,
    StatusList,
    AndIntrospected,
    /// The token is opaque.
    Introspected,
}

impl Rules {
    fn issuer(self, local: &LocalIssuer) -> Issuer {
        const CLIENT: &str = "local-reader";
        let introspection = || {
            let client = ClientAuthentication::client_secret_basic(CLIENT, "local-reader-secret");
            let introspection = Introspection::by_client(&local.introspection_endpoint(), client);
            introspection.expect("an endpoint").cache_for(Duration::from_secs(300))
        };
        let jwts = || Issuer::cognito_at(local.issuer()).expect("an issuer").client(CLIENT);
        match self {
            Self::None => jwts(),
            Self::StatusList => jwts().status_list(StatusList::required()),
            Self::AndIntrospected => jwts().and_introspect(introspection()),
            Self::Introspected => {
                Issuer::opaque(local.issuer(), introspection()).expect("an issuer").client(CLIENT)
            }
        }
    }
}

/// Verifies the same token repeatedly.
fn again(verifier: Verifier, token: &'static str) -> Call {
    Box::new(move || assert!(black_box(&verifier).verify(black_box(token)).is_ok()))
}

/// Returns the token of an algorithm.
fn token(alg: Algorithm) -> &'static str {
    static TOKENS: [OnceLock<String>; ALGORITHMS.len()] = [const { OnceLock::new() }; ALGORITHMS.len()];
    let position = ALGORITHMS.iter().position(|&one| one == alg).expect("it is one of ALGORITHMS");
    TOKENS[position].get_or_init(|| signer(alg).token())
}
