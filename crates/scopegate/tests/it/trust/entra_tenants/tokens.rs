//! Which tokens belong to an accepted tenant?

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use scopegate::{AcceptedIssuers, ConfigError, Error, Issuer, TenantList, Tenants, Verifier, middleware};
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{KEY, jwks, serve};

use super::fixture::{
    A, API, B, CLIENT, TEMPLATE, TEMPLATE_V1, is_unknown, key_of, many, mint, mint_v1, name, token, trusting,
    verifier,
};

#[test]
fn listed_tenant_is_accepted_and_identified() {
    let tenants = TenantList::new([A]).unwrap();
    let v1 = trusting(Issuer::entra_v1_multi_tenant(&tenants), [key_of(TEMPLATE_V1)]);
    let verifier = Verifier::builder().trust(many(&tenants)).trust(v1).build().unwrap();
    let of_a = [token(A), mint_v1(A).sign_with(&KEY)];
    for (token, issuer) in of_a.iter().zip([name(A), format!("https://sts.windows.net/{A}/")]) {
        for _ in 0..2 {
            let claims = verifier.verify(token).unwrap();
            assert_eq!((claims.issuer(), claims.tenant()), (&*issuer, Some(A)));
            assert_eq!(claims.client_id(), Some(CLIENT));
        }
    }
    let error = verifier.verify(token(B)).unwrap_err();
    assert!(error.to_string().ends_with(&format!("found {:?}", name(B))), "{error}");
    assert!(is_unknown(&verifier.verify(mint_v1(B).sign_with(&KEY))));
    // A token of one version does not pass as a token of the other.
    let mixed = mint(A).claim("ver", "1.0").sign_with(&KEY);
    assert!(matches!(verifier.verify(mixed), Err(Error::WrongClaim { .. })));
}

#[test]
fn tid_must_be_tenant_in_iss() {
    let verifier = verifier(Tenants::allow_any());
    assert!(verifier.verify(token(A)).is_ok());
    let upper = A.to_uppercase();
    for tid in
        [json!(B), json!(upper), json!(format!("{A}/")), json!("common"), json!(""), json!(null), json!([A])]
    {
        let error = verifier.verify(mint(A).claim("tid", tid.clone()).sign_with(&KEY)).unwrap_err();
        assert!(matches!(&error, Error::WrongClaim { claim, .. } if claim == "tid"), "{tid}: {error}");
    }
    let without = mint(A).without_claim("tid").sign_with(&KEY);
    assert!(matches!(verifier.verify(without), Err(Error::WrongClaim { .. })));
}

#[test]
fn only_guid_in_lower_case_is_a_tenant() {
    let verifier = verifier(Tenants::allow_any());
    let upper = A.to_uppercase();
    let slash = format!("{A}/x");
    let short = &A[1..];
    for tenant in ["common", "organizations", "consumers", "{tenantid}", "", "..", &upper, &slash, short] {
        assert!(is_unknown(&verifier.verify(token(tenant))), "{tenant}");
    }
    for iss in [format!("{}/", name(A)), name(A).replace("login", "evil"), name(A).replace("https", "http")] {
        assert!(is_unknown(&verifier.verify(mint(A).claim("iss", &*iss).sign_with(&KEY))), "{iss}");
    }
}

