//! The ways in which a token can be revoked.

/// The claim or parameter of a token that a revocation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Token,
    Subject,
    Client,
    Session,
    Key,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Token, Self::Subject, Self::Client, Self::Session, Self::Key];

    /// The name of the claim, or of the header parameter. It is also the member of a line in a
    /// file.
    pub(crate) fn claim(self) -> &'static str {
        match self {
            Self::Token => "jti",
            Self::Subject => "sub",
            Self::Client => "client_id",
            Self::Session => "sid",
            Self::Key => "kid",
        }
    }

    /// Whether only tokens are revoked that were issued before a time.
    pub(crate) fn has_issue_time(self) -> bool {
        matches!(self, Self::Subject | Self::Client)
    }

    /// A bit of its own, for sets of kinds.
    pub(crate) fn bit(self) -> u8 {
        1 << self as u8
    }
}
