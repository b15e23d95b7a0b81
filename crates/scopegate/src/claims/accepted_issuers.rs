//! The issuers whose tokens a request accepts, out of the trusted ones.

use std::sync::Arc;

use crate::claims::Claims;
use crate::claims::token_ref::TokenRef;
use crate::error::Error;

/// Maximum number of names in an error.
const MAX_LISTED: usize = 3;

/// The issuers, or the tenants, whose tokens a request accepts.
///
/// A verifier may trust the issuers of all your tenants. If each tenant has a host or a path of its
/// own, a token of tenant A must not be accepted at tenant B's host. Select the issuer for each
/// request, with the layers of `scopegate-axum`, with
/// [`Authorizer::authorize_for`](crate::http::Authorizer::authorize_for), or in a handler with
/// [`Claims::require_issuer`].
///
/// Names are compared character by character. A name that the verifier does not trust accepts
/// nothing. Clones share the names, so keep one value for each host and clone it.
///
/// ```
/// use scopegate::AcceptedIssuers;
///
/// let of_partner = AcceptedIssuers::issuers(["https://login.partner.example"]);
/// let of_tenant = AcceptedIssuers::tenants(["72f988bf-86f1-41af-91ab-2d7cd011db47"]);
/// # let _ = (of_partner, of_tenant);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedIssuers {
    by: By,
    names: Arc<[Box<str>]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Issuer,
    Tenant,
}

impl AcceptedIssuers {
    /// Accepts tokens whose [issuer](Claims::issuer) has one of these names.
    pub fn issuers<I>(names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::new(By::Issuer, names)
    }

    /// Accepts tokens of one of these [tenants](Claims::tenant). Tokens without a known tenant are
    /// rejected.
    ///
    /// A tenant is unique within one provider. If the verifier trusts issuers of several providers,
    /// use [`issuers`](Self::issuers).
    pub fn tenants<I>(ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::new(By::Tenant, ids)
    }

    /// Accepts no token, for example for a host that is no tenant's.
    pub fn none() -> Self {
        Self { by: By::Issuer, names: Arc::default() }
    }

    fn new<I>(by: By, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self { by, names: names.into_iter().map(|name| name.into().into_boxed_str()).collect() }
    }

    /// Returns whether a token with these claims is accepted.
    pub fn accept(&self, claims: &Claims) -> bool {
        let found = self.found(claims);
        found.is_some_and(|found| self.names.iter().any(|name| **name == *found))
    }

    /// Returns the value that is compared.
    fn found<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        match self.by {
            By::Issuer => Some(claims.issuer()),
            By::Tenant => claims.tenant(),
        }
    }
}

impl Claims {
    /// Checks that the token's issuer is accepted here: `claims.require_issuer(&accepted)?`.
    ///
    /// Use it in a handler that knows the tenant of the requested resource. The layers of
    /// `scopegate-axum` can check it before.
    ///
    /// # Errors
    /// Returns [`Error::WrongIssuer`] if another issuer, or another tenant, issued the token.
    pub fn require_issuer(&self, accepted: &AcceptedIssuers) -> Result<(), Error> {
        if accepted.accept(self) {
            return Ok(());
        }
        Err(Error::WrongIssuer {
            by: match accepted.by {
                By::Issuer => "issuer",
                By::Tenant => "tenant",
            },
            expected: accepted.names.iter().take(MAX_LISTED).map(ToString::to_string).collect(),
            found: accepted.found(self).map(str::to_owned),
            token: TokenRef::new(self),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuer_is_compared_by_its_whole_name() {
        let claims = Claims::for_test(serde_json::json!({ "iss": "https://a.example", "tid": "a" }));
        let accepts = |accepted: AcceptedIssuers| claims.require_issuer(&accepted).is_ok();
        assert!(accepts(AcceptedIssuers::issuers(["https://b.example", "https://a.example"])));
        for name in ["", "https://a.example/", "https://a.exampl", "https://A.example"] {
            assert!(!accepts(AcceptedIssuers::issuers([name])), "{name}");
        }
        assert!(!accepts(AcceptedIssuers::none()) && !accepts(AcceptedIssuers::issuers([""; 0])));
        // A claim is no tenant.
        assert!(claims.tenant().is_none() && !accepts(AcceptedIssuers::tenants(["a", ""])));
        let error = claims.require_issuer(&AcceptedIssuers::none()).unwrap_err();
        assert_eq!(error.to_string(), "this request accepts no issuer, found a token of https://a.example");
        assert_eq!((error.kind().as_str(), error.kind().status()), ("wrong_issuer", 401));
    }
}
