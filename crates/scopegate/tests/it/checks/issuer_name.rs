//! Which names may an issuer have, and which issuer do tokens without `iss` belong to?

use scopegate::{ConfigError, Error, Issuer, IssuerWithoutAudience, Verifier};
use serde_json::{Value, json};
use testkit::{
    AUDIENCE, CLIENT, ISSUER, KEY, NOW, OTHER_KEY, accepted, assert_rejected, builder_at, cognito_token,
    issuer_with_keys, jwks, rfc9068_token, verifier_trusting,
};

const LOCAL_STACK: &str = "http://localhost.localstack.cloud:4566/us-east-1_abc";

fn keys() -> String {
    jwks([KEY.jwk()])
}

#[test]
fn compared_name_may_be_any_string_or_uri() {
    // FR-B4: FusionAuth, AD FS, LocalStack, SPIFFE
    for name in ["acme.com", "http://fs.example.com/adfs/services/trust", LOCAL_STACK, "spiffe://example.org"]
    {
        let verifier = verifier_trusting(Issuer::from_jwks(name, &keys()).unwrap().audience(AUDIENCE));
        assert_eq!(accepted(&verifier, &rfc9068_token().claim("iss", name)).issuer(), name);
        for other in [format!("{name}/"), name.to_uppercase(), format!("https://{name}")] {
            let token = rfc9068_token().claim("iss", other);
            assert_rejected!(verifier, token, Error::UnknownIssuer { .. });
        }
        assert!(Issuer::from_jwks_uri(name, "https://keys.example/jwks").is_ok());
        // A URL that is fetched, and a name that a URL derives from, keep their rule. The rule
        // about `http` is checked at the start.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let start = |draft: IssuerWithoutAudience| {
            runtime.block_on(async { Verifier::builder().trust(draft.audience(AUDIENCE)).start_lazy() })
        };
        let fetched = Issuer::from_jwks_uri(name, "http://keys.example/jwks").and_then(start).unwrap_err();
        assert!(matches!(fetched, ConfigError::InvalidUrl { setting: "jwks_uri", .. }), "{fetched:?}");
        for derived in [Issuer::from_metadata, Issuer::hydra, Issuer::rfc9068, Issuer::cognito_at]
            .map(|preset| preset(name))
        {
            assert_eq!(derived.is_ok(), name.starts_with("http://"), "{derived:?}");
            let derived = derived.and_then(start).unwrap_err();
            assert!(matches!(derived, ConfigError::InvalidUrl { setting: "issuer", .. }), "{derived:?}");
        }
    }
}

#[test]
fn malformed_name_is_rejected() {
    // FR-B4
    for name in ["", " acme.com", "acme.com\n", "1a:b", "https://issuer.example/a b", "https://u:secret@h/"] {
        for error in [
            Issuer::from_jwks(name, &keys()).unwrap_err(),
            Issuer::from_jwks_uri(name, "https://keys.example/jwks").unwrap_err(),
            Issuer::from_pem(name, [("k", "")]).unwrap_err(),
        ] {
            assert!(matches!(error, ConfigError::InvalidName { setting: "issuer", .. }), "{error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let renamed = Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).jwks(keys()).issuer_name(name);
        let error = Verifier::builder().trust(renamed).build().unwrap_err();
        assert!(matches!(error, ConfigError::InvalidName { setting: "issuer", .. }), "{error:?}");
    }
}

#[test]
fn preset_name_may_differ_from_its_url() {
    // FR-B4
    let preset = || Issuer::cognito_at("https://localhost.localstack.cloud:4566/us-east-1_abc").unwrap();
    let verifier = verifier_trusting(preset().client(CLIENT).issuer_name(LOCAL_STACK).jwks(keys()));
    accepted(&verifier, &cognito_token().claim("iss", LOCAL_STACK));
    let by_address = cognito_token().claim("iss", "https://localhost.localstack.cloud:4566/us-east-1_abc");
    assert_rejected!(verifier, by_address, Error::UnknownIssuer { .. });
    // The issuer of the metadata must be the `iss` of the tokens.
    let discovered = || Issuer::from_metadata(ISSUER).unwrap().audience(AUDIENCE);
    let error = Verifier::builder().trust(discovered().issuer_name("acme.com")).build().unwrap_err();
    assert!(matches!(error, ConfigError::KeysRequireRuntime { .. }), "{error:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = |issuer: Issuer| runtime.block_on(async { Verifier::builder().trust(issuer).start_lazy() });
    let error = start(discovered().issuer_name("acme.com")).unwrap_err();
    assert!(matches!(error, ConfigError::InvalidName { setting: "issuer_name", .. }), "{error:?}");
    assert!(start(discovered().issuer_name(ISSUER)).is_ok());
    assert!(start(discovered().issuer_name("acme.com").jwks_uri("https://keys.example/jwks")).is_ok());
}

#[test]
fn token_without_iss_belongs_to_the_unnamed_issuer() {
    // FR-B9: a JWT-SVID
    const TRUST_DOMAIN: &str = "spiffe://example.org";
    let spire = || Issuer::from_jwks(TRUST_DOMAIN, &keys()).unwrap().audience(AUDIENCE);
    let other = || issuer_with_keys([OTHER_KEY.jwk()]).audience(AUDIENCE);
    let svid = rfc9068_token()
        .header("typ", "JWT")
        .without_claim("iss")
        .without_claim("client_id")
        .without_claim("scope")
        .claim("sub", "spiffe://example.org/orders");
    let verifier = builder_at(NOW).trust(other()).trust(spire().allow_missing_iss()).build().unwrap();
    let claims = accepted(&verifier, &svid);
    assert_eq!((claims.issuer(), claims.subject()), (TRUST_DOMAIN, Some("spiffe://example.org/orders")));
    accepted(&verifier, &svid.clone().claim("iss", TRUST_DOMAIN));
    // The other issuer's key does not verify such a token.
    let forged = svid.sign_with(&OTHER_KEY.clone().with_kid(KEY.kid()));
    assert!(matches!(verifier.verify(forged), Err(Error::BadSignature { .. })));
    for iss in [Value::Null, json!(""), json!(1), json!("spiffe://example.com")] {
        assert_rejected!(verifier, svid.clone().claim("iss", iss), Error::UnknownIssuer { .. });
    }
    // A numeric `sub` stays rejected.
    assert_rejected!(verifier, svid.clone().claim("sub", 1), Error::MalformedClaim { .. });
    let strict = builder_at(NOW).trust(other()).trust(spire()).build().unwrap();
    assert_rejected!(strict, svid, Error::UnknownIssuer { found: None, .. });
}

#[test]
fn second_issuer_of_unnamed_tokens_is_rejected() {
    // FR-B9
    let issuer = |name| Issuer::from_jwks(name, &keys()).unwrap().audience(AUDIENCE);
    let builder = || builder_at(NOW).trust(issuer("a").allow_missing_iss());
    assert!(builder().trust(issuer("b")).build().is_ok());
    assert_eq!(
        builder().trust(issuer("b").allow_missing_iss()).build().unwrap_err().to_string(),
        "allow_missing_iss: expected at most one issuer of tokens without `iss`, found a and b"
    );
}
