//! Independent implementations: `jsonwebtoken` verifies our tokens with the key set, and `ml-dsa`
//! verifies signatures of ML-DSA.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation, crypto, decode, decode_header};
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey};
use serde_json::Value;

/// Verifies the signature of a token with the only key of this set, which is a key of ML-DSA. Returns
/// the claims. Times and issuer are not checked.
pub(crate) fn verify_ml_dsa(token: &str, jwks: &str) -> Result<Value, String> {
    let set: Value = serde_json::from_str(jwks).map_err(|error| error.to_string())?;
    let [jwk] = &set["keys"].as_array().ok_or("no keys")?[..] else { return Err("not one key".to_owned()) };
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string());
    let (input, signature) = token.rsplit_once('.').ok_or("no signature")?;
    let (header, payload) = input.split_once('.').ok_or("no payload")?;
    let header: Value = serde_json::from_slice(&decoded(header)?).map_err(|error| error.to_string())?;
    if (&jwk["kty"], &jwk["alg"], &jwk["kid"]) != (&"AKP".into(), &header["alg"], &header["kid"]) {
        return Err("another key".to_owned());
    }
    let (key, signature) = (decoded(jwk["pub"].as_str().ok_or("no pub")?)?, decoded(signature)?);
    let verified = match jwk["alg"].as_str() {
        Some("ML-DSA-44") => verifies::<MlDsa44>(&key, input, &signature),
        Some("ML-DSA-65") => verifies::<MlDsa65>(&key, input, &signature),
        Some("ML-DSA-87") => verifies::<MlDsa87>(&key, input, &signature),
        _ => return Err("another algorithm".to_owned()),
    };
    if verified != Some(true) {
        return Err("InvalidSignature".to_owned());
    }
    serde_json::from_slice(&decoded(payload)?).map_err(|error| error.to_string())
}

/// Returns `None` if the key or the signature has another length or form.
fn verifies<P: MlDsaParams>(key: &[u8], input: &str, signature: &[u8]) -> Option<bool> {
    let key = VerifyingKey::<P>::decode(&key.try_into().ok()?);
    let signature = Signature::<P>::decode(&signature.try_into().ok()?)?;
    Some(key.verify_with_context(input.as_bytes(), b"", &signature))
}

/// Verifies the signature of a token with this key set, and returns header and claims. Times and
/// issuer are not checked.
pub(crate) fn verify(token: &str, jwks: &str) -> Result<TokenData<Value>, String> {
    let set: JwkSet = serde_json::from_str(jwks).map_err(|error| error.to_string())?;
    let header = decode_header(token).map_err(|error| error.to_string())?;
    let kid = header.kid.ok_or("no kid")?;
    let jwk = set.find(&kid).ok_or("unknown kid")?;
    let key = DecodingKey::from_jwk(jwk).map_err(|error| error.to_string())?;
    verify_with(token, &key, header.alg)
}

/// Verifies the signature of a token with this key. Times and issuer are not checked.
pub(crate) fn verify_with(
    token: &str,
    key: &DecodingKey,
    alg: Algorithm,
) -> Result<TokenData<Value>, String> {
    // The build may enable both backends of `jsonwebtoken`, so it needs an explicit choice. An error
    // means that another test was first.
    let _ = crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let mut validation = Validation::new(alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    decode(token, key, &validation).map_err(|error| error.to_string())
}
