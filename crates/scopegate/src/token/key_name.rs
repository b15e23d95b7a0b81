//! The name by which a token asks for a key.

use crate::token::algorithm::Algorithm;

/// What a token asks for when it names a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyName {
    /// The `kid`, or a [`thumbprint_id`].
    pub(crate) id: Option<Box<str>>,
    pub(crate) algorithm: Algorithm,
}

/// Names of a key's certificate, the stronger hash first: parameters of a token's header (RFC 7515 §4.1.7,
/// §4.1.8) and members of a JWK (RFC 7517 §4.8, §4.9).
pub(crate) const THUMBPRINTS: [&str; 2] = ["x5t#S256", "x5t"];

/// Returns the id of a key that is named by its certificate.
///
/// A `kid` may be the same string. It then leads to the same key, and only that key's signature counts.
pub(crate) fn thumbprint_id(parameter: &str, thumbprint: &str) -> String {
    format!("{parameter}={thumbprint}")
}

/// Returns the parameter and the value of a [`thumbprint_id`].
pub(crate) fn split_thumbprint_id(id: &str) -> Option<(&str, &str)> {
    id.split_once('=').filter(|(parameter, _)| THUMBPRINTS.contains(parameter))
}
