//! The values of the label `issuer`, which are bounded.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The value for all issuers without a value of their own.
const OTHER: &str = "other";

/// The issuers that have a value of their own, because the builder got them.
#[derive(Default)]
pub(crate) struct LabelledIssuers(HashSet<Arc<str>>);

impl LabelledIssuers {
    pub(crate) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().map(Arc::from).collect())
    }

    /// Returns the value for this issuer.
    pub(crate) fn label(&self, name: &str) -> IssuerLabel {
        IssuerLabel(self.0.get(name).map(Arc::clone))
    }
}

/// The value of the label `issuer`. A recorder keeps each value for ever, so issuers that come and
/// go while the verifier runs share one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IssuerLabel(Option<Arc<str>>);

impl IssuerLabel {
    /// Returns the value for an issuer that the application's code names.
    pub(crate) fn own(name: &str) -> Self {
        Self(Some(name.into()))
    }

    /// Returns the value that only this issuer has, if there is one.
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.0.as_ref()
    }

    /// Returns the value in metrics.
    #[cfg(feature = "metrics")]
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or(OTHER)
    }
}

impl fmt::Debug for IssuerLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or(OTHER))
    }
}
