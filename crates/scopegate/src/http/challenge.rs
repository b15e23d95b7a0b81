//! The `WWW-Authenticate` header (RFC 6750 §3, RFC 9110 §11.6.1).
//!
//! Some clients take the first `scope=` or `error=` that they find, even inside another value. Some
//! do not find a parameter with spaces around its `=`. So there are no such spaces, and
//! `error_description` comes last.

use std::fmt;

use http::HeaderValue;

use crate::resource_identifier::ResourceIdentifier;

/// The default realm.
pub(super) const DEFAULT_REALM: &str = "api";

/// The URL of an API's metadata (RFC 9728 §3.1), for challenges.
///
/// It is derived from the API's [`ResourceIdentifier`], so it is valid and on the API's host.
///
/// ```
/// use scopegate::ResourceIdentifier;
/// use scopegate::http::MetadataUrl;
///
/// let api: ResourceIdentifier = "https://api.example/orders".parse()?;
/// let url = MetadataUrl::from(&api);
/// assert_eq!(url.as_str(), "https://api.example/.well-known/oauth-protected-resource/orders");
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataUrl(String);

impl MetadataUrl {
    /// Returns the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&ResourceIdentifier> for MetadataUrl {
    fn from(identifier: &ResourceIdentifier) -> Self {
        Self(identifier.metadata_url().to_owned())
    }
}

impl fmt::Display for MetadataUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parameters of a challenge that are the same for every rejection of a route.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    /// The name of the protected area.
    pub(super) realm: String,
    /// URL of the API's metadata (RFC 9728 §5.1).
    pub(super) resource_metadata: Option<MetadataUrl>,
    /// The required scopes, separated by spaces. Empty if none is required.
    pub(super) scope: String,
}

/// The error codes of RFC 6750 §3.1.
#[derive(Clone, Copy, Debug)]
pub(super) enum ErrorCode {
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
}

impl ErrorCode {
    fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

impl Challenge {
    /// Returns the challenge for a request without credentials, which has no error code (RFC 6750
    /// §3.1).
    pub(super) fn without_error(&self) -> HeaderValue {
        self.build(&[])
    }

    /// Returns the challenge for a valid token that a rule denies: only the scheme and the realm.
    /// An error code or a scope would make clients request another token, which would be denied
    /// too.
    pub(super) fn denied(&self) -> HeaderValue {
        Self { realm: self.realm.clone(), resource_metadata: None, scope: String::new() }.build(&[])
    }

    pub(super) fn with_error(&self, code: ErrorCode, description: &'static str) -> HeaderValue {
        self.build(&[("error", code.name()), ("error_description", description)])
    }

    fn build(&self, error: &[(&str, &str)]) -> HeaderValue {
        let mut text = String::from("Bearer realm=");
        push_quoted(&mut text, &self.realm);
        let metadata = self.resource_metadata.as_ref().map(|url| ("resource_metadata", url.as_str()));
        let scope = Some(("scope", self.scope.as_str())).filter(|(_, scope)| !scope.is_empty());
        for (name, value) in metadata.iter().chain(&scope).chain(error) {
            text.push_str(", ");
            text.push_str(name);
            text.push('=');
            push_quoted(&mut text, value);
        }
        // `push_quoted` writes printable ASCII only, which every header value may hold.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer realm=\"\""))
    }
}

/// Appends a quoted string of printable ASCII (RFC 9110 §5.6.4). Any other character of a
/// configured realm becomes `?`, because parsers disagree on every way to encode it in a header.
fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            ' '..='~' => text.push(character),
            _ => text.push('?'),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(realm: &str, scope: &str) -> Challenge {
        Challenge { realm: realm.to_owned(), resource_metadata: None, scope: scope.to_owned() }
    }

    #[test]
    fn challenge_without_error_has_realm_and_scope() {
        // D08, D09
        assert_eq!(challenge("api", "a b").without_error(), r#"Bearer realm="api", scope="a b""#);
        assert_eq!(challenge("api", "").without_error(), r#"Bearer realm="api""#);
    }

    #[test]
    fn challenge_error_follows_scope_and_description_is_last() {
        let header = challenge("api", "a").with_error(ErrorCode::InvalidToken, "no");
        assert_eq!(header, r#"Bearer realm="api", scope="a", error="invalid_token", error_description="no""#);
    }

    #[test]
    fn metadata_url_precedes_scope() {
        // F11
        let url = MetadataUrl::from(&"https://h/m".parse().unwrap());
        let with_metadata = Challenge { resource_metadata: Some(url), ..challenge("api", "a") };
        assert_eq!(
            with_metadata.without_error(),
            "Bearer realm=\"api\", \
             resource_metadata=\"https://h/.well-known/oauth-protected-resource/m\", scope=\"a\""
        );
    }

    #[test]
    fn any_realm_renders_a_valid_header() {
        // D15
        let header = challenge("a\"b\\c\r\nd\u{e9}\u{0}", "").without_error();
        assert_eq!(header, r#"Bearer realm="a\"b\\c??d??""#);
    }
}
