//! The identity of a token's subject, for comparisons across issuers.

/// The issuer and the subject of a token. Together they identify the subject across all issuers.
///
/// A subject is unique within its issuer only. With two trusted issuers, a comparison of subjects
/// alone takes the client `auth0|7` of one issuer for the user `auth0|7` of the other.
///
/// The identity of a token without a subject never equals another identity. It does not even equal
/// itself.
///
/// ```
/// # fn may_read(claims: &scopegate::Claims) -> bool {
/// let owner = ("https://login.example/", "auth0|7"); // stored with the order
/// claims.identity() == owner
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    issuer: &'a str,
    subject: Option<&'a str>,
}

impl<'a> Identity<'a> {
    pub(super) fn new(issuer: &'a str, subject: Option<&'a str>) -> Self {
        Self { issuer, subject: subject.filter(|subject| !subject.is_empty()) }
    }

    /// Returns the issuer. It is exactly the name of a trusted issuer.
    pub fn issuer(self) -> &'a str {
        self.issuer
    }

    /// Returns the subject. Returns `None` if it is absent or empty.
    pub fn subject(self) -> Option<&'a str> {
        self.subject
    }

    /// Returns the issuer and the subject, for example to store them, or `None` if the token has no
    /// subject.
    pub fn pair(self) -> Option<(&'a str, &'a str)> {
        self.subject.map(|subject| (self.issuer, subject))
    }
}

/// Compares issuer and subject. `Eq` is not implemented, because an identity without a subject is
/// not equal to itself.
impl PartialEq<Identity<'_>> for Identity<'_> {
    fn eq(&self, other: &Identity<'_>) -> bool {
        other.pair().is_some_and(|other| *self == other)
    }
}

/// Compares with a pair (issuer, subject).
impl PartialEq<(&str, &str)> for Identity<'_> {
    fn eq(&self, (issuer, subject): &(&str, &str)) -> bool {
        self.issuer == *issuer && self.subject == Some(*subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_issuer_and_subject() {
        // FR-C13
        let (one, other) = ("https://a.example", "https://b.example");
        let user = Identity::new(one, Some("auth0|7"));
        assert_eq!(user, (one, "auth0|7"));
        assert_eq!(user, Identity::new(one, Some("auth0|7")));
        assert_eq!(user.pair(), Some((one, "auth0|7")));
        assert_ne!(user, (other, "auth0|7"));
        assert_ne!(user, (one, "auth0|8"));
        assert_ne!(user, Identity::new(other, Some("auth0|7")));
    }

    #[test]
    fn nameless_token_equals_no_other() {
        // FR-C13
        for subject in [None, Some("")] {
            let nameless = Identity::new("https://a.example", subject);
            assert_ne!(nameless, nameless);
            assert_ne!(nameless, ("https://a.example", ""));
            assert_eq!((nameless.subject(), nameless.pair()), (None, None));
        }
    }
}
