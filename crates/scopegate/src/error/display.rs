//! The texts of errors: what was expected, and what was found?

use std::fmt;

use scopegate_proto::excerpt::Excerpt;

use crate::error::Error;
use crate::token::key_name::split_thumbprint_id;

impl fmt::Display for Error {
    #[allow(clippy::too_many_lines, reason = "one arm for each error")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, found } => {
                write!(f, "expected a token of at most {limit} bytes, found {found}")
            }
            Self::NotThreeParts { found } => write!(f, "expected a token of 3 parts, found {found}"),
            Self::Encrypted => f.write_str("expected a signed token (JWS), found an encrypted one (JWE)"),
            Self::NotOneToken => f.write_str("the token is empty or has characters that no token has"),
            Self::NotBase64Url { part } => write!(f, "the {part} is empty or not canonical base64url"),
            Self::InvalidJson { part, found } => write!(f, "the {part} is {found}"),
            Self::MalformedHeader { parameter, expected, found } => {
                write!(f, "header parameter `{parameter}`: expected {expected}, found {}", OrNone(found))
            }
            Self::UnacceptableAlgorithm { expected, found } => {
                write!(f, "expected `alg` to be one of {}, found {found}", Listed(expected))
            }
            Self::CriticalExtension => f.write_str("the header has `crit`, and no extension is supported"),
            Self::WrongType { expected, found } => {
                write!(f, "expected `typ` to be {expected}, found {}", OrNone(found))
            }
            Self::UnknownIssuer { expected, found } => {
                let (expected, found) = (Listed(expected), OrNone(found));
                write!(f, "expected `iss` to be a trusted issuer such as {expected}, found {found}")
            }
            Self::KeysUnavailable { issuer, retry_after } => {
                let wait = retry_after.as_secs();
                write!(f, "signing keys for {issuer} are unavailable; next fetch in {wait} s")
            }
            Self::IssuerUnavailable { found, retry_after } => {
                let wait = retry_after.as_secs();
                write!(f, "it is unknown whether {found} is trusted; next attempt in {wait} s")
            }
            Self::UnknownKey { issuer, key_id, skipped: Some(reason), .. } => {
                write!(f, "the key of {issuer} with {} is not used: it {reason}", NamedKey(key_id))
            }
            Self::UnknownKey { issuer, key_id, algorithm, skipped: None } => {
                write!(f, "{issuer} publishes no {algorithm} key with {}", NamedKey(key_id))
            }
            Self::AmbiguousKey { issuer, key_id, algorithm, found } => {
                write!(f, "{issuer} publishes {found} {algorithm} keys that fit {}", NamedKey(key_id))
            }
            Self::BadSignature { issuer, key_id } => {
                write!(f, "the signature does not verify with the key {} of {issuer}", OrNone(key_id))
            }
            Self::MissingClaim { claim } => write!(f, "claim `{claim}` is absent"),
            Self::MalformedClaim { claim, expected, found } => {
                write!(f, "claim `{claim}`: expected {expected}, found {}", OrNone(found))
            }
            Self::WrongClaim { claim, expected, found } => {
                write!(f, "expected `{claim}` to be {expected}, found {}", OrNone(found))
            }
            Self::UnexpectedClaims { claim, expected, found, .. } => {
                f.write_str("the claims of a valid token do not fit the application's type ")?;
                match claim {
                    Some(claim) => write!(f, "{expected}: claim {}: {found}", Excerpt::new(claim)),
                    None => write!(f, "{expected}: {found}"),
                }
            }
            Self::Expired { expired_at, now, leeway } => {
                let late = now.secs_since(*expired_at);
                write!(
                    f,
                    "expired at {expired_at}, used at {now}: {late} s later (leeway {} s)",
                    leeway.as_secs()
                )
            }
            Self::NotYetValid { claim, valid_from, now, leeway } => {
                let early = valid_from.secs_since(*now);
                let leeway = leeway.as_secs();
                write!(f, "`{claim}` is {valid_from}, used at {now}: {early} s earlier (leeway {leeway} s)")
            }
            Self::Denied(denied) => fmt::Display::fmt(denied, f),
            Self::WrongAudience { expected, found } if expected.is_empty() => {
                write!(f, "expected no `aud`, because no audience is configured; found {}", Listed(found))
            }
            Self::WrongAudience { expected, found } => {
                let (expected, found) = (Listed(expected), Listed(found));
                write!(f, "expected `aud` to hold an audience such as {expected}, found {found}")
            }
            Self::WrongClient { expected, found } => {
                write!(f, "expected a client such as {}, found {}", Listed(expected), OrNone(found))
            }
            Self::NotAnAccessToken { claim, expected, found } => {
                write!(f, "not an access token: expected `{claim}` to be {expected}, found {}", OrNone(found))
            }
            Self::SenderConstrained { binding } => {
                write!(
                    f,
                    "the token is sender-constrained (`{binding}`), and the request does not prove its key"
                )
            }
            Self::NotSenderConstrained => {
                f.write_str(
                    "the token is not sender-constrained, expected `cnf` with `jkt` under the scheme DPoP, or \
                     with `x5t#S256` if certificates are accepted",
                )
            }
            Self::MissingCertificate => {
                f.write_str("the token is bound to a client certificate, and the request has none")
            }
            Self::WrongCertificate => {
                f.write_str("the token is bound to another client certificate than that of the request")
            }
            #[cfg(feature = "http")]
            Self::MalformedCertificate(malformed) => fmt::Display::fmt(malformed, f),
            Self::NotCertificateBound => {
                f.write_str("the token is not bound to a client certificate, expected `cnf` with `x5t#S256`")
            }
            Self::PeerAddressUnknown => f.write_str(
                "the address of the peer is unknown, and the client certificate comes from a header of a trusted proxy",
            ),
            Self::ProofRequired => f.write_str("expected the scheme DPoP and a proof, found a bearer token"),
            Self::InvalidProof(error) => write!(f, "DPoP proof: {error}"),
            Self::ReplayStoreUnavailable { reason, .. } => {
                write!(f, "it is unknown whether the DPoP proof was used before: {reason}")
            }
            Self::Revoked { issuer, claim, source } => {
                write!(f, "the token of {issuer} was revoked by its `{claim}` (source {source:?})")
            }
            Self::RevocationsUnavailable { .. } => f.write_str("a source of revocations is too old"),
            Self::InvalidStatus { list, index, found, .. } => {
                write!(f, "index {index} of the list {list}: expected status 0, found {}", OrNone(found))
            }
            Self::StatusUnavailable { list, .. } => write!(f, "the status list {list} is unavailable"),
            Self::Inactive { issuer } => write!(f, "{issuer} says that the token is not active"),
            Self::IntrospectionUnavailable { issuer, retry_after } => {
                let wait = retry_after.as_secs();
                write!(f, "introspection at {issuer} is unavailable; next attempt in {wait} s")
            }
            Self::IntrospectionMisconfigured { issuer } => {
                write!(f, "introspection at {issuer} rejects the credentials of this API")
            }
            Self::WrongIssuer { by, expected, found, .. } if expected.is_empty() => {
                let found = found.as_deref().unwrap_or("none");
                write!(f, "this request accepts no {by}, found a token of {found}")
            }
            Self::WrongIssuer { by, expected, found, .. } => {
                let (expected, found) = (Listed(expected), found.as_deref().unwrap_or("none"));
                write!(f, "expected a token of the {by} {expected} for this request, found {found}")
            }
            Self::InsufficientUserAuthentication { reason, .. } => {
                write!(f, "the user must authenticate again: {reason}")
            }
            Self::UserRequired { .. } => f.write_str("expected a token of a user, found one of a client"),
            Self::InsufficientScope { required, granted, .. } => {
                // Long enough for usual grants, and shorter than a token of the maximum length.
                let granted = Excerpt::with_limit(&granted.to_string(), 1_000);
                write!(f, "expected the scopes {required}, found {granted}")
            }
        }
    }
}

