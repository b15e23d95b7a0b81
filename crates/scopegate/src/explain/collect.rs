//! The course of an explanation: it goes on after a failure, and collects the outcomes.

use crate::checks::course::{CheckName, Course};
use crate::error::Error;
use crate::explain::{Check, CheckOutcome};

/// The outcomes so far.
#[derive(Default)]
pub(crate) struct Collect {
    checks: Vec<Check>,
}

impl Collect {
    /// Records an outcome. A check may have several parts: its first failure stays.
    pub(crate) fn record(&mut self, name: CheckName, outcome: CheckOutcome) {
        match self.checks.iter_mut().find(|check| check.name == name) {
            None => self.checks.push(Check { name, outcome, found: String::new() }),
            Some(check) if matches!(check.outcome, CheckOutcome::Passed) => check.outcome = outcome,
            Some(_) => {}
        }
    }

    /// Records a result, and returns the value.
    pub(crate) fn take<T>(&mut self, name: CheckName, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => {
                self.record(name, CheckOutcome::Passed);
                Some(value)
            }
            Err(error) => {
                self.record(name, CheckOutcome::Failed(error));
                None
            }
        }
    }

    /// Records that checks could not run.
    pub(crate) fn skip(&mut self, names: &[CheckName]) {
        for name in names {
            self.record(*name, CheckOutcome::NotRun);
        }
    }

    pub(crate) fn first_error(&self) -> Option<&Error> {
        self.checks.iter().find_map(|check| match &check.outcome {
            CheckOutcome::Failed(error) => Some(error),
            CheckOutcome::Passed | CheckOutcome::NotRun => None,
        })
    }

    pub(crate) fn into_checks(self) -> Vec<Check> {
        self.checks
    }
}

impl Course for Collect {
    fn pass<T>(
        &mut self,
        check: CheckName,
        result: Result<T, Error>,
        instead: impl FnOnce() -> T,
    ) -> Result<T, Error> {
        Ok(self.take(check, result).unwrap_or_else(instead))
    }

    fn settle(&self) -> Result<(), Error> {
        self.first_error().cloned().map_or(Ok(()), Err)
    }
}
