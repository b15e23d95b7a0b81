//! One revocation: the tokens that it is about, and how long it lasts.

use std::borrow::Cow;
use std::fmt;

use crate::revocation::kind::Kind;
use crate::token::numeric_date::NumericDate;

/// One revocation: a token, or the tokens of a subject, a client, a session or a key.
///
/// Each names the issuer, because ids are unique within one issuer only. Strings are compared
/// character by character.
///
/// ```
/// use std::time::SystemTime;
/// use scopegate::Revocation;
///
/// let issuer = "https://issuer.example";
/// # let expires_at = SystemTime::now();
/// let stolen = Revocation::token(issuer, "5a1f…").ends_at(expires_at);
/// let logged_out = Revocation::subject(issuer, "user-1", SystemTime::now());
/// ```
#[derive(Clone, PartialEq)]
pub struct Revocation(pub(crate) Target<'static>);

/// A revocation whose strings may be borrowed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target<'a> {
    pub(crate) kind: Kind,
    pub(crate) issuer: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
    /// `None` for all tokens.
    pub(crate) issued_before: Option<NumericDate>,
    pub(crate) ends_at: Option<NumericDate>,
}

impl Revocation {
    /// Revokes one token, by its `jti`.
    ///
    /// Pass the token's `exp` to [`ends_at`](Self::ends_at). Without it, the entry stays until it
    /// is withdrawn.
    pub fn token(issuer: impl Into<String>, jti: impl Into<String>) -> Self {
        Self::new(Kind::Token, issuer.into(), jti.into(), None)
    }

    /// Revokes the tokens of a subject (`sub`) that were issued before this time, or in the same
    /// second.
    ///
    /// A token without `iat` counts as issued before.
    pub fn subject(
        issuer: impl Into<String>,
        subject: impl Into<String>,
        issued_before: impl Into<NumericDate>,
    ) -> Self {
        Self::new(Kind::Subject, issuer.into(), subject.into(), Some(issued_before.into()))
    }

    /// Revokes the tokens of a client that were issued before this time, or in the same second.
    ///
    /// It is compared with [`Claims::client_id`](crate::Claims::client_id). A token without `iat`
    /// counts as issued before.
    pub fn client(
        issuer: impl Into<String>,
        client: impl Into<String>,
        issued_before: impl Into<NumericDate>,
    ) -> Self {
        Self::new(Kind::Client, issuer.into(), client.into(), Some(issued_before.into()))
    }

    /// Revokes all tokens of a session (`sid`).
    pub fn session(issuer: impl Into<String>, session: impl Into<String>) -> Self {
        Self::new(Kind::Session, issuer.into(), session.into(), None)
    }

    /// Revokes all tokens that a key verifies, by the `kid` in the issuer's key set.
    ///
    /// A token is rejected whether it names its key by `kid`, by a thumbprint or not at all.
    pub fn key(issuer: impl Into<String>, kid: impl Into<String>) -> Self {
        Self::new(Kind::Key, issuer.into(), kid.into(), None)
    }

    /// Sets when the revocation ends: the `exp` of the last token that it is about.
    ///
    /// The entry is in force for 10 min longer, twice the largest
    /// [leeway](crate::VerifierBuilder::leeway). Default: it stays until it is withdrawn.
    #[must_use]
    pub fn ends_at(mut self, expires_at: impl Into<NumericDate>) -> Self {
        self.0.ends_at = Some(expires_at.into());
        self
    }

    fn new(kind: Kind, issuer: String, name: String, issued_before: Option<NumericDate>) -> Self {
        Self(Target { kind, issuer: issuer.into(), name: name.into(), issued_before, ends_at: None })
    }
}

/// Shows the kind and the issuer. Names may be personal data, so they are left out.
impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation")
            .field("by", &self.0.kind.claim())
            .field("issuer", &self.0.issuer)
            .finish_non_exhaustive()
    }
}
