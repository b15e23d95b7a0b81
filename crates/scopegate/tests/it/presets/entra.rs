//! Microsoft Entra ID.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::{ConfigError, Error, Issuer, Principal, ScopeSource, Verifier};
use serde_json::{Value, json};
use testkit::{Token as _, accepted, assert_rejected};

use crate::presets::golden::{Golden, jwk, other_jwk, verifier_with_keys};

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const OTHER_TENANT: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
const API_URI: &str = "api://my-api";
const CLIENT: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
const SERVICE: &str = "aaaa0000-bb11-2222-33cc-444444dddddd";

/// Keys without `alg`, with certificates, each with its issuer.
fn keys() -> [Value; 2] {
    let like = |kid: &str| {
        json!({"kty": "RSA", "use": "sig", "kid": kid, "x5t": kid, "n": "", "e": "AQAB",
               "x5c": ["MIIC/TCCAeWgAwIBAgIIexampleexample"], "cloud_instance_name": "microsoftonline.com",
               "issuer": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"})
    };
    [other_jwk(like("2ZQpJ3UpbjAYXYGaXEJl8lV0TOI")), jwk(like("jS1Xo1OWDj_52vbwGNgvQO2VzMc"))]
}

fn entra_verifier() -> Verifier {
    verifier_with_keys(Issuer::entra(TENANT).unwrap().audience(API), &keys())
}

fn entra_v1_verifier() -> Verifier {
    verifier_with_keys(Issuer::entra_v1(TENANT).unwrap().audiences([API_URI, API]), &keys())
}

const HEADER_V2: &str = r#"{"typ":"JWT","alg":"RS256","kid":"jS1Xo1OWDj_52vbwGNgvQO2VzMc"}"#;
const HEADER_V1: &str =
    r#"{"typ":"JWT","alg":"RS256","x5t":"jS1Xo1OWDj_52vbwGNgvQO2VzMc","kid":"jS1Xo1OWDj_52vbwGNgvQO2VzMc"}"#;

fn machine_token_v2() -> Golden {
    Golden::new(
        HEADER_V2,
        r#"{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3",
            "iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
            "iat":1800000000,"nbf":1800000000,"exp":1800003900,"aio":"E2ZgYexampleAA==",
            "azp":"11112222-bbbb-3333-cccc-4444dddd5555","azpacr":"1","oid":"aaaa0000-bb11-2222-33cc-444444dddddd",
            "rh":"0.AXQAv4j5cvGGr0GRqy180BHbRysXdG5WvkNIn_TmajmxLjwAAA.","roles":["Orders.Read.All"],
            "sub":"aaaa0000-bb11-2222-33cc-444444dddddd","tid":"72f988bf-86f1-41af-91ab-2d7cd011db47",
            "uti":"AbCdEfGhIjKlMnOpQrStUv","ver":"2.0"}"#,
    )
}

fn user_token_v2() -> Golden {
    Golden::new(
        HEADER_V2,
        r#"{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3",
            "iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
            "iat":1800000000,"nbf":1800000000,"exp":1800004948,"aio":"AXQAi/8IAAAAexample==",
            "azp":"11112222-bbbb-3333-cccc-4444dddd5555","azpacr":"0","name":"Ada Lovelace",
            "oid":"690222be-ff1a-4d56-abd1-7e4f7d38e474","preferred_username":"ada@example.com","rh":"I",
            "roles":["Orders.Admin"],"scp":"Orders.Read access_as_user",
            "sub":"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ","tid":"72f988bf-86f1-41af-91ab-2d7cd011db47",
            "uti":"fqiBqXLPj0eQa82S-IYFAA","ver":"2.0"}"#,
    )
}

/// An ID token of a user who signs in to the API itself. It has the `aud` of an access token.
fn id_token_v2() -> Golden {
    Golden::new(
        HEADER_V2,
        r#"{"ver":"2.0","iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
            "sub":"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ","aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3",
            "exp":1800003900,"iat":1800000000,"nbf":1800000000,"name":"Ada Lovelace",
            "preferred_username":"ada@example.com","oid":"690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "tid":"72f988bf-86f1-41af-91ab-2d7cd011db47","roles":["Orders.Admin"],"aio":"Df2UVXexample",
            "rh":"I","uti":"AAAexampleBBBB"}"#,
    )
}

fn machine_token_v1() -> Golden {
    Golden::new(
        HEADER_V1,
        r#"{"aud":"api://my-api","iss":"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
            "iat":1800000000,"nbf":1800000000,"exp":1800003900,"aio":"E2ZgYexampleAA==",
            "appid":"11112222-bbbb-3333-cccc-4444dddd5555","appidacr":"1",
            "idp":"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
            "oid":"aaaa0000-bb11-2222-33cc-444444dddddd","rh":"0.AXQexample.","roles":["Orders.Read.All"],
            "sub":"aaaa0000-bb11-2222-33cc-444444dddddd","tid":"72f988bf-86f1-41af-91ab-2d7cd011db47",
            "uti":"AbCdEfGhIjKlMnOpQrStUv","ver":"1.0"}"#,
    )
}

