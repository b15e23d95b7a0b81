//! One operation that is counted.

/// The operation, ready to be called as often as it was asked to be.
pub type Call = Box<dyn FnMut()>;

/// An operation, and what its cost is to be compared with.
pub struct Case {
    pub name: String,
    pub floor: Option<String>,
    pub prepare: Box<dyn Fn(usize) -> Call>,
}

impl Case {
    /// `prepare` does what is not to be counted, and is told how often the operation will be called. It is not called
    /// for a case that nobody asks for.
    pub fn new(name: impl Into<String>, prepare: impl Fn(usize) -> Call + 'static) -> Self {
        Self { name: name.into(), floor: None, prepare: Box::new(prepare) }
    }

    /// Compared with the case of this name, which must be there too.
    #[must_use]
    pub fn over(mut self, floor: impl Into<String>) -> Self {
        self.floor = Some(floor.into());
        self
    }
}
