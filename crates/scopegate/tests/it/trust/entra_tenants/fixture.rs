//! Issuers with many tenants, and tokens of these tenants.

use scopegate::{Error, Issuer, IssuerWithoutAudience, Tenants, Verifier};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{KEY, jwks};

pub(super) const A: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
pub(super) const B: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
pub(super) const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
pub(super) const CLIENT: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
pub(super) const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
pub(super) const TEMPLATE_V1: &str = "https://sts.windows.net/{tenantid}/";

pub(super) fn name(tenant: &str) -> String {
    TEMPLATE.replace("{tenantid}", tenant)
}

/// Returns the shared key, published for the issuer that `issuer` names.
pub(super) fn key_of(issuer: &str) -> Value {
    let mut jwk = KEY.jwk();
    jwk["issuer"] = json!(issuer);
    jwk
}

pub(super) fn trusting(draft: IssuerWithoutAudience, keys: impl IntoIterator<Item = Value>) -> Issuer {
    draft.audience(API).jwks(jwks(keys))
}

/// Returns an issuer whose key is for all tenants.
pub(super) fn many(tenants: impl Into<Tenants>) -> Issuer {
    trusting(Issuer::entra_multi_tenant(tenants), [key_of(TEMPLATE)])
}

pub(super) fn verifier(tenants: impl Into<Tenants>) -> Verifier {
    Verifier::builder().trust(many(tenants)).build().unwrap()
}

pub(super) fn mint(tenant: &str) -> Mint {
    Mint::cognito(&name(tenant), CLIENT)
        .without_claim("token_use")
        .without_claim("client_id")
        .claim("azp", CLIENT)
        .claim("aud", API)
        .claim("tid", tenant)
        .claim("ver", "2.0")
}

pub(super) fn token(tenant: &str) -> String {
    mint(tenant).sign_with(&KEY)
}

pub(super) fn mint_v1(tenant: &str) -> Mint {
    let mint = mint(tenant).without_claim("azp").claim("appid", CLIENT).claim("ver", "1.0");
    mint.claim("iss", TEMPLATE_V1.replace("{tenantid}", tenant))
}

pub(super) fn is_unknown(result: &Result<scopegate::Claims, Error>) -> bool {
    matches!(result, Err(Error::UnknownIssuer { .. }))
}
