//! Tokens that the local issuer mints in the form of a provider. Both crates implement the
//! provider's documentation independently.

use scopegate::{Error, Issuer, IssuerWithoutAudience, Principal};
use scopegate_issuer::Mint;
use testkit::{ISSUER, KEY, accepted, rejected};

use crate::presets::golden::verifier_with_keys;

const API: &str = "https://api.example";
const CLIENT: &str = "order-importer";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const OKTA: &str = "https://example.okta.com/oauth2/default";
const REALM: &str = "https://sso.example/realms/acme";
const HYDRA: &str = "https://hydra.example/";
const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";

/// Each preset, a token in its form, and the same token without the claim that marks access tokens.
fn presets() -> Vec<(&'static str, IssuerWithoutAudience, Mint, Option<Mint>)> {
    let preset = |name, issuer: Result<IssuerWithoutAudience, _>, mint: Mint, unmarked: fn(Mint) -> Mint| {
        (name, issuer.unwrap(), mint.clone(), Some(unmarked(mint)))
    };
    vec![
        (
            "auth0",
            Issuer::auth0("example.eu.auth0.com").unwrap(),
            Mint::auth0("example.eu.auth0.com", CLIENT),
            None,
        ),
        preset("cognito", Issuer::cognito("eu-west-1_Ab12Cd34E"), Mint::cognito(POOL, CLIENT), |mint| {
            mint.without_claim("token_use")
        }),
        preset("okta", Issuer::okta(OKTA), Mint::okta(OKTA, CLIENT), |mint| mint.without_claim("cid")),
        preset("entra", Issuer::entra(TENANT), Mint::entra(TENANT, CLIENT), |mint| mint.without_claim("azp")),
        preset("entra_v1", Issuer::entra_v1(TENANT), Mint::entra_v1(TENANT, CLIENT), |mint| {
            mint.without_claim("appid")
        }),
        preset("keycloak", Issuer::keycloak(REALM), Mint::keycloak(REALM, CLIENT), |mint| {
            mint.without_claim("typ")
        }),
        preset("hydra", Issuer::hydra(HYDRA), Mint::hydra(HYDRA, CLIENT), |mint| {
            mint.without_claim("client_id")
        }),
        preset("rfc9068", Issuer::rfc9068(ISSUER), Mint::rfc9068(ISSUER, CLIENT), |mint| {
            mint.header("typ", "JWT")
        }),
    ]
}

fn in_time(mint: Mint) -> Mint {
    mint.issued_at(testkit::NOW).lifetime(300).audience(API)
}

#[test]
fn minted_token_is_accepted_by_its_provider_preset() {
    // FR-E2
    for (name, issuer, mint, unmarked) in presets() {
        let verifier = verifier_with_keys(issuer.audience(API).client(CLIENT), &[KEY.jwk()]);
        let mint = in_time(mint).scope("orders.read orders.write");
        let claims = accepted(&verifier, &mint);
        assert_eq!(claims.client_id(), Some(CLIENT), "{name}");
        assert_eq!(claims.scopes().to_string(), "orders.read orders.write", "{name}");
        assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }), "{name}");

        let other_audience = mint.clone().audience("https://other.example");
        let error = rejected(&verifier, &other_audience);
        assert!(matches!(error, Error::WrongAudience { .. }), "{name}: {error:?}");
        let error = rejected(&verifier, &mint.client("other-client"));
        assert!(matches!(error, Error::WrongClient { .. }), "{name}: {error:?}");
        if let Some(unmarked) = unmarked {
            let error = rejected(&verifier, &in_time(unmarked));
            let expected = matches!(error, Error::NotAnAccessToken { .. } | Error::WrongType { .. });
            assert!(expected, "{name}: {error:?}");
        }
    }
}
