//! What applies when the list of tenants or the trust changes?

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use scopegate::{ConfigError, Error, Issuer, TenantList, Tenants, Verifier};
use testkit::{KEY, jwks};

use super::fixture::{
    A, API, B, CLIENT, TEMPLATE, TEMPLATE_V1, is_unknown, key_of, many, mint_v1, name, token, trusting,
    verifier,
};

#[test]
fn changed_list_applies_to_cached_tokens() {
    let tenants = TenantList::new([A, B]).unwrap();
    let verifier = verifier(&tenants);
    let (of_a, of_b) = (token(A), token(B));
    for _ in 0..2 {
        assert!(verifier.verify(&of_a).is_ok() && verifier.verify(&of_b).is_ok());
    }
    assert_eq!(verifier.status().cached_tokens(), 2);
    tenants.remove(A);
    assert!(is_unknown(&verifier.verify(&of_a)) && verifier.verify(&of_b).is_ok());
    tenants.add(&A.to_uppercase()).unwrap();
    assert!(verifier.verify(&of_a).is_ok());
    tenants.replace([B]).unwrap();
    assert!(is_unknown(&verifier.verify(&of_a)) && verifier.verify(&of_b).is_ok());
    tenants.replace([""; 0]).unwrap();
    assert!(is_unknown(&verifier.verify(&of_b)));
}

#[test]
fn issuer_of_one_tenant_is_preferred() {
    let tenants = TenantList::new([A]).unwrap();
    let verifier = verifier(&tenants);
    let of_a = token(A);
    assert!(verifier.verify(&of_a).is_ok() && verifier.verify(&of_a).is_ok());
    let one = |client: &str| trusting(Issuer::entra(A).unwrap(), [key_of(&name(A))]).client(client);
    verifier.trust(one("another")).unwrap();
    assert!(matches!(verifier.verify(&of_a), Err(Error::WrongClient { .. })), "also if it was cached");
    verifier.trust(one(CLIENT)).unwrap();
    assert!(verifier.verify(&of_a).is_ok());
    // It need not be in the list.
    tenants.remove(A);
    assert!(verifier.verify(&of_a).is_ok());
    assert!(verifier.distrust(&name(A)).unwrap());
    assert!(is_unknown(&verifier.verify(&of_a)));
    tenants.add(A).unwrap();
    assert!(verifier.verify(&of_a).is_ok());
    assert_eq!(verifier.verify(&of_a).unwrap().tenant(), Some(A));
}

#[test]
fn replaced_rules_apply_to_all_tenants() {
    let verifier = verifier(TenantList::new([A, B]).unwrap());
    let tokens = [token(A), token(B)];
    let all = |accepted: bool| tokens.iter().all(|token| verifier.verify(token).is_ok() == accepted);
    assert!(all(true));
    verifier.trust(many(TenantList::new([A, B]).unwrap()).client("another")).unwrap();
    assert!(all(false));
    verifier.trust(many(TenantList::new([A, B]).unwrap())).unwrap();
    assert!(all(true));
    assert_eq!(verifier.issuers().collect::<Vec<_>>(), [TEMPLATE]);
    assert!(verifier.distrust(TEMPLATE).unwrap() && !verifier.distrust(TEMPLATE).unwrap());
    assert!(tokens.iter().all(|token| is_unknown(&verifier.verify(token))));
}

#[test]
fn distrusted_tenant_is_rejected_also_if_cached() {
    let tenants = TenantList::new([A, B]).unwrap();
    let verifier = verifier(&tenants);
    let (of_a, of_b) = (token(A), token(B));
    assert!([&of_a, &of_b].iter().all(|token| verifier.verify(token).is_ok()));
    assert_eq!(verifier.status().cached_tokens(), 2);
    assert!(verifier.distrust(&name(A)).unwrap());
    assert!(is_unknown(&verifier.verify(&of_a)) && verifier.verify(&of_b).is_ok());
    assert!(!tenants.contains(A) && tenants.contains(B), "the application's list");
    assert!(!verifier.distrust(&name(A)).unwrap(), "it was not trusted");
    for other in [name(&A.to_uppercase()), format!("{}/", name(B)), name("common")] {
        assert!(!verifier.distrust(&other).unwrap(), "{other}");
    }
    assert!(verifier.verify(&of_b).is_ok());
    tenants.add(A).unwrap();
    assert!(verifier.verify(&of_a).is_ok());
}

