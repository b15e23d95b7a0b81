//! When an endpoint misbehaves, and how; what each fault does is in `fault.rs`.

use crate::fault::Fault;

/// The fault that is set on one endpoint.
#[derive(Debug, Default)]
pub(crate) enum FaultPlan {
    #[default]
    Well,
    Always(Fault),
    /// For so many requests, and then no more.
    Next(u64, Fault),
}

impl FaultPlan {
    /// The fault of the next request, which is that request's alone.
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
