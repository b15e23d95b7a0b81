//! Claims for unit tests of this crate, and of other crates with the feature `test-util`.

use std::sync::Arc;

use scopegate_proto::json::JsonObject;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::checks::identity;
use crate::checks::lifetime::Lifetime;
use crate::claims::{Claims, Lookups, Named};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::interner::ScopeInterner;

#[cfg(all(feature = "test-util", not(debug_assertions)))]
compile_error!(
    "the feature `test-util` of scopegate makes claims of tokens that do not exist. It does not compile without \
     `debug_assertions`, so that no release build has it. Enable it in `[dev-dependencies]` only"
);

/// An arbitrary key, because there is no signature.
const JWKS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const ISSUER: &str = "https://issuer.test";
/// The year 2100, so that tests do not depend on the current date.
const EXPIRES_AT: u64 = 4_102_444_800;

impl Claims {
    /// Creates claims **without a token**, for unit tests of code that takes claims. It needs the
    /// feature `test-util`, which does not compile without `debug_assertions`.
    ///
    /// The claims are read with the rules of an issuer without a preset. Scopes are read from
    /// `scope` and `scp`. The client is read from `client_id`, `azp`, `appid` or `cid`.
    ///
    /// Default of `iss`: `https://issuer.test`. Default of `exp`: a time in the year 2100.
    ///
    /// ```
    /// use scopegate::{Claims, Principal};
    /// use serde_json::json;
    ///
    /// let claims = Claims::for_test(json!({ "sub": "user-1", "scope": "orders/read", "tenant": "t1" }));
    /// assert!(claims.has_scope("orders/read") && !claims.has_scope("orders/write"));
    /// assert_eq!(claims.identity(), ("https://issuer.test", "user-1"));
    /// assert_eq!(claims.claim::<String>("tenant")?.as_deref(), Some("t1"));
    /// # Ok::<(), scopegate::Error>(())
    /// ```
    ///
    /// # Panics
    /// Panics if `claims` is not a JSON object. Panics if a claim is malformed, for example if
    /// `sub` is a number.
    #[track_caller]
    #[allow(
        clippy::panic,
        clippy::needless_pass_by_value,
        reason = "documented: a test with wrong claims fails"
    )]
    pub fn for_test(claims: impl Serialize) -> Self {
        match serde_json::to_value(&claims) {
            Ok(Value::Object(members)) => match read(members) {
                Ok(claims) => claims,
                Err(error) => panic!("Claims::for_test: {error}"),
            },
            Ok(other) => panic!("Claims::for_test: expected a JSON object, found {other}"),
            Err(error) => panic!("Claims::for_test: {error}"),
        }
    }
}

fn read(mut members: Map<String, Value>) -> Result<Claims, Error> {
    members.entry("iss").or_insert_with(|| ISSUER.into());
    members.entry("exp").or_insert_with(|| EXPIRES_AT.into());
    let payload = Value::Object(members).to_string();
    let malformed = |_| Error::MalformedClaim { claim: "iss".into(), expected: "a string", found: None };
    let payload = JsonObject::from_text(&payload)
        .map_err(|found| Error::InvalidJson { part: scopegate_proto::jws::Part::Payload, found })?;
    let issuer = identity::optional_name(&payload, "iss")?.unwrap_or(ISSUER.into());
    let policy = Issuer::from_jwks(ISSUER, JWKS).map_err(malformed)?;
    let policy = policy.allow_any_audience().policy;
    let issued_for = policy.audience.check(&payload)?;
    let lifetime = Lifetime::read(&payload)?;
    let subject = identity::optional_name(&payload, "sub")?;
    let token_id = identity::optional_name(&payload, "jti")?;
    let granted = policy.scopes.read(&payload, None, &ScopeInterner::new(ScopeHierarchy::default()))?;
    let named = Named {
        tenant: None,
        subject: subject.as_deref(),
        token_id: token_id.as_deref(),
        issued_for: &issued_for,
    };
    Ok(Claims::new(b"", Arc::from(&*issuer), &named, payload.text(), granted, lifetime, Lookups::default()))
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use serde_json::json;

    use super::*;
    use crate::claims::Principal;

    #[test]
    fn test_claims_have_same_getters_as_token_claims() {
        // FR-C2
        let claims = Claims::for_test(json!({
            "iss": "https://login.example", "sub": "user-1", "azp": "client-1", "jti": "id-1", "aud": ["api"],
            "scope": "a b", "exp": 2_000_000_000, "tenant": { "id": 7 },
        }));
        assert_eq!(claims.identity(), ("https://login.example", "user-1"));
        assert_eq!((claims.client_id(), claims.token_id()), (Some("client-1"), Some("id-1")));
        assert_eq!(claims.principal(), Principal::Subject { id: "user-1" });
        assert_eq!(claims.audience().collect::<Vec<_>>(), ["api"]);
        assert!(claims.require("a").is_ok() && claims.require("c").is_err());
        assert_eq!(claims.expires_at().as_secs(), 2_000_000_000);
        assert_eq!(claims.claim::<Value>("tenant").unwrap(), Some(json!({ "id": 7 })));

        let empty = Claims::for_test(json!({}));
        assert_eq!((empty.issuer(), empty.principal()), (ISSUER, Principal::Unnamed));
    }

    #[test]
    fn malformed_test_claims_panic() {
        // FR-C2
        for malformed in
            [json!(1), json!([]), json!({ "sub": 1 }), json!({ "iss": 1 }), json!({ "exp": "x" })]
        {
            let shown = malformed.to_string();
            assert!(catch_unwind(|| Claims::for_test(malformed)).is_err(), "{shown}");
        }
    }
}
