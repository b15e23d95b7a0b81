//! Presets: which rules do the tokens of a well-known provider satisfy?
//!
//! One file for each provider. A preset only sets values for the checks of every issuer.

mod auth0;
mod cognito;
#[cfg(feature = "fetch")]
mod cognito_pools;
mod entra;
mod entra_tenants;
#[cfg(feature = "fetch")]
mod google;
mod hydra;
mod keycloak;
mod okta;
mod rfc9068;

#[cfg(test)]
mod tests {
    use crate::issuer::Issuer;
    use crate::issuer::key_config::KeyConfig;

    #[test]
    fn presets_set_url_of_their_keys() {
        let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        let tenants_keys = format!("https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys");
        for (draft, keys) in [
            (Issuer::auth0("a.eu.auth0.com"), "https://a.eu.auth0.com/.well-known/jwks.json"),
            (Issuer::okta("https://a.okta.com/oauth2/b"), "https://a.okta.com/oauth2/b/v1/keys"),
            (Issuer::entra(tenant), &tenants_keys),
            (Issuer::entra_v1(tenant), "https://login.microsoftonline.com/common/discovery/keys"),
            (Issuer::keycloak("https://h/realms/a"), "https://h/realms/a/protocol/openid-connect/certs"),
            (Issuer::hydra("https://h"), "https://h/.well-known/jwks.json"),
            (Issuer::hydra("https://h/"), "https://h/.well-known/jwks.json"),
        ] {
            let (KeyConfig::JwksUri(url) | KeyConfig::Derived { jwks_uri: url, .. }) = draft.unwrap().0.keys
            else {
                panic!("{keys}")
            };
            assert_eq!(url, keys);
        }
        for draft in [Issuer::rfc9068("https://h/a"), Issuer::from_metadata("https://h/a")] {
            let KeyConfig::Discovery(address) = draft.unwrap().0.keys else { panic!("expected discovery") };
            assert_eq!(address.url().as_str(), "https://h/a");
        }
    }
}
