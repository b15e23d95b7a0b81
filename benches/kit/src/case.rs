//! One operation that is counted or timed.

/// The operation, ready to be called.
pub type Call = Box<dyn FnMut()>;

/// An operation, and what its cost is to be compared with.
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
    /// `prepare` does what is not to be measured. It is not called for a case that nobody asks for.
    pub fn new(name: impl Into<String>, prepare: impl Fn() -> Call + 'static) -> Self {
        Self { name: name.into(), floor: None, prepare: Prepare::Once(Box::new(prepare)) }
    }

    /// For an operation that uses something up, such as a request: `prepare` is told how often it will be called.
    pub fn using_up(name: impl Into<String>, prepare: impl Fn(usize) -> Call + 'static) -> Self {
        Self { name: name.into(), floor: None, prepare: Prepare::ForSoMany(Box::new(prepare)) }
    }

    /// Compared with the case of this name, which must be there too.
    #[must_use]
    pub fn over(mut self, floor: impl Into<String>) -> Self {
        self.floor = Some(floor.into());
        self
    }

    /// The operation, for so many calls at least.
    pub fn prepare(&self, times: usize) -> Call {
        match &self.prepare {
            Prepare::Once(prepare) => prepare(),
            Prepare::ForSoMany(prepare) => prepare(times),
        }
    }

    /// Whether it can be called without end when it is prepared.
    pub fn is_endless(&self) -> bool {
        matches!(self.prepare, Prepare::Once(_))
    }
}
