//! The error about the token in an API's challenges (RFC 6750 §3, RFC 9449 §7.1).

use http::HeaderMap;
use scopegate_proto::challenge::{Challenge, all_challenges};
use scopegate_proto::scope::Scopes;

use crate::dpop;
use crate::token::Scheme;

const BEARER: &str = "Bearer";

/// The error of a challenge about the token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// The token is expired, revoked or otherwise invalid for this API.
    InvalidToken,
    /// The request requires these scopes, as far as the API names them.
    InsufficientScope(Scopes),
}

/// Errors that another token does not resolve. The client must prove the possession of a key (RFC
/// 9449 §7.1, §8), or a user must authenticate again (RFC 9470 §3).
const OTHER_CAUSES: [&str; 3] = [dpop::USE_NONCE, "invalid_dpop_proof", "insufficient_user_authentication"];

/// Returns the error of the challenge of this scheme, if the error is known. Several challenges of
/// one scheme with an error would contradict each other, so they are ignored.
///
/// An API may name the error of a bound token in a `Bearer` challenge. It counts if no `DPoP`
/// challenge has an error.
pub(crate) fn token_error(headers: &HeaderMap, scheme: Scheme) -> Option<TokenError> {
    let challenges: Vec<Challenge<'_>> = all_challenges(headers).collect();
    let errors_of = |name: &'static str| {
        let challenges = challenges.iter().filter(move |challenge| challenge.is_of(name));
        challenges.filter_map(|challenge| Some((challenge.parameter("error")?, challenge)))
    };
    let mut errors = scheme.challenges().iter().map(|name| errors_of(name).collect::<Vec<_>>());
    let errors = errors.find(|errors| !errors.is_empty())?;
    let [(error, challenge)] = errors.as_slice() else { return None };
    match *error {
        "invalid_token" => Some(TokenError::InvalidToken),
        "insufficient_scope" => {
            let scope = challenge.parameter("scope").unwrap_or_default();
            Some(TokenError::InsufficientScope(scope.parse().ok()?))
        }
        _ => None,
    }
}

/// Returns whether a `DPoP` challenge requires a nonce (RFC 9449 §9).
pub(crate) fn requires_nonce(headers: &HeaderMap) -> bool {
    all_challenges(headers).any(|challenge| {
        challenge.is_of(dpop::SCHEME) && challenge.parameter("error") == Some(dpop::USE_NONCE)
    })
}

/// Returns whether a response with status 401 may be about the token. It is not if the challenges
/// have another cause, or other schemes only. The error of a challenge is optional (RFC 6750 §3),
/// so any other response is about the token, also without a challenge.
pub(crate) fn may_be_about_token(headers: &HeaderMap, scheme: Scheme) -> bool {
    let challenges: Vec<Challenge<'_>> = all_challenges(headers).collect();
    let names_other_cause = |challenge: &Challenge<'_>| {
        challenge.parameter("error").is_some_and(|error| OTHER_CAUSES.contains(&error))
    };
    let is_of_scheme =
        |challenge: &Challenge<'_>| scheme.challenges().iter().any(|name| challenge.is_of(name));
    !challenges.iter().any(names_other_cause)
        && (challenges.is_empty() || challenges.iter().any(is_of_scheme))
}

