//! The result of a check: a word for its cell, or an error.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write as _};

/// The word for a passed check.
pub(crate) const YES: &str = "yes";

pub(crate) type Outcome = Result<&'static str, Trouble>;

/// The reason why a check has no word.
pub(crate) enum Trouble {
    /// The server or the client has no such feature. The cell stays empty, and the reason is
    /// listed.
    Cannot(Cow<'static, str>),
    /// The check has failed.
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

/// Includes the sources of the error. Errors must not contain tokens.
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

/// Fails the check with a message as for `format!`, if the condition is false.
macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err($crate::outcome::Trouble::failed(format!($($text)+)));
        }
    };
}
pub(crate) use ensure;
