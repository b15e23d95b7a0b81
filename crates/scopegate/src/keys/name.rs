//! The name by which a token asks for a key.

use crate::token::algorithm::Algorithm;

/// What a token asks for when it names a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyName {
    pub(crate) id: Option<Box<str>>,
    pub(crate) algorithm: Algorithm,
}
