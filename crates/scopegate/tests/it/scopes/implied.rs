//! Does a token get exactly the scopes that its scopes imply, for any declarations, and whenever
//! requirements are compiled? docs/generated/conformance.md has the row ids (F16, …).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use allocation_counter::measure;
use proptest::collection::vec;
use proptest::prelude::*;
use scopegate::middleware;
use scopegate::{ConfigError, Requirement, Scope, VerifierBuilder, all_of, any_of};
use scopegate_issuer::{Algorithm, SigningKey};
use testkit::{NOW, builder_at, client_token, issuer_for_client};

static ED25519: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::EdDSA));

fn builder() -> VerifierBuilder {
    builder_at(NOW).trust(issuer_for_client([ED25519.jwk()]).unwrap().permissions_as_scopes())
}

fn token(scopes: &[&str], permissions: &[&str]) -> String {
    let token = client_token().scope(&scopes.join(" ")).claim("permissions", serde_json::json!(permissions));
    token.sign_with(&ED25519)
}

/// Names of several lengths, some of them prefixes of others.
const NAMES: [&str; 8] = ["a", "A", "bb", "b", "c", "c/d", "*", "admin"];

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    vec(prop::sample::select(NAMES.to_vec()), 0..5)
}

fn requirement() -> impl Strategy<Value = Requirement> {
    let names = || vec(prop::sample::select(NAMES.to_vec()), 1..4);
    vec(prop_oneof![names().prop_map(all_of), names().prop_map(any_of)], 1..3).prop_map(all_of)
}

/// Returns the granted scopes: follows every implication until there is no new scope.
fn reached(
    declared: &[(&'static str, Vec<&'static str>)],
    granted: &[&'static str],
) -> BTreeSet<&'static str> {
    let mut reached: BTreeSet<_> = granted.iter().copied().collect();
    loop {
        let before = reached.len();
        for (scope, implied) in declared {
            if reached.contains(scope) {
                reached.extend(implied);
            }
        }
        if reached.len() == before {
            return reached;
        }
    }
}

proptest! {
    #[test]
    fn granted_scopes_are_those_reached_by_implication(
        declared in vec((prop::sample::select(NAMES.to_vec()), names()), 0..6),
        (granted, permissions) in (names(), names()),
        required in requirement(),
        numbers_given in prop::sample::select(vec![0, 255, 300]),
        kept in any::<bool>(),
    ) {
        // F16, C20
        let verifier = declared.iter().fold(builder(), |builder, (scope, implied)| {
            builder.implied_scopes(*scope, implied.iter().copied())
        });
        let verifier = verifier.cache_capacity(if kept { 64 } else { 0 }).build();
        prop_assume!(!matches!(verifier, Err(ConfigError::ScopeImpliesItself { .. })));
        let verifier = verifier.unwrap();
        let another = builder().implied_scopes("c", ["a", "bb"]).build().unwrap();
        for number in 0..numbers_given {
            let _ = middleware::compile(&verifier, format!("scope-{number}").parse::<Scope>().unwrap());
        }
        let token = token(&granted, &permissions);

        let before = verifier.verify(&token).unwrap();
        let compiled = middleware::compile(&verifier, required.clone());
        let after = verifier.verify(&token).unwrap();
        let all: Vec<_> = granted.iter().chain(&permissions).copied().collect();
        let reached = reached(&declared, &all);
        let expected = required.is_satisfied_by(&reached.iter().map(|name| name.parse().unwrap()).collect());
        for claims in [before, after] {
            prop_assert_eq!(claims.scopes().iter().map(Scope::as_str).collect::<BTreeSet<_>>(), reached.clone());
            for required in [&required, &compiled, &middleware::compile(&another, required.clone())] {
                prop_assert_eq!(claims.require(required).is_ok(), expected, "{}", required);
            }
        }
        // The scopes of a challenge are sufficient, and none of them implies another.
        for compiled in [&compiled, &middleware::compile(&verifier, middleware::compile(&another, required.clone()))] {
            let scopes: Vec<&str> = compiled.challenge_scopes().into_iter().map(Scope::as_str).collect();
            prop_assert!(verifier.verify(self::token(&scopes, &[])).unwrap().require(compiled).is_ok());
        }
    }
}

#[test]
fn implied_scopes_cost_no_allocation() {
    // C20
    let names: Vec<String> = (0..255).map(|at| format!("https://api.example/orders.{at:03}")).collect();
    let chain = names.windows(2).fold(builder().implied_scopes("admin", &names[..1]), |builder, pair| {
        builder.implied_scopes(&pair[0], &pair[1..])
    });
    let verifiers = [builder(), builder().implied_scopes("admin", &names), chain];
    let verifiers = verifiers.map(|builder| builder.cache_capacity(0).build().unwrap());
    let repeated = "admin ".repeat(1_500);
    for scopes in ["admin", &repeated] {
        let token = token(&[scopes.trim_end()], &[]);
        let [plain, many, chain] = verifiers.each_ref().map(|verifier| {
            verifier.verify(&token).unwrap();
            let spent = measure(|| drop(verifier.verify(&token)));
            (spent.count_total, spent.bytes_max)
        });
        assert_eq!(plain, many);
        assert_eq!(plain, chain);
    }
    // Only `scopes()` allocates the list.
    let claims = verifiers[1].verify(token(&["admin"], &[])).unwrap();
    assert_eq!(claims.scopes().len(), 256);
}