fn user_token_v1() -> Golden {
    Golden::new(
        HEADER_V1,
        r#"{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3",
            "iss":"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/","iat":1800000000,"nbf":1800000000,
            "exp":1800003900,"acr":"1","aio":"AXQAi/8IAAAAexample==","amr":["pwd"],
            "appid":"11112222-bbbb-3333-cccc-4444dddd5555","appidacr":"0","family_name":"Lovelace","given_name":"Ada",
            "ipaddr":"192.0.2.7","name":"Ada Lovelace","oid":"02223b6b-aa1d-42d4-9ec0-1b2bb9194438","rh":"I",
            "scp":"user_impersonation","sub":"l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
            "tid":"72f988bf-86f1-41af-91ab-2d7cd011db47","unique_name":"ada@example.com",
            "uti":"FVsGxYXI30-TuikuuUoFAA","ver":"1.0"}"#,
    )
}

#[test]
fn application_token_grants_its_roles() {
    for (verifier, token) in
        [(entra_verifier(), machine_token_v2()), (entra_v1_verifier(), machine_token_v1())]
    {
        let claims = accepted(&verifier, &token);
        assert_eq!(claims.client_id(), Some(CLIENT));
        assert_eq!(claims.scopes().to_string(), "Orders.Read.All");
        assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }));
    }
}

#[test]
fn user_token_grants_scopes_without_user_roles() {
    // C23
    let claims = accepted(&entra_verifier(), &user_token_v2());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.scopes().to_string(), "Orders.Read access_as_user");
    let user = "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ";
    assert!(matches!(claims.principal(), Principal::Subject { id, .. } if id == user));
    let issuer = Issuer::entra(TENANT).unwrap().audience(API).roles_as_scopes();
    assert!(
        accepted(&verifier_with_keys(issuer, &keys()), &user_token_v2()).scopes().contains("Orders.Admin")
    );
    // FR-B6: a prefix does not make the roles of users count.
    let prefixed = ScopeSource::array("roles").with_prefix("role:");
    let issuer = Issuer::entra(TENANT).unwrap().audience(API).scopes_from(prefixed);
    let verifier = verifier_with_keys(issuer, &keys());
    assert_eq!(accepted(&verifier, &user_token_v2()).scopes().to_string(), "Orders.Read access_as_user");
    assert!(accepted(&verifier, &machine_token_v2()).has_scope("role:Orders.Read.All"));

    let claims = accepted(&entra_v1_verifier(), &user_token_v1());
    assert_eq!(claims.scopes().to_string(), "user_impersonation");
    assert!(matches!(claims.principal(), Principal::Subject { .. }));
}

#[test]
fn application_token_without_roles_grants_nothing() {
    assert_eq!(accepted(&entra_verifier(), &machine_token_v2().without("roles")).scopes().iter().count(), 0);
}

#[test]
fn id_token_for_same_application_is_reported() {
    // C18
    assert_rejected!(
        entra_verifier(),
        id_token_v2(),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `azp` to be the client's id, found none"
    );
    assert_rejected!(
        entra_verifier(),
        id_token_v2().with("nonce", "12345"),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `nonce` to be absent, found a string"
    );
    let id_token_v1 = user_token_v1().without("appid").without("appidacr").without("scp");
    assert_rejected!(
        entra_v1_verifier(),
        id_token_v1,
        Error::NotAnAccessToken { .. },
        "not an access token: expected `appid` to be the client's id, found none"
    );
}

#[test]
fn token_of_other_version_is_rejected() {
    assert_rejected!(
        entra_verifier(),
        machine_token_v1(),
        Error::UnknownIssuer { .. },
        "expected `iss` to be a trusted issuer such as \
         https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0, found \
         \"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/\""
    );
    assert_rejected!(
        entra_v1_verifier(),
        machine_token_v2(),
        Error::UnknownIssuer { .. },
        "expected `iss` to be a trusted issuer such as \
         https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/, found \
         \"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0\""
    );
    assert_rejected!(
        entra_verifier(),
        machine_token_v2().with("ver", "1.0"),
        Error::WrongClaim { .. },
        r#"expected `ver` to be 2.0, found "1.0""#
    );
    // Both versions, for an API in transition.
    let both =
        Verifier::builder().clock(|| std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_060));
    let keys = json!({ "keys": keys() }).to_string();
    let both = both
        .trust(Issuer::entra(TENANT).unwrap().audience(API).jwks(&keys))
        .trust(Issuer::entra_v1(TENANT).unwrap().audience(API_URI).jwks(&keys))
        .build()
        .unwrap();
    accepted(&both, &machine_token_v2());
    accepted(&both, &machine_token_v1());
}

