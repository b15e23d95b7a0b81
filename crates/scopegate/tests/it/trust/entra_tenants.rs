//! Which tenants' tokens does an Entra issuer with many tenants accept?

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use scopegate::{
    AcceptedIssuers, ConfigError, Error, Issuer, IssuerWithoutAudience, Issuers, TenantList, Tenants,
    Verifier, middleware,
};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::{Value, json};
use testkit::{KEY, jwks, serve};

const A: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const B: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
const CLIENT: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
const TEMPLATE_V1: &str = "https://sts.windows.net/{tenantid}/";

fn name(tenant: &str) -> String {
    TEMPLATE.replace("{tenantid}", tenant)
}

/// Returns the shared key, published for the issuer that `issuer` names.
fn key_of(issuer: &str) -> Value {
    let mut jwk = KEY.jwk();
    jwk["issuer"] = json!(issuer);
    jwk
}

fn trusting(draft: IssuerWithoutAudience, keys: impl IntoIterator<Item = Value>) -> Issuer {
    draft.audience(API).jwks(jwks(keys))
}

/// Returns an issuer whose key is for all tenants.
fn many(tenants: impl Into<Tenants>) -> Issuer {
    trusting(Issuer::entra_multi_tenant(tenants), [key_of(TEMPLATE)])
}

fn verifier(tenants: impl Into<Tenants>) -> Verifier {
    Verifier::builder().trust(many(tenants)).build().unwrap()
}

fn mint(tenant: &str) -> Mint {
    Mint::cognito(&name(tenant), CLIENT)
        .without_claim("token_use")
        .without_claim("client_id")
        .claim("azp", CLIENT)
        .claim("aud", API)
        .claim("tid", tenant)
        .claim("ver", "2.0")
}

fn token(tenant: &str) -> String {
    mint(tenant).sign_with(&KEY)
}

fn mint_v1(tenant: &str) -> Mint {
    let mint = mint(tenant).without_claim("azp").claim("appid", CLIENT).claim("ver", "1.0");
    mint.claim("iss", TEMPLATE_V1.replace("{tenantid}", tenant))
}

fn is_unknown(result: &Result<scopegate::Claims, Error>) -> bool {
    matches!(result, Err(Error::UnknownIssuer { .. }))
}

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
    // Tokens of one version do not pass as those of the other.
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

#[tokio::test]
async fn resolver_is_not_called_for_tenants() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let resolver = Issuers::resolver(move |_: &str| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<_, ConfigError>(Some(many(Tenants::allow_any()))))
    });
    let tenants = TenantList::new([A]).unwrap();
    let verifier = Verifier::builder().trust(many(&tenants)).trust_dynamic(resolver).start().await.unwrap();
    assert!(verifier.verify_or_refresh(token(A)).await.is_ok());
    assert!(is_unknown(&verifier.verify_or_refresh(token(B)).await));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    // An issuer of a resolver has one name, so the form is none: no token can have it as `iss`.
    verifier.distrust(TEMPLATE).unwrap();
    for tenant in [A, "{tenantid}"] {
        assert!(verifier.verify_or_refresh(token(tenant)).await.is_err(), "{tenant}");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert_eq!(verifier.status().resolver().unwrap().live_issuers, 0);
}

#[tokio::test(start_paused = true)]
async fn tenants_take_names_over_from_a_pending_call() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let resolver = Issuers::resolver(move |iss: &str| {
        count.fetch_add(1, Ordering::Relaxed);
        let issuer = Issuer::from_jwks(iss, &jwks([KEY.jwk()])).map(|draft| Some(draft.audience(API)));
        async move {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            issuer
        }
    });
    let verifier = Verifier::builder().trust_dynamic(resolver).start().await.unwrap();
    let of_a = token(A);
    assert!(verifier.verify(&of_a).is_err());
    verifier.trust(many(TenantList::default())).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(verifier.status().resolver().unwrap().live_issuers, 0);
    verifier.distrust(TEMPLATE).unwrap();
    assert!(verifier.verify_or_refresh(&of_a).await.is_ok());
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn tenants_take_names_over_from_a_resolver() {
    let resolver = Issuers::resolver(|iss: &str| {
        let issuer = Issuer::from_jwks(iss, &jwks([KEY.jwk()])).map(|draft| Some(draft.audience(API)));
        std::future::ready(issuer)
    });
    let verifier = Verifier::builder().trust_dynamic(resolver).start().await.unwrap();
    let of_a = token(A);
    assert!(verifier.verify_or_refresh(&of_a).await.is_ok() && verifier.verify(&of_a).is_ok());
    verifier.trust(many(TenantList::default())).unwrap();
    assert!(is_unknown(&verifier.verify_or_refresh(&of_a).await), "also if it was cached");
}