impl Scheme {
    /// Returns the schemes of challenges about such a token, the most significant first.
    fn challenges(self) -> &'static [&'static str] {
        match self {
            Self::Bearer => &[BEARER],
            Self::Dpop => &[dpop::SCHEME, BEARER],
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::WWW_AUTHENTICATE;
    use proptest::prelude::*;

    use super::*;

    fn error(fields: &[&str]) -> Option<TokenError> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        token_error(&headers, Scheme::Bearer)
    }

    fn insufficient(scope: &str) -> Option<TokenError> {
        scope.parse().ok().map(TokenError::InsufficientScope)
    }

    #[test]
    fn bearer_error_is_found_in_any_position() {
        // E18
        for field in [
            r#"Bearer error="invalid_token""#,
            r#"bearer realm="api", scope="a b", error="invalid_token", error_description="say \"error=x\", please""#,
            "BEARER  error=invalid_token",
            r#"Bearer error = "invalid_token""#,
            r#", ,Bearer realm="a,b" ,, ERROR="invalid_token" ,"#,
            r#"Basic realm="x", Bearer realm="api", error="invalid_token", DPoP algs="ES256""#,
            r#"Negotiate, NTLM TlRMTVNTUAAB==, Bearer error="invalid_token""#,
            r#"Bearer error="invalid\_token""#,
            "Bearer realm=\"Caf\u{e9}\", error=\"invalid_token\"",
        ] {
            assert_eq!(error(&[field]), Some(TokenError::InvalidToken), "{field}");
        }
        assert_eq!(
            error(&[r#"Basic realm="x""#, r#"Bearer error="invalid_token""#]),
            Some(TokenError::InvalidToken)
        );
    }

    #[test]
    fn insufficient_scope_challenge_names_its_scopes() {
        let field = r#"Bearer realm="api", scope="https://x/b a", error="insufficient_scope""#;
        assert_eq!(error(&[field]), insufficient("a https://x/b"));
        assert_eq!(error(&[r#"Bearer error="insufficient_scope""#]), insufficient(""));
        assert_eq!(error(&[r#"Bearer error="insufficient_scope", scope="a\\b""#]), None);
    }

    #[test]
    fn other_challenges_have_no_known_error() {
        for field in [
            "",
            "Bearer",
            r#"Bearer realm="api""#,
            r#"Bearer error="invalid_request""#,
            r#"Bearer error="Invalid_Token""#,
            r#"Bearer realm="error=invalid_token""#,
            r#"Basic error="invalid_token""#,
            r#"DPoP error="invalid_token""#,
            r#"Bearer error="invalid_token", error="invalid_token""#,
            r#"Bearer error="invalid_token", ERROR="insufficient_scope""#,
            r#"Bearer error="invalid_token"#,
            r#"Bearer error="invalid_token" realm="x""#,
            r#"Bearer error="invalid_token"x"#,
            r#"Bearer "error"="invalid_token""#,
            "Bearer error==invalid_token",
            r#"Bearer abc=, error="invalid_token""#,
            r#"error="invalid_token""#,
            r#"Bearer: error="invalid_token""#,
            "Bearer\terror=invalid_token",
            r#"Bearer error="invalid_token", Bearer error="insufficient_scope""#,
        ] {
            assert_eq!(error(&[field]), None, "{field}");
        }
        let twice = [r#"Bearer error="invalid_token""#, r#"Bearer error="invalid_token""#];
        assert_eq!(error(&twice), None);
        let padding = "x".repeat(8 * 1024);
        assert_eq!(error(&[&format!(r#"Bearer error="invalid_token", realm="{padding}""#)]), None);
    }

    fn headers(fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn dpop_challenge_is_about_bound_token_only() {
        // DP50: RFC 9449 §7.1
        let error = |fields: &[&str], scheme| token_error(&headers(fields), scheme);
        let about_token = |fields: &[&str], scheme| may_be_about_token(&headers(fields), scheme);
        let (dpop, bearer) =
            (r#"DPoP error="invalid_token", algs="ES256""#, r#"Bearer error="invalid_token""#);
        for fields in [&[dpop][..], &[bearer], &["Bearer", dpop], &[dpop, bearer], &["DPoP", bearer]] {
            assert_eq!(error(fields, Scheme::Dpop), Some(TokenError::InvalidToken), "{fields:?}");
            assert!(about_token(fields, Scheme::Dpop), "{fields:?}");
        }
        assert_eq!(error(&[dpop], Scheme::Bearer), None);
        assert!(!about_token(&[dpop], Scheme::Bearer));
        assert_eq!(error(&[dpop, dpop], Scheme::Dpop), None, "two challenges contradict each other");
        let other = r#"DPoP error="invalid_dpop_proof""#;
        assert_eq!(error(&[other, bearer], Scheme::Dpop), None, "the error of DPoP counts");
        assert!(!about_token(&[other, bearer], Scheme::Dpop));
    }

    #[test]
    fn only_dpop_challenge_requires_a_nonce() {
        // DP52: RFC 9449 §9
        for fields in [&[r#"DPoP error="use_dpop_nonce""#][..], &["Bearer", "dpop error=use_dpop_nonce"]] {
            assert!(requires_nonce(&headers(fields)), "{fields:?}");
        }
        for field in ["", "DPoP", r#"DPoP error="invalid_token""#, r#"Bearer error="use_dpop_nonce""#] {
            assert!(!requires_nonce(&headers(&[field])), "{field}");
        }
    }

    #[test]
    fn challenge_of_other_cause_or_scheme_spares_token() {
        // FR-D1
        let about_token = |fields: &[&str]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(field.as_bytes()).unwrap());
            }
            may_be_about_token(&headers, Scheme::Bearer)
        };
        assert!(about_token(&[]), "no challenge");
        for field in [
            "",
            "Bearer",
            "bearer realm=\"x\"",
            r#"Bearer error="invalid_token""#,
            r#"Bearer error="invalid_request""#,
            r#"Bearer error="insufficient_scope""#,
            r#"Bearer error="of_another_kind""#,
            r#"Bearer error="Use_DPoP_nonce""#,
            r#"Bearer realm="use_dpop_nonce""#,
            r#"Basic realm="x", Bearer, DPoP algs="ES256""#,
            r#"Bearer error="invalid_token", Bearer error="insufficient_scope""#,
            r#"Basic realm="x" y"#,
            r#"Bearer error="use_dpop_nonce" y"#,
        ] {
            assert!(about_token(&[field]), "{field}");
        }
        assert!(about_token(&[r#"Basic realm="x""#, "Bearer"]));
        for error in ["use_dpop_nonce", "invalid_dpop_proof", "insufficient_user_authentication"] {
            for field in [
                format!(r#"Bearer error="{error}""#),
                format!(r#"Bearer realm="x", DPoP error={error}"#),
                format!(r#"DPoP error="{error}", algs="ES256""#),
            ] {
                assert!(!about_token(&[&field]), "{field}");
                assert!(!about_token(&["Bearer", &field]), "{field}");
            }
        }
        for field in
            [r#"Basic realm="x""#, r#"DPoP algs="ES256""#, "Negotiate, NTLM", r#"GNAP, Basic realm="x""#]
        {
            assert!(!about_token(&[field]), "{field}");
        }
        assert!(!about_token(&[r#"Basic realm="x""#, "Negotiate"]));
    }

    proptest! {
        #[test]
        fn any_field_is_read_without_panic(field in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(value) = HeaderValue::from_bytes(&field) {
                let mut headers = HeaderMap::new();
                headers.insert(WWW_AUTHENTICATE, value);
                let _ = token_error(&headers, Scheme::Bearer);
                let _ = may_be_about_token(&headers, Scheme::Bearer);
            }
        }

        #[test]
        fn quoted_strings_are_read_back(realm in "[ -~]{0,30}", scope in "[a-z/:.]{1,9}( [a-z/:.]{1,9}){0,3}") {
            let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
            let field = format!(r#"Bearer realm="{quoted}", scope="{scope}", error="insufficient_scope""#);
            prop_assert_eq!(error(&[&field]), insufficient(&scope));
        }
    }
}