/// A value that may be absent.
struct OrNone<'a, T>(&'a Option<T>);

impl<T: fmt::Display> fmt::Display for OrNone<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => fmt::Display::fmt(value, f),
            None => f.write_str("none"),
        }
    }
}

/// The parameter by which a token names its key, and the value.
struct NamedKey<'a>(&'a Option<Excerpt>);

impl fmt::Display for NamedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_ref().and_then(|id| split_thumbprint_id(id.as_str())) {
            Some((parameter, value)) => write!(f, "`{parameter}` {}", Excerpt::identifier(value)),
            None => write!(f, "`kid` {}", OrNone(self.0)),
        }
    }
}

/// Values, separated by commas.
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (position, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if position == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use scopegate_proto::scope::Scopes;

    use super::*;
    use crate::claims::Claims;
    use crate::claims::token_ref::TokenRef;

    #[test]
    fn token_with_many_scopes_does_not_flood_log() {
        let granted =
            |n: usize| (0..n).map(|i| format!("orders/read-{i}").parse().unwrap()).collect::<Scopes>();
        let token = TokenRef::new(&Claims::for_test(serde_json::json!({})));
        let message = |n| {
            let (granted, token) = (granted(n), token.clone());
            Error::InsufficientScope { required: "a".into(), granted, token }.to_string()
        };
        assert_eq!(message(2), r#"expected the scopes a, found "orders/read-0 orders/read-1""#);
        assert!(message(1_000).len() < 1_100 && message(1_000).ends_with('…'), "{}", message(1_000));
    }
}
