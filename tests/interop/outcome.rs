//! What comes of a check: a word for its cell, or trouble.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write as _};

/// The word of a cell that needs no other.
pub(crate) const YES: &str = "yes";

pub(crate) type Outcome = Result<&'static str, Trouble>;

/// Why a check has no word.
pub(crate) enum Trouble {
    /// The server or the client has no such thing; the cell stays empty, and the reason is listed.
    Cannot(Cow<'static, str>),
    /// Something is not as it has to be.
    Failed(String),
}

impl Trouble {
    pub(crate) fn cannot(what: &'static str) -> Self {
        Self::Cannot(what.into())
    }

    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::Failed(what.into())
    }
}

/// With its sources. What holds tokens has no place in an error.
impl<E: Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let _ = write!(text, ": {error}");
            source = error.source();
        }
        Self::Failed(text)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cannot(what) => write!(f, "cannot: {what}"),
            Self::Failed(what) => f.write_str(what),
        }
    }
}

/// Fails the check, with a text as for `format!`, unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err($crate::outcome::Trouble::failed(format!($($text)+)));
        }
    };
}
pub(crate) use ensure;
