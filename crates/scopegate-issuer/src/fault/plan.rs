//! The schedule of an endpoint's faults.

use crate::fault::Fault;

/// The fault that is set on one endpoint.
#[derive(Debug, Default)]
pub(crate) enum FaultPlan {
    #[default]
    Well,
    Always(Fault),
    /// The fault of this many requests.
    Next(u64, Fault),
}

impl FaultPlan {
    /// Returns the fault of the next request, and counts that request.
    pub(crate) fn take(&mut self) -> Option<Fault> {
        match std::mem::take(self) {
            Self::Well | Self::Next(0, _) => None,
            Self::Always(fault) => {
                *self = Self::Always(fault.clone());
                Some(fault)
            }
            Self::Next(left, fault) => {
                *self = Self::Next(left - 1, fault.clone());
                Some(fault)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_is_taken_as_often_as_planned() {
        for (mut plan, expected) in [
            (FaultPlan::Well, 0),
            (FaultPlan::Next(0, Fault::Html), 0),
            (FaultPlan::Next(3, Fault::Html), 3),
            (FaultPlan::Always(Fault::Html), 5),
        ] {
            assert_eq!((0..5).filter(|_| plan.take().is_some()).count(), expected);
        }
    }
}