#[test]
fn key_that_names_a_tenant_is_that_tenants_only() {
    // FR-B7
    let [for_all, of_b, v1, other_cloud] = [
        key_of(TEMPLATE),
        key_of(&name(B)),
        key_of(&format!("https://sts.windows.net/{B}/")),
        key_of("https://login.microsoftonline.us/{tenantid}/v2.0"),
    ];
    let verifier = |key: &Value| {
        let issuer = trusting(Issuer::entra_multi_tenant(Tenants::allow_any()), [key.clone()]);
        Verifier::builder().trust(issuer).build().unwrap()
    };
    let accepts = |key: &Value, tenant: &str| verifier(key).verify(token(tenant)).is_ok();
    assert!(accepts(&for_all, A) && accepts(&for_all, B) && accepts(&KEY.jwk(), A));
    assert!(!accepts(&of_b, A) && accepts(&of_b, B));
    assert!(!accepts(&v1, B) && !accepts(&other_cloud, A));
    let error = verifier(&of_b).verify(token(A)).unwrap_err();
    assert!(error.to_string().contains("is not used"), "{error}");

    // In version 1, keys may have the name of either version.
    let v1_verifier = |key: &Value| {
        let issuer = trusting(Issuer::entra_v1_multi_tenant(Tenants::allow_any()), [key.clone()]);
        Verifier::builder().trust(issuer).build().unwrap()
    };
    for key in [&of_b, &v1, &for_all] {
        assert!(v1_verifier(key).verify(mint_v1(B).sign_with(&KEY)).is_ok(), "{key}");
        assert_eq!(v1_verifier(key).verify(mint_v1(A).sign_with(&KEY)).is_ok(), *key == for_all, "{key}");
    }
}

#[test]
fn predicate_is_asked_at_each_use() {
    let (asked, mode) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU8::new(1)));
    let (count, says) = (Arc::clone(&asked), Arc::clone(&mode));
    let verifier = verifier(Tenants::allow_if(move |tenant| {
        count.fetch_add(1, Ordering::Relaxed);
        match says.load(Ordering::Relaxed) {
            0 => false,
            1 => tenant == A,
            _ => panic!("a mistake in the predicate"),
        }
    }));
    let of_a = token(A);
    for use_of_token in 1..4 {
        assert!(verifier.verify(&of_a).is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), use_of_token);
    }
    assert!(is_unknown(&verifier.verify(token(B))));
    // Before a key is looked up.
    let other = SigningKey::generate(Algorithm::RS256);
    assert!(is_unknown(&verifier.verify(mint(B).sign_with(&other))));
    mode.store(0, Ordering::Relaxed);
    assert!(is_unknown(&verifier.verify(&of_a)), "also if it is cached");
    mode.store(2, Ordering::Relaxed);
    for token in [&of_a, &token(B)] {
        let error = verifier.verify(token).unwrap_err();
        assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    }
    mode.store(1, Ordering::Relaxed);
    assert!(verifier.verify(&of_a).is_ok());
}

#[test]
fn error_about_a_key_names_the_form() {
    // A label of metrics: an attacker can invent tenants.
    let verifier = verifier(Tenants::allow_any());
    let other = SigningKey::generate(Algorithm::RS256);
    match verifier.verify(mint(B).sign_with(&other)).unwrap_err() {
        Error::UnknownKey { issuer, .. } => assert_eq!(issuer, TEMPLATE),
        other => panic!("{other}"),
    }
}

#[test]
fn metadata_lists_tenants_by_name_only() {
    let tenants = TenantList::new([A]).unwrap();
    let other = Issuer::from_jwks("https://other.example", &jwks([KEY.jwk()])).unwrap().audience(API);
    let verifier = Verifier::builder().trust(many(&tenants)).trust(other).build().unwrap();
    assert_eq!(middleware::authorization_servers(&verifier), ["https://other.example"]);
    assert_eq!(middleware::select_issuers(&verifier, [name(A)]).unwrap(), [name(A)]);
    for unlisted in [name(B), name("common"), TEMPLATE.to_owned()] {
        let error = middleware::select_issuers(&verifier, [unlisted]).unwrap_err();
        assert!(matches!(error, ConfigError::UntrustedIssuer { .. }), "{error}");
    }
}

