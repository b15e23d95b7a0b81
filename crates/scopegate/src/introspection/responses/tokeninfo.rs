//! The endpoint `tokeninfo`, with which Google answers for its access tokens. It is older than RFC
//! 7662: the token itself is the credential, `active` is missing, and dates are strings.

use http::StatusCode;
use http::header::HeaderValue;
use scopegate_proto::json::{JsonObject, string};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::introspection::responses::failure::Failure;

/// The error of a token that is unknown, expired or revoked (RFC 6750 §3.1).
const INVALID_TOKEN: &str = "invalid_token";

/// The members whose values are strings of digits.
const DATES: [&str; 3] = ["exp", "iat", "nbf"];

/// Returns the header with the token. `None` if the token is no header value.
pub(crate) fn authorization(token: &str) -> Option<HeaderValue> {
    let text = Zeroizing::new(format!("Bearer {token}"));
    let mut header = HeaderValue::try_from(text.as_str()).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Returns the same statement in the form of RFC 7662 §2.2. No status is a rejection of the API's
/// credentials, because the API has none. `None` is a status that decides nothing.
pub(crate) fn as_introspection(
    status: StatusCode,
    body: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    if status == StatusCode::OK {
        return active(&JsonObject::from_slice(body).map_err(Failure::Json)?).map(Some);
    }
    let is_about_token = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
    let members = JsonObject::from_slice(body).ok().filter(|_| is_about_token);
    let error = members.as_ref().and_then(|members| members.get("error")).and_then(string);
    Ok((error.as_deref() == Some(INVALID_TOKEN)).then(|| Zeroizing::new(br#"{"active":false}"#.to_vec())))
}

/// Adds `active`, and writes dates as numbers. Another member `active` has no meaning here.
fn active(members: &JsonObject<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if members.contains("error") {
        return Err(Failure::Active(None));
    }
    if !members.contains("aud") {
        // The endpoint may omit it for some tokens, which must not keep others out.
        return Err(Failure::Member(Error::MissingClaim { claim: "aud" }));
    }
    let mut text = Zeroizing::new(String::from(r#"{"active":true"#));
    for (name, value) in members.iter().filter(|(name, _)| *name != "active") {
        let digits = string(value).filter(|text| DATES.contains(&name) && is_date(text));
        let name = serde_json::to_string(name).map_err(|_| Failure::Active(None))?;
        text.push(',');
        text.push_str(&name);
        text.push(':');
        text.push_str(digits.as_deref().unwrap_or(value.get()));
    }
    text.push('}');
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

/// Returns whether a string is the JSON number of a date, up to the year 33,658.
fn is_date(text: &str) -> bool {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    is_number && (1..=12).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(status: u16, body: &str) -> Option<String> {
        let status = StatusCode::from_u16(status).unwrap();
        let body = as_introspection(status, body.as_bytes()).unwrap()?;
        Some(String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn response_becomes_an_active_token() {
        let google = r#"{"azp":"c.apps.googleusercontent.com","aud":"c.apps.googleusercontent.com","sub":"1",
            "scope":"openid","exp":"1800003600","expires_in":"3599","email_verified":"true"}"#;
        let read: serde_json::Value = serde_json::from_str(&translated(200, google).unwrap()).unwrap();
        let expected = serde_json::json!({
            "active": true, "azp": "c.apps.googleusercontent.com", "aud": "c.apps.googleusercontent.com",
            "sub": "1", "scope": "openid", "exp": 1_800_003_600, "expires_in": "3599", "email_verified": "true",
        });
        assert_eq!(read, expected);
        // The endpoint has no such member, so it cannot make a token active or inactive.
        let read = translated(200, r#"{"aud":"a","active":false}"#).unwrap();
        assert_eq!(read, r#"{"active":true,"aud":"a"}"#);
        let escaped = translated(200, r#"{"aud":"a","a\"b":1,"\u0065xp":"1800003600"}"#).unwrap();
        let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, serde_json::json!({ "active": true, "aud": "a", "a\"b": 1, "exp": 1_800_003_600 }));
    }

    #[test]
    fn other_date_stays_a_string() {
        for date in ["", "01", "-1", "1e9", "1800003600.5", "1234567890123", "soon", "1,\"sub\":\"admin\""] {
            let body = serde_json::json!({ "aud": "a", "exp": date }).to_string();
            let read: serde_json::Value = serde_json::from_str(&translated(200, &body).unwrap()).unwrap();
            assert_eq!(read, serde_json::json!({ "active": true, "aud": "a", "exp": date }), "{date}");
        }
    }

    #[test]
    fn only_invalid_token_is_inactive() {
        // IN03
        let invalid = r#"{"error":"invalid_token","error_description":"Invalid Value"}"#;
        for status in [400, 401] {
            assert_eq!(translated(status, invalid).as_deref(), Some(r#"{"active":false}"#), "{status}");
        }
        for (status, body) in [
            (400, r#"{"error":"invalid_request"}"#),
            (400, r#"{"error":{"code":400,"status":"INVALID_ARGUMENT"}}"#),
            (400, r#"{"error_description":"invalid_token"}"#),
            (401, "{}"),
            (401, "<html>"),
            (403, invalid),
            (404, invalid),
            (429, invalid),
            (500, invalid),
        ] {
            assert_eq!(translated(status, body), None, "{status} {body}");
        }
    }

    #[test]
    fn response_without_statement_decides_nothing() {
        // IN06
        for body in ["", "<html>", "[]", r#"{"aud":"a","aud":"b"}"#, "{}", r#"{"aud":"a","error":"x"}"#] {
            assert!(as_introspection(StatusCode::OK, body.as_bytes()).is_err(), "{body}");
        }
    }
}
