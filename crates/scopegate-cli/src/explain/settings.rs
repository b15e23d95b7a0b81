//! The settings of the trusted issuer, as the operator writes them: flags or keys of a file.

use crate::config::issuer::IssuerEntry;
use crate::explain::trust::Trust;

/// The settings of the trusted issuer with their names.
pub(super) struct Settings<'a> {
    pub(super) is_cognito: bool,
    pub(super) expected: &'a [String],
    pub(super) clients: &'static str,
    pub(super) audiences: &'static str,
    /// A hint. It may be empty.
    pub(super) algorithms: &'static str,
}

impl<'a> Settings<'a> {
    pub(super) fn of_flags(trust: &'a Trust) -> Self {
        Self {
            is_cognito: trust.cognito.is_some(),
            expected: &trust.audiences,
            clients: "--client",
            audiences: "--audience",
            algorithms: ": see --algorithms",
        }
    }

    pub(super) fn of_file(entry: Option<&'a IssuerEntry>) -> Self {
        Self {
            is_cognito: entry.is_some_and(IssuerEntry::is_cognito),
            expected: entry.map(IssuerEntry::audiences).unwrap_or_default(),
            clients: "`clients`",
            audiences: "`audiences`",
            algorithms: ": see `algorithms`",
        }
    }
}
