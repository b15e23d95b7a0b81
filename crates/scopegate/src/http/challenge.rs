//! The `WWW-Authenticate` header (RFC 6750 §3, RFC 9110 §11.6.1).
//!
//! Some clients take the first `scope=` or `error=` that they find, even inside another value. Some
//! do not find a parameter with spaces around its `=`. So there are no such spaces, and
//! `error_description` comes last.

use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::checks::confirmation::Scheme;
use crate::dpop::Dpop;

use crate::resource_identifier::ResourceIdentifier;

/// The header with a nonce for the client's next proof (RFC 9449 §8.2, §9).
pub(super) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

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
    /// `None` if the API accepts no proofs.
    pub(super) dpop: Option<DpopChallenge>,
}

/// The parameters of challenges with the scheme `DPoP` (RFC 9449 §7.1).
#[derive(Clone, Debug)]
pub(super) struct DpopChallenge {
    /// The accepted algorithms of proofs, separated by spaces.
    algorithms: String,
    /// The API accepts no bearer tokens.
    pub(super) is_required: bool,
}

impl DpopChallenge {
    pub(super) fn new(settings: &Dpop) -> Self {
        let names: Vec<&str> =
            settings.accepted_algorithms().iter().map(|algorithm| algorithm.name()).collect();
        Self { algorithms: names.join(" "), is_required: settings.is_required() }
    }
}

/// The error codes of RFC 6750 §3.1 and RFC 9449 §7.1, §9.
#[derive(Clone, Copy, Debug)]
pub(super) enum ErrorCode {
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
    InvalidProof,
    UseNonce,
}

impl ErrorCode {
    fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidProof => "invalid_dpop_proof",
            Self::UseNonce => "use_dpop_nonce",
        }
    }
}

/// An error code with its description.
pub(super) type Failure = (ErrorCode, &'static str);

impl Challenge {
    pub(super) fn new(realm: &str) -> Self {
        Self { realm: realm.to_owned(), resource_metadata: None, scope: String::new(), dpop: None }
    }

    /// Returns the challenges for a request without an accepted token: one for each scheme of the
    /// API.
    ///
    /// A request without credentials has no error code (RFC 6750 §3.1). Otherwise, the challenge of
    /// the request's scheme has the error, and both have it if the request has no single scheme.
    /// `Bearer` comes first, because some clients read one header only. If a proof has failed, its
    /// challenge comes first.
    pub(super) fn each(&self, scheme: Option<Scheme>, failure: Option<Failure>) -> Vec<HeaderValue> {
        let schemes: &[Scheme] = match (&self.dpop, scheme) {
            (None, Some(Scheme::Dpop)) => &[Scheme::Dpop],
            (None, _) => &[Scheme::Bearer],
            (Some(dpop), _) if dpop.is_required => &[Scheme::Dpop],
            (Some(_), Some(Scheme::Dpop)) if failure.is_some() => &[Scheme::Dpop, Scheme::Bearer],
            (Some(_), _) => &[Scheme::Bearer, Scheme::Dpop],
        };
        let failure_of = |one: Scheme| failure.filter(|_| scheme.is_none_or(|scheme| scheme == one));
        schemes.iter().map(|one| self.build(*one, failure_of(*one))).collect()
    }

    /// Returns the challenge for a valid token that is not sufficient, in the scheme of the request.
    pub(super) fn with_error(&self, scheme: Option<Scheme>, failure: Failure) -> HeaderValue {
        self.build(scheme.unwrap_or(Scheme::Bearer), Some(failure))
    }

    /// Returns the challenge for a valid token that a rule denies: only the scheme and the realm.
    /// An error code or a scope would make clients request another token, which would be denied
    /// too.
    pub(super) fn denied(&self, scheme: Option<Scheme>) -> HeaderValue {
        let name = scheme.map_or(BEARER, scheme_name);
        let mut text = format!("{name} realm=");
        push_quoted(&mut text, &self.realm);
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer realm=\"\""))
    }

    fn build(&self, scheme: Scheme, failure: Option<Failure>) -> HeaderValue {
        let mut text = format!("{} realm=", scheme_name(scheme));
        push_quoted(&mut text, &self.realm);
        let dpop = self.dpop.as_ref().filter(|_| scheme == Scheme::Dpop);
        let algorithms = dpop.map(|dpop| ("algs", dpop.algorithms.as_str()));
        let metadata = self.resource_metadata.as_ref().map(|url| ("resource_metadata", url.as_str()));
        let scope = Some(("scope", self.scope.as_str())).filter(|(_, scope)| !scope.is_empty());
        let error = failure.map(|(code, _)| ("error", code.name()));
        let description = failure.map(|(_, description)| ("error_description", description));
        for (name, value) in [algorithms, metadata, scope, error, description].into_iter().flatten() {
            text.push_str(", ");
            text.push_str(name);
            text.push('=');
            push_quoted(&mut text, value);
        }
        // `push_quoted` writes printable ASCII only, which every header value may hold.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer realm=\"\""))
    }
}

