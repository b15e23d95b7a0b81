//! Error responses (RFC 6749 §5.2), and other error documents of servers and gateways.

use std::fmt;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use serde_json::value::RawValue;

use scopegate_proto::sent_secrets::SentSecrets;

/// The error code and the description, if they can be read and shown.
#[derive(Debug, Default)]
pub(crate) struct ErrorResponse {
    pub(crate) code: Option<Excerpt>,
    pub(crate) description: Option<Excerpt>,
}

/// Names of the error code, besides `error`.
const CODES: [&str; 5] = ["errorCode", "error_code", "code", "status", "type"];

/// Names of the description, besides `error_description`.
const DESCRIPTIONS: [&str; 8] =
    ["errorSummary", "errorMessage", "error_message", "message", "msg", "detail", "title", "description"];

/// Reads the body of a response without a token.
pub(crate) fn error_response(body: &[u8], secrets: &SentSecrets) -> ErrorResponse {
    let Ok(object) = JsonObject::from_slice(body) else {
        return ErrorResponse { code: None, description: plain_text(body, secrets) };
    };
    let text = |name| object.get(name).and_then(string).and_then(|text| secrets.show(&text));
    let error = ErrorResponse { code: text("error"), description: text("error_description") };
    // Some servers write an object there.
    let nested = object.get("error").and_then(|error| JsonObject::from_text(error.get()).ok());
    let other = other_names(nested.as_ref().unwrap_or(&object), secrets);
    match (error.code, error.description) {
        (None, description) => {
            ErrorResponse { code: other.code, description: description.or(other.description) }
        }
        // With a code in `error`, this is a response of RFC 6749, and other members are not about
        // the error.
        (code, description) => ErrorResponse { code, description },
    }
}

/// Returns whether the body has exactly this error code. It is not filtered, and never shown.
pub(crate) fn has_code(body: &[u8], code: &str) -> bool {
    let Ok(object) = JsonObject::from_slice(body) else { return false };
    object.get("error").and_then(string).is_some_and(|found| found == code)
}

impl fmt::Display for ErrorResponse {
    /// Writes the continuation of an error message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.code {
            write!(f, ", error {code}")?;
        }
        match &self.description {
            Some(description) => write!(f, ", {description}"),
            None => Ok(()),
        }
    }
}

fn other_names(object: &JsonObject<'_>, secrets: &SentSecrets) -> ErrorResponse {
    let first =
        |names: &[&str]| names.iter().find_map(|name| secrets.show(&string_or_number(object.get(name)?)?));
    ErrorResponse { code: first(&CODES), description: first(&DESCRIPTIONS) }
}

fn string_or_number(value: &RawValue) -> Option<String> {
    let number = || value.get().bytes().all(|byte| byte.is_ascii_digit()).then(|| value.get().to_owned());
    string(value).map(std::borrow::Cow::into_owned).or_else(number)
}

/// Returns a body that is a sentence, as gateways send it. The first 120 characters of a page would
/// not help.
fn plain_text(body: &[u8], secrets: &SentSecrets) -> Option<Excerpt> {
    let text = std::str::from_utf8(body).ok()?.trim_start();
    text.starts_with(char::is_alphabetic).then(|| secrets.show(text))?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> (Option<String>, Option<String>) {
        let error_response = error_response(body.as_bytes(), &SentSecrets::new(["s3cret"]));
        let text = |text: Option<Excerpt>| text.map(|text| text.as_str().to_owned());
        (text(error_response.code), text(error_response.description))
    }

    fn words(code: &str, description: &str) -> (Option<String>, Option<String>) {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (text(code), text(description))
    }

    #[test]
    fn error_response_is_read_as_far_as_possible() {
        // E14
        for code in [
            "invalid_request",
            "invalid_client",
            "invalid_grant",
            "unauthorized_client",
            "unsupported_grant_type",
            "invalid_scope",
        ] {
            assert_eq!(read(&format!(r#"{{"error":"{code}"}}"#)), words(code, ""));
        }
        let both = read(r#"{"error":"invalid_client","error_description":"no\nway"}"#);
        assert_eq!(both, words("invalid_client", "no way"), "one line (FR-D9)");
        for body in ["", "<html>", "[]", "{}", r#"{"error":1}"#, r#"{"error":""}"#] {
            assert_eq!(read(body), (None, None), "{body}");
        }
        let long = read(&format!(r#"{{"error_description":"{}"}}"#, "ä".repeat(121)));
        assert_eq!(long, (None, Some("ä".repeat(120))));
        let quoted = read(r#"{"error":"invalid_client","error_description":"s3cret is wrong"}"#);
        assert_eq!(quoted, words("invalid_client", ""), "a server may quote what it was sent");
    }

    #[test]
    fn error_members_of_other_servers_are_read() {
        // FR-D4
        for (body, code, description) in [
            (r#"{"errorCode":"E0000011","errorSummary":"Invalid token"}"#, "E0000011", "Invalid token"),
            (r#"{"error_code":7000215,"message":"bad"}"#, "7000215", "bad"),
            (r#"{"error":{"code":403,"message":"disabled","status":"DENIED"}}"#, "403", "disabled"),
            (r#"{"type":"about:blank","title":"Too many","status":429,"detail":"wait"}"#, "429", "wait"),
            (r#"{"message":"Forbidden"}"#, "", "Forbidden"),
            (r#"{"error_description":"gone","code":5}"#, "5", "gone"),
            (r#"{"error":"invalid_client","message":"not ours"}"#, "invalid_client", ""),
            (r#"{"errorCode":["x"],"message":null}"#, "", ""),
            (r#"{"errorCode":"s3cret","message":"it is S3CRET"}"#, "", ""),
            ("upstream connect error", "", "upstream connect error"),
            ("wrong: s3cret", "", ""),
            ("<p>Bad Gateway</p>", "", ""),
            ("\u{1}\u{2}", "", ""),
        ] {
            assert_eq!(read(body), words(code, description), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = error_response(&body, &SentSecrets::default());
        }
    }
}
