//! The response of an introspection endpoint (RFC 7662 §2.2), read strictly.

use http::StatusCode;
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, is_null, string};
use scopegate_proto::sent_secrets::SentSecrets;

use crate::introspection::responses::failure::Failure;

/// Maximum length of a response in bytes. Claims of a token rarely exceed a few kilobytes.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// Error codes of RFC 6749 §5.2 that mean bad credentials. Some servers send them with status 400.
const CREDENTIAL_ERRORS: [&str; 2] = ["invalid_client", "unauthorized_client"];

/// A complete response. The body of an error response may be left out.
pub(crate) struct Response<'a> {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) retry_after: Option<std::time::Duration>,
    /// It has a `WWW-Authenticate` header.
    pub(crate) has_challenge: bool,
    pub(crate) body: &'a [u8],
}

/// The statement of the authorization server about a token.
#[derive(Debug)]
pub(crate) enum Statement<'a> {
    /// Further members of the response are ignored.
    Inactive,
    Active(JsonObject<'a>),
}

impl<'a> Response<'a> {
    /// Reads the statement. Only a well-formed response with status 200 is one. Strings of the
    /// server that quote one of `secrets` are not shown.
    pub(crate) fn read(self, secrets: &SentSecrets) -> Result<Statement<'a>, Failure> {
        let body = self.body_of(Format::Json, secrets)?;
        Statement::read(JsonObject::from_slice(body).map_err(Failure::Json)?)
    }

    /// Returns the body of a response with status 200 in this format.
    pub(crate) fn body_of(self, format: Format, secrets: &SentSecrets) -> Result<&'a [u8], Failure> {
        let Self { status, content_type, retry_after, has_challenge, body } = self;
        if status != StatusCode::OK {
            return Err(failed(status, retry_after, has_challenge, body, secrets));
        }
        if !content_type.is_some_and(|found| format.is_of(found)) {
            let found = content_type.and_then(|found| secrets.show(found));
            return Err(Failure::ContentType(format.media_type(), found));
        }
        Ok(body)
    }
}

impl<'a> Statement<'a> {
    /// Reads the members of a response.
    pub(crate) fn read(mut members: JsonObject<'a>) -> Result<Self, Failure> {
        match members.get("active") {
            Some(value) if value.get() == "true" => {
                // Some servers write absent members as null. A binding must not disappear.
                members.retain(|name, value| name == "cnf" || !is_null(value));
                Ok(Statement::Active(members))
            }
            Some(value) if value.get() == "false" => Ok(Statement::Inactive),
            found => Err(Failure::Active(found.map(Excerpt::type_of_json))),
        }
    }
}

/// Returns the failure of a response that is not 200. A 403 is about our credentials if it has the
/// form of a response to a client. Without it, it may be a firewall's response to one token.
fn failed(
    status: StatusCode,
    retry_after: Option<std::time::Duration>,
    has_challenge: bool,
    body: &[u8],
    secrets: &SentSecrets,
) -> Failure {
    let members = JsonObject::from_slice(body).ok();
    let code = members.as_ref().and_then(|members| members.get("error")).and_then(string);
    let is_credential_error = match status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => code.is_some() || has_challenge,
        StatusCode::BAD_REQUEST => code.as_deref().is_some_and(|code| CREDENTIAL_ERRORS.contains(&code)),
        _ => false,
    };
    if is_credential_error {
        Failure::BadCredentials { status, code: code.and_then(|code| secrets.show(&code)) }
    } else {
        Failure::Status { status, retry_after }
    }
}

/// The format of responses. An endpoint that should sign must not fall back to a plain response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    /// RFC 9701 §4, §5.
    Jwt,
}

