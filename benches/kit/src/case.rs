//! An operation that is counted or timed.

/// A prepared operation.
pub type Call = Box<dyn FnMut()>;

/// An operation and its baseline.
pub struct Case {
    pub name: String,
    pub floor: Option<String>,
    prepare: Prepare,
}

enum Prepare {
    Once(Box<dyn Fn() -> Call>),
    ForSoMany(Box<dyn Fn(usize) -> Call>),
}

impl Case {
    /// Creates a case. `prepare` does the work that is not measured. It is called only if the case
    /// is selected.
    pub fn new(name: impl Into<String>, prepare: impl Fn() -> Call + 'static) -> Self {
        Self { name: name.into(), floor: None, prepare: Prepare::Once(Box::new(prepare)) }
    }

    /// Creates a case for an operation that consumes values, such as a request. `prepare` gets the
    /// number of calls.
    pub fn using_up(name: impl Into<String>, prepare: impl Fn(usize) -> Call + 'static) -> Self {
        Self { name: name.into(), floor: None, prepare: Prepare::ForSoMany(Box::new(prepare)) }
    }

    /// Sets the baseline: the name of another case.
    #[must_use]
    pub fn over(mut self, floor: impl Into<String>) -> Self {
        self.floor = Some(floor.into());
        self
    }

    /// Returns the operation, prepared for at least this number of calls.
    pub fn prepare(&self, times: usize) -> Call {
        match &self.prepare {
            Prepare::Once(prepare) => prepare(),
            Prepare::ForSoMany(prepare) => prepare(times),
        }
    }

    /// Returns whether the prepared operation can be called any number of times.
    pub fn is_endless(&self) -> bool {
        matches!(self.prepare, Prepare::Once(_))
    }
}