#[test]
fn distrusted_tenant_loses_its_own_issuer_too() {
    let tenants = TenantList::new([A]).unwrap();
    let verifier = verifier(&tenants);
    let one = trusting(Issuer::entra(A).unwrap(), [key_of(&name(A))]);
    verifier.trust(one).unwrap();
    assert!(verifier.verify(token(A)).is_ok());
    assert!(verifier.distrust(&name(A)).unwrap());
    assert!(is_unknown(&verifier.verify(token(A))) && tenants.is_empty());
}

#[test]
fn tenant_of_a_function_cannot_be_distrusted() {
    let mode = Arc::new(AtomicU8::new(1));
    let current = Arc::clone(&mode);
    let accepts = Tenants::allow_if(move |tenant| match current.load(Ordering::Relaxed) {
        0 => false,
        1 => tenant == A,
        _ => panic!("a mistake in the predicate"),
    });
    let one = || trusting(Issuer::entra(A).unwrap(), [key_of(&name(A))]);
    for (rule, expected) in [(accepts, "Tenants::allow_if"), (Tenants::allow_any(), "Tenants::allow_any")] {
        let verifier = verifier(rule);
        verifier.trust(one().client("another")).unwrap();
        assert!(verifier.verify(token(A)).is_err());
        let error = verifier.distrust(&name(A)).unwrap_err();
        assert!(matches!(error, ConfigError::TenantStillTrusted { .. }));
        let message = format!("{} is still trusted: expected a TenantList, found {expected}", name(A));
        assert_eq!(error.to_string(), message);
        assert!(verifier.verify(token(A)).is_ok(), "its own issuer is gone");
        if expected == "Tenants::allow_if" {
            assert!(!verifier.distrust(&name(B)).unwrap(), "the function rejects it");
            mode.store(2, Ordering::Relaxed);
            assert!(verifier.distrust(&name(A)).is_err());
            mode.store(0, Ordering::Relaxed);
            assert!(!verifier.distrust(&name(A)).unwrap());
        }
    }
}

#[test]
fn other_cloud_with_the_same_names_replaces_nothing() {
    let of_cloud = |host: &str, audience: &str| {
        let draft = Issuer::entra_v1_multi_tenant_at(host, Tenants::allow_any()).unwrap();
        draft.audience(audience).jwks(jwks([key_of(TEMPLATE_V1)]))
    };
    let (public, us) = ("login.microsoftonline.com", "login.microsoftonline.us");
    let verifier = Verifier::builder().trust(of_cloud(public, API)).build().unwrap();
    let token = mint_v1(A).sign_with(&KEY);
    assert!(verifier.verify(&token).is_ok());
    let error = verifier.trust(of_cloud(us, "another")).unwrap_err();
    assert!(
        matches!(&error, ConfigError::DuplicateIssuer { issuer, .. } if issuer == TEMPLATE_V1),
        "{error}"
    );
    assert!(verifier.verify(&token).is_ok());
    // Other rules for the same cloud replace the earlier ones.
    verifier.trust(of_cloud(public, "another")).unwrap();
    assert!(matches!(verifier.verify(&token), Err(Error::WrongAudience { .. })));
    assert!(verifier.distrust(TEMPLATE_V1).unwrap());
    verifier.trust(of_cloud(us, API)).unwrap();
    assert!(verifier.verify(&token).is_ok());
}