#[test]
fn other_tenant_is_rejected_by_name_and_id() {
    assert_rejected!(
        entra_verifier(),
        machine_token_v2().with("iss", format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0")),
        Error::UnknownIssuer { .. },
        "expected `iss` to be a trusted issuer such as \
         https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0, found \
         \"https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0\""
    );
    for (verifier, token) in
        [(entra_verifier(), machine_token_v2()), (entra_v1_verifier(), machine_token_v1())]
    {
        assert_rejected!(
            verifier,
            token.clone().with("tid", OTHER_TENANT),
            Error::WrongClaim { .. },
            "expected `tid` to be 72f988bf-86f1-41af-91ab-2d7cd011db47, found \"8eaef023-2b34-4da1-9baa-8bc8c9d6a490\""
        );
        assert_rejected!(
            verifier,
            token.clone().with("tid", json!([TENANT])),
            Error::WrongClaim { .. },
            "expected `tid` to be 72f988bf-86f1-41af-91ab-2d7cd011db47, found an array, \
             \"[\\\"72f988bf-86f1-41af-91ab-2d7cd011db47\\\"]\""
        );
        // `tid` may be absent.
        accepted(&verifier, &token.without("tid"));
    }
}

#[test]
fn token_for_microsoft_graph_is_rejected() {
    let graph = machine_token_v1().with("aud", "https://graph.microsoft.com");
    assert_rejected!(
        entra_verifier(),
        graph,
        Error::UnknownIssuer { .. },
        "expected `iss` to be a trusted issuer such as \
         https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0, found \
         \"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/\""
    );
    assert_rejected!(
        entra_v1_verifier(),
        graph,
        Error::WrongAudience { .. },
        r#"expected `aud` to hold an audience such as api://my-api, 6e74172b-be56-4843-9ff4-e66a39bb12e3, found "https://graph.microsoft.com""#
    );
    // Microsoft changes the `nonce` in the header after signing, so the signature does not verify.
    let signed = graph.clone().with_header("nonce", "hash-of-the-nonce").compact();
    let (_, rest) = signed.split_once('.').unwrap();
    let header = HEADER_V1.replacen('{', r#"{"nonce":"AQABAAAAAAexample","#, 1);
    let sent = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
    assert_eq!(
        entra_v1_verifier().verify(&sent).unwrap_err().to_string(),
        "the signature does not verify with the key \"jS1Xo1OWDj_52vbwGNgvQO2VzMc\" of \
         https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/"
    );
}

#[test]
fn v2_audience_is_the_application_id() {
    let verifier = verifier_with_keys(Issuer::entra(TENANT).unwrap().audience(API_URI), &keys());
    assert_rejected!(
        verifier,
        machine_token_v2(),
        Error::WrongAudience { .. },
        r#"expected `aud` to hold an audience such as api://my-api, found "6e74172b-be56-4843-9ff4-e66a39bb12e3""#
    );
}

#[test]
fn client_is_read_from_claim_of_version() {
    let v2 = verifier_with_keys(Issuer::entra(TENANT).unwrap().audience(API).client(CLIENT), &keys());
    accepted(&v2, &machine_token_v2().with("appid", SERVICE));
    assert_rejected!(
        v2,
        machine_token_v2().with("azp", SERVICE),
        Error::WrongClient { .. },
        r#"expected a client such as 11112222-bbbb-3333-cccc-4444dddd5555, found "aaaa0000-bb11-2222-33cc-444444dddddd""#
    );
}

#[test]
fn other_clouds_have_names_of_their_own() {
    // FR-B6
    let in_cloud = |token: Golden, iss: &str| token.with("iss", iss);
    let without_issuer =
        || [jwk(json!({"kty": "RSA", "kid": "jS1Xo1OWDj_52vbwGNgvQO2VzMc", "n": "", "e": ""}))];
    let external = format!("{TENANT}.ciamlogin.com");
    for (host, iss) in [
        (external.as_str(), format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0")),
        ("login.microsoftonline.us", format!("https://login.microsoftonline.us/{TENANT}/v2.0")),
        (
            "login.partner.microsoftonline.cn",
            format!("https://login.partner.microsoftonline.cn/{TENANT}/v2.0"),
        ),
    ] {
        let verifier =
            verifier_with_keys(Issuer::entra_at(host, TENANT).unwrap().audience(API), &without_issuer());
        let claims = accepted(&verifier, &in_cloud(machine_token_v2(), &iss));
        assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }));
        assert_eq!(claims.scopes().to_string(), "Orders.Read.All");
        assert_rejected!(verifier, machine_token_v2(), Error::UnknownIssuer { .. });
        // The rules of the preset apply.
        let other_tenant = in_cloud(machine_token_v2(), &iss).with("tid", OTHER_TENANT);
        assert_rejected!(verifier, other_tenant, Error::WrongClaim { .. });
    }
    for (host, iss) in [
        ("login.microsoftonline.us", format!("https://sts.windows.net/{TENANT}/")),
        ("login.partner.microsoftonline.cn", format!("https://sts.chinacloudapi.cn/{TENANT}/")),
        ("login.chinacloudapi.cn", format!("https://sts.chinacloudapi.cn/{TENANT}/")),
    ] {
        let issuer = Issuer::entra_v1_at(host, TENANT).unwrap().audience(API_URI);
        accepted(&verifier_with_keys(issuer, &without_issuer()), &in_cloud(machine_token_v1(), &iss));
    }
    for host in
        ["", "login", "https://login.microsoftonline.us", "Login.microsoftonline.us", "a.b/c", "a.b:443"]
    {
        for error in
            [Issuer::entra_at(host, TENANT).unwrap_err(), Issuer::entra_v1_at(host, TENANT).unwrap_err()]
        {
            assert!(matches!(error, ConfigError::InvalidName { setting: "host", .. }), "{error:?}");
        }
    }
    let unknown = Issuer::entra_v1_at("login.example.com", TENANT).unwrap_err();
    assert!(
        unknown.to_string().ends_with(r#"or login.chinacloudapi.cn, found "login.example.com""#),
        "{unknown}"
    );
}

#[test]
fn key_of_another_tenant_or_cloud_is_skipped() {
    // FR-B7
    let with_issuer = |issuer: &str| {
        let key =
            json!({"kty": "RSA", "kid": "jS1Xo1OWDj_52vbwGNgvQO2VzMc", "n": "", "e": "", "issuer": issuer});
        [jwk(key), other_jwk(json!({"kty": "RSA", "kid": "other", "n": "", "e": ""}))]
    };
    let v2 = |keys: &[Value]| verifier_with_keys(Issuer::entra(TENANT).unwrap().audience(API), keys);
    let v1 = |keys: &[Value]| verifier_with_keys(Issuer::entra_v1(TENANT).unwrap().audience(API_URI), keys);
    for ours in [TENANT, "{tenantid}"] {
        let version_2 = with_issuer(&format!("https://login.microsoftonline.com/{ours}/v2.0"));
        accepted(&v2(&version_2), &machine_token_v2());
        accepted(&v1(&version_2), &machine_token_v1());
        let version_1 = with_issuer(&format!("https://sts.windows.net/{ours}/"));
        accepted(&v1(&version_1), &machine_token_v1());
        assert_rejected!(v2(&version_1), machine_token_v2(), Error::UnknownKey { .. });
    }
    for other in [
        format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"),
        format!("https://login.microsoftonline.us/{TENANT}/v2.0"),
        format!("https://login.microsoftonline.com/{TENANT}/v2.0/"),
        String::new(),
    ] {
        let keys = with_issuer(&other);
        assert_rejected!(v2(&keys), machine_token_v2(), Error::UnknownKey { .. });
        assert_rejected!(v1(&keys), machine_token_v1(), Error::UnknownKey { .. });
    }
}

#[test]
fn tenant_that_is_not_a_guid_is_rejected() {
    let upper = Issuer::entra(&TENANT.to_ascii_uppercase()).unwrap().audience(API);
    accepted(&verifier_with_keys(upper, &keys()), &machine_token_v2());
    for tenant in [
        "common",
        "organizations",
        "consumers",
        "example.onmicrosoft.com",
        "",
        "72f988bf-86f1-41af-91ab-2d7cd011db4",
        "72f988bf86f141af91ab2d7cd011db47",
        "72f988bg-86f1-41af-91ab-2d7cd011db47",
        "72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
        "{72f988bf-86f1-41af-91ab-2d7cd011db47}",
    ] {
        for error in [Issuer::entra(tenant).unwrap_err(), Issuer::entra_v1(tenant).unwrap_err()] {
            assert!(matches!(error, ConfigError::InvalidName { setting: "tenant", .. }), "{error:?}");
            assert_eq!(
                error.to_string(),
                format!(
                    "tenant: expected the id of one tenant, a GUID, because tokens name the tenant that issued them by \
                     it, and never common, organizations, consumers or a domain, found {tenant:?}"
                )
            );
        }
    }
}
