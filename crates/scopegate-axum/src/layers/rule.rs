//! The outcome of an application's rule.

use scopegate::Denied;

/// The outcome of a rule, see [`RequireScope::and`](crate::RequireScope::and).
///
/// It is implemented for `bool` and for `Result<(), Denied>`. `false` denies with the reason code
/// `denied`, and [`Denied`] has its own. You cannot implement it for other types.
pub trait RuleOutcome: sealed::RuleOutcome {}

impl<R: sealed::RuleOutcome> RuleOutcome for R {}

impl sealed::RuleOutcome for bool {
    fn into_result(self) -> Result<(), Denied> {
        if self { Ok(()) } else { Err(Denied::default()) }
    }
}

impl sealed::RuleOutcome for Result<(), Denied> {
    fn into_result(self) -> Self {
        self
    }
}

pub(super) mod sealed {
    use scopegate::Denied;

    pub trait RuleOutcome {
        fn into_result(self) -> Result<(), Denied>;
    }
}