impl Format {
    /// Returns the media type, for `Accept` too.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Jwt => "application/token-introspection+jwt",
        }
    }

    /// Returns whether a content type is this media type, with any parameters (RFC 9110 §8.3.1).
    pub(crate) fn is_of(self, content_type: &str) -> bool {
        let (media_type, _) = content_type.split_once(';').unwrap_or((content_type, ""));
        media_type.trim_matches([' ', '\t']).eq_ignore_ascii_case(self.media_type())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn ok(body: &str) -> Response<'_> {
        let content_type = Some("application/json");
        let (status, body) = (StatusCode::OK, body.as_bytes());
        Response { status, content_type, retry_after: None, has_challenge: false, body }
    }

    fn read(response: Response<'_>) -> Result<Option<String>, String> {
        match response.read(&SentSecrets::new(["s3cret-of-api"])) {
            Ok(Statement::Active(members)) => Ok(Some(members.text().to_owned())),
            Ok(Statement::Inactive) => Ok(None),
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn active_is_a_boolean() {
        // IN03
        assert_eq!(read(ok(r#"{"active":true}"#)), Ok(Some(r#"{"active":true}"#.to_owned())));
        assert_eq!(read(ok(r#" {"active" : false} "#)), Ok(None));
        for (body, found) in [
            ("{}", "none"),
            (r#"{"Active":true}"#, "none"),
            (r#"{"active":"true"}"#, "a string"),
            (r#"{"active":"false"}"#, "a string"),
            (r#"{"active":1}"#, "a number"),
            (r#"{"active":null}"#, "null"),
            (r#"{"active":[true]}"#, "an array"),
        ] {
            let expected = format!("expected `active` to be true or false, found {found}");
            assert_eq!(read(ok(body)), Err(expected), "{body}");
        }
    }

    #[test]
    fn null_is_absent_except_for_a_binding() {
        // IN07, IN10
        let response = ok(r#"{"active":true,"exp":null,"aud":null,"sub":"s","cnf":null}"#);
        let Ok(Statement::Active(members)) = response.read(&SentSecrets::default()) else { panic!("active") };
        let names: Vec<_> = members.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["cnf", "sub", "active"]);
    }

    #[test]
    fn members_of_inactive_token_are_ignored() {
        // IN04
        assert_eq!(read(ok(r#"{"active":false,"scope":"admin","exp":"x"}"#)), Ok(None));
    }

    #[test]
    fn body_is_one_json_object_without_repetition() {
        // IN06
        for (body, found) in [
            (r#"{"active":true,"active":true}"#, "a JSON object that repeats a member name"),
            (r#"{"active":false,"\u0061ctive":false}"#, "a JSON object that repeats a member name"),
            (r#"{"active":true,"scope":"a","scope":"b"}"#, "a JSON object that repeats a member name"),
            (r#"{"active":false"#, "not one JSON object"),
            (r#"{"active":true}{}"#, "not one JSON object"),
            (r#"[{"active":true}]"#, "not one JSON object"),
            ("<html>", "not one JSON object"),
            ("", "not one JSON object"),
        ] {
            assert_eq!(read(ok(body)), Err(format!("the response is {found}")), "{body}");
        }
    }

    #[test]
    fn content_type_is_json_with_any_parameters() {
        // IN06
        let with = |content_type| read(Response { content_type, ..ok(r#"{"active":false}"#) });
        for accepted in ["application/json", "Application/JSON", "application/json; charset=utf-8"] {
            assert_eq!(with(Some(accepted)), Ok(None), "{accepted}");
        }
        for rejected in ["text/html", "application/jsonp", "text/json", "application/jwt", ""] {
            assert!(with(Some(rejected)).is_err(), "{rejected}");
        }
        let expected = "expected the content type application/json, found none";
        assert_eq!(with(None), Err(expected.to_owned()));
    }

    #[test]
    fn other_status_decides_nothing() {
        // IN05, IN06
        for status in [201, 204, 301, 302, 400, 404, 429, 500, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            for body in [r#"{"active":true}"#, r#"{"active":false}"#] {
                let expected = format!("expected status 200, found {}", status.as_u16());
                assert_eq!(read(Response { status, ..ok(body) }), Err(expected));
            }
        }
        let retry_after = Some(Duration::from_secs(7));
        let response = Response { status: StatusCode::SERVICE_UNAVAILABLE, retry_after, ..ok("") };
        let failure = response.read(&SentSecrets::default()).unwrap_err();
        assert!(matches!(failure, Failure::Status { retry_after: Some(wait), .. } if wait.as_secs() == 7));
    }

    #[test]
    fn rejected_credentials_are_told_apart() {
        // IN05
        let read = |status, body: &'static str| {
            let status = StatusCode::from_u16(status).unwrap();
            Response { status, ..ok(body) }.read(&SentSecrets::new(["s3cret-of-api"])).unwrap_err()
        };
        for (status, body) in [
            (401, ""),
            (403, r#"{"error":"access_denied"}"#),
            (401, r#"{"error":"invalid_client"}"#),
            (400, r#"{"error":"invalid_client"}"#),
            (400, r#"{"error":"unauthorized_client"}"#),
        ] {
            let failure = read(status, body);
            assert!(matches!(failure, Failure::BadCredentials { .. }), "{status} {body} {failure}");
        }
        for (status, body) in [
            (400, r#"{"error":"invalid_request"}"#),
            (500, r#"{"error":"invalid_client"}"#),
            (403, "<html>"),
            (403, "{}"),
        ] {
            assert!(matches!(read(status, body), Failure::Status { .. }), "{status} {body}");
        }
        let status = StatusCode::FORBIDDEN;
        let challenge = Response { status, has_challenge: true, ..ok("<html>") };
        let failure = challenge.read(&SentSecrets::default()).unwrap_err();
        assert!(matches!(failure, Failure::BadCredentials { .. }), "{failure}");
        let shown = |code: &'static str| read(401, code).to_string();
        assert!(shown(r#"{"error":"invalid_client"}"#).ends_with("error \"invalid_client\""), "IN22");
        assert!(shown(r#"{"error":"unknown: s3cret-of-api"}"#).ends_with("error none"), "IN22");
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..60)) {
            let json: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
            let active = json.as_ref().and_then(|json| json.get("active")?.as_bool());
            let response = Response { body: &body, ..ok("") };
            if let Ok(statement) = response.read(&SentSecrets::default()) {
                prop_assert_eq!(active, Some(matches!(statement, Statement::Active(_))));
            }
        }
    }
}
