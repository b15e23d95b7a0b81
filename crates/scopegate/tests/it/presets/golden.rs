//! Tokens and key sets as JSON, in the form of a provider.

use scopegate::{Issuer, Verifier};
use scopegate_issuer::Mint;
use serde_json::Value;
use testkit::{KEY, Token, builder_at, jwks};

/// The time at which the golden tokens are verified: between their `iat` and their `exp`.
const NOW: u64 = 1_800_000_060;

/// A token, before it is signed.
#[derive(Clone)]
pub(crate) struct Golden {
    header: Value,
    payload: Value,
}

impl Golden {
    pub(crate) fn new(header: &str, payload: &str) -> Self {
        let parse = |text| serde_json::from_str(text).unwrap();
        Self { header: parse(header), payload: parse(payload) }
    }

    pub(crate) fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.payload.as_object_mut().unwrap().insert(claim.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, claim: &str) -> Self {
        assert!(self.payload.as_object_mut().unwrap().remove(claim).is_some(), "{claim} was there");
        self
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.as_object_mut().unwrap().insert(name.to_owned(), value.into());
        self
    }
}

impl Token for Golden {
    fn compact(&self) -> String {
        Mint::cognito("", "")
            .raw_header(self.header.to_string())
            .raw_payload(self.payload.to_string())
            .sign_with(&KEY)
    }
}

/// A JWK with the members of `like`, and the shared key's numbers instead of its `n` and `e`.
pub(crate) fn jwk(like: Value) -> Value {
    let mut jwk = like;
    let key = KEY.jwk();
    for name in ["n", "e"] {
        jwk.as_object_mut().unwrap().insert(name.to_owned(), key.get(name).unwrap().clone());
    }
    jwk
}

/// A key that signs no token of these tests: the example of RFC 7638 §3.1, which needs no
/// generation.
pub(crate) fn other_jwk(like: Value) -> Value {
    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZ\
                     CiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJ\
                     ZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBn\
                     iIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let mut jwk = like;
    jwk.as_object_mut().unwrap().insert("n".to_owned(), N.into());
    jwk.as_object_mut().unwrap().insert("e".to_owned(), "AQAB".into());
    jwk
}

/// Returns a verifier that trusts this issuer with these keys.
pub(crate) fn verifier_with_keys(issuer: Issuer, keys: &[Value]) -> Verifier {
    let issuer = issuer.jwks(jwks(keys.iter().cloned()));
    builder_at(NOW).trust(issuer).build().unwrap()
}