#[test]
fn token_of_other_tenant_is_not_accepted_here() {
    let verifier = verifier(Tenants::allow_any());
    let claims = verifier.verify(token(A)).unwrap();
    for accepted in [AcceptedIssuers::tenants([B, A]), AcceptedIssuers::issuers([name(A)])] {
        assert!(claims.require_issuer(&accepted).is_ok());
    }
    for accepted in [AcceptedIssuers::tenants([B]), AcceptedIssuers::issuers([TEMPLATE])] {
        let error = claims.require_issuer(&accepted).unwrap_err();
        assert!(matches!(error, Error::WrongIssuer { .. }), "{error}");
    }
}

#[test]
fn settings_that_need_one_name_are_rejected() {
    let build = |issuer: Issuer| Verifier::builder().trust(issuer).build().unwrap_err();
    let missing = build(many(Tenants::allow_any()).allow_missing_iss());
    assert!(matches!(missing, ConfigError::OutOfRange { setting: "allow_missing_iss", .. }), "{missing}");
    let renamed = build(many(Tenants::allow_any()).issuer_name("https://other.example"));
    assert!(matches!(renamed, ConfigError::InvalidName { setting: "issuer_name", .. }), "{renamed}");
    let twice = Verifier::builder().trust(many(Tenants::allow_any())).trust(many(Tenants::allow_any()));
    assert!(matches!(twice.build(), Err(ConfigError::DuplicateIssuer { .. })));
    let clients = Verifier::builder().trust(Issuer::entra_multi_tenant(Tenants::allow_any()).client(CLIENT));
    assert!(matches!(clients.start_lazy(), Err(ConfigError::NeedsAudience { .. })));
}

#[test]
fn national_clouds_have_hosts_of_their_own() {
    // FR-B6
    let us = "login.microsoftonline.us";
    let key = key_of("https://login.microsoftonline.us/{tenantid}/v2.0");
    let draft = Issuer::entra_multi_tenant_at(us, Tenants::allow_any()).unwrap();
    let verifier = Verifier::builder().trust(trusting(draft, [key])).build().unwrap();
    let of_us = mint(A).claim("iss", format!("https://{us}/{A}/v2.0")).sign_with(&KEY);
    assert_eq!(verifier.verify(of_us).unwrap().tenant(), Some(A));
    assert!(is_unknown(&verifier.verify(token(A))));
    for host in ["", "evil.example", "72f988bf.ciamlogin.com", "LOGIN.microsoftonline.us"] {
        let error = Issuer::entra_multi_tenant_at(host, Tenants::allow_any()).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidName { setting: "host", .. }), "{error}");
        assert!(Issuer::entra_v1_multi_tenant_at(host, Tenants::allow_any()).is_err());
    }
    let china = "login.partner.microsoftonline.cn";
    assert!(Issuer::entra_v1_multi_tenant_at(china, Tenants::allow_any()).is_ok());
}

#[tokio::test]
async fn thousand_tenants_share_one_fetch() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let (count, set) = (Arc::clone(&fetches), jwks([key_of(TEMPLATE), key_of(&name(B))]));
    let url = serve(axum::Router::new().fallback(move || {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(set.clone())
    }))
    .await;
    let id = |n: usize| format!("{n:08x}-86f1-41af-91ab-2d7cd011db47");
    let tenants = TenantList::new((0..1_000).map(id)).unwrap();
    let issuer = Issuer::entra_multi_tenant(&tenants).audience(API).jwks_uri(url);
    let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
    for n in [0, 1, 999] {
        assert!(verifier.verify(token(&id(n))).is_ok(), "{n}");
    }
    assert!(is_unknown(&verifier.verify(token(&id(1_000)))));
    assert_eq!((fetches.load(Ordering::Relaxed), verifier.status().issuers().len()), (1, 1));
    assert!(verifier.status().is_ready() && verifier.issuer_status(TEMPLATE).is_some());
    assert!(verifier.issuer_status(&name(&id(0))).is_some());
    // A key that both name is ambiguous for no tenant: the sets of both hold it once.
    tenants.add(B).unwrap();
    assert!(verifier.verify(token(B)).is_ok());
}
