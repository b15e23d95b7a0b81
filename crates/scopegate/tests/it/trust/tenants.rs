//! Tenants with an issuer each, in a list that changes: which tenant does a token belong to?

use scopegate::{Error, Issuer, Verifier};
use scopegate_issuer::Mint;
use serde_json::json;
use testkit::{CLIENT, KEY, jwks};

const API: &str = "https://my-api-server.org";

fn auth0(domain: &str) -> Issuer {
    Issuer::auth0(domain).unwrap().audience(API).jwks(jwks([KEY.jwk()]))
}

fn keycloak(realm: &str) -> Issuer {
    Issuer::keycloak(&format!("https://sso.example/realms/{realm}"))
        .unwrap()
        .audience(API)
        .jwks(jwks([KEY.jwk()]))
}

fn token(iss: &str) -> String {
    let mint = Mint::cognito(iss, CLIENT).without_claim("token_use").without_claim("client_id");
    // Claims of other providers are no tenant.
    let mint = mint.claim("tid", "other").claim("realm", "other").claim("tenant", "other");
    mint.claim("aud", API).claim("azp", CLIENT).claim("typ", "Bearer").sign_with(&KEY)
}

#[test]
fn auth0_and_keycloak_tenants_come_and_go() {
    let verifier =
        Verifier::builder().trust(auth0("a.eu.auth0.com")).trust(keycloak("acme")).build().unwrap();
    for (added, issuer, tenant) in [
        (auth0("b.eu.auth0.com"), "https://b.eu.auth0.com/", "b.eu.auth0.com"),
        (keycloak("globex"), "https://sso.example/realms/globex", "globex"),
    ] {
        let of_tenant = token(issuer);
        assert!(matches!(verifier.verify(&of_tenant), Err(Error::UnknownIssuer { .. })), "{issuer}");
        verifier.trust(added).unwrap();
        for _ in 0..2 {
            let claims = verifier.verify(&of_tenant).unwrap();
            assert_eq!((claims.issuer(), claims.tenant()), (issuer, Some(tenant)));
        }
        assert!(verifier.distrust(issuer).unwrap());
        assert!(matches!(verifier.verify(&of_tenant), Err(Error::UnknownIssuer { .. })), "{issuer}");
    }
    let first = verifier.verify(token("https://a.eu.auth0.com/")).unwrap();
    assert_eq!(first.tenant(), Some("a.eu.auth0.com"));
}

#[test]
fn tenant_is_known_to_presets_only() {
    let issuer = Issuer::from_jwks("https://issuer.example/realms/acme", &jwks([KEY.jwk()])).unwrap();
    let verifier = Verifier::builder().trust(issuer.audience(API)).build().unwrap();
    assert_eq!(verifier.verify(token("https://issuer.example/realms/acme")).unwrap().tenant(), None);

    let pool = "eu-west-1_Ab12Cd34E";
    let keys = jwks([KEY.jwk()]);
    let emulated = format!("https://cognito.example/{pool}");
    for (issuer, tenant) in [
        (Issuer::cognito(pool), Some(pool)),
        (Issuer::cognito_updated(pool), Some(pool)),
        (Issuer::cognito_replica(pool, "eu-central-1"), Some(pool)),
        (Issuer::cognito_at(&emulated), None),
    ] {
        let issuer = issuer.unwrap().client(CLIENT).jwks(&keys);
        let verifier = Verifier::builder().trust(issuer).build().unwrap();
        let iss = verifier.issuers().next().unwrap();
        let claims = verifier.verify(Mint::cognito(&iss, CLIENT).claim("pool", json!("x")).sign_with(&KEY));
        assert_eq!(claims.unwrap().tenant(), tenant, "{iss}");
    }
}