const BEARER: &str = "Bearer";

fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Bearer => BEARER,
        Scheme::Dpop => "DPoP",
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
    use crate::token::algorithm::Algorithm;

    fn challenge(realm: &str, scope: &str) -> Challenge {
        Challenge { scope: scope.to_owned(), ..Challenge::new(realm) }
    }

    fn without_error(challenge: &Challenge) -> HeaderValue {
        let [value] = challenge.each(None, None).try_into().unwrap();
        value
    }

    #[test]
    fn challenge_without_error_has_realm_and_scope() {
        // D08, D09
        assert_eq!(without_error(&challenge("api", "a b")), r#"Bearer realm="api", scope="a b""#);
        assert_eq!(without_error(&challenge("api", "")), r#"Bearer realm="api""#);
    }

    #[test]
    fn challenge_error_follows_scope_and_description_is_last() {
        let header = challenge("api", "a").with_error(None, (ErrorCode::InvalidToken, "no"));
        assert_eq!(header, r#"Bearer realm="api", scope="a", error="invalid_token", error_description="no""#);
    }

    #[test]
    fn metadata_url_precedes_scope() {
        // F11
        let url = MetadataUrl::from(&"https://h/m".parse().unwrap());
        let with_metadata = Challenge { resource_metadata: Some(url), ..challenge("api", "a") };
        assert_eq!(
            without_error(&with_metadata),
            "Bearer realm=\"api\", \
             resource_metadata=\"https://h/.well-known/oauth-protected-resource/m\", scope=\"a\""
        );
    }

    #[test]
    fn any_realm_renders_a_valid_header() {
        // D15
        let header = without_error(&challenge("a\"b\\c\r\nd\u{e9}\u{0}", ""));
        assert_eq!(header, r#"Bearer realm="a\"b\\c??d??""#);
        let denied = challenge("a\"b\\c\r\nd\u{e9}\u{0}", "a").denied(None);
        assert_eq!(denied, r#"Bearer realm="a\"b\\c??d??""#);
    }

    #[test]
    fn challenges_follow_schemes_of_api_and_request() {
        // DP30, DP31
        let dpop = |settings: &Dpop| {
            let settings = settings.clone().algorithms([Algorithm::ES256, Algorithm::EdDSA]);
            Challenge { dpop: Some(DpopChallenge::new(&settings)), ..challenge("api", "a") }
        };
        let (accepts, requires) = (dpop(&Dpop::accept()), dpop(&Dpop::require()));
        let bearer = r#"Bearer realm="api", scope="a""#;
        let proof = r#"DPoP realm="api", algs="ES256 EdDSA", scope="a""#;
        let error = r#", error="invalid_token", error_description="no""#;
        let failure = Some((ErrorCode::InvalidToken, "no"));
        let failed = |text: &str| format!("{text}{error}");
        for (challenge, scheme, failure, expected) in [
            (&accepts, None, None, vec![bearer.to_owned(), proof.to_owned()]),
            (&accepts, Some(Scheme::Bearer), failure, vec![failed(bearer), proof.to_owned()]),
            (&accepts, Some(Scheme::Dpop), failure, vec![failed(proof), bearer.to_owned()]),
            (&accepts, None, failure, vec![failed(bearer), failed(proof)]),
            (&requires, None, None, vec![proof.to_owned()]),
            (&requires, Some(Scheme::Bearer), failure, vec![proof.to_owned()]),
            (&requires, Some(Scheme::Dpop), failure, vec![failed(proof)]),
        ] {
            assert_eq!(challenge.each(scheme, failure), expected, "{scheme:?} {failure:?}");
        }
        assert_eq!(accepts.with_error(Some(Scheme::Dpop), (ErrorCode::InvalidToken, "no")), failed(proof));
        assert_eq!(accepts.denied(Some(Scheme::Dpop)), r#"DPoP realm="api""#);
    }
}
