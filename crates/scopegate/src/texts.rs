//! The texts of one token in one piece of memory: one allocation instead of seven, which are 0.4 % of a verification, and
//! a size that is easy to tell.

/// Texts, one after the other.
pub(crate) struct Texts(String);

/// Which of the texts.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Texts {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(crate) fn add(&mut self, text: &str) -> Span {
        let start = self.0.len();
        self.0.push_str(text);
        Span { start, end: self.0.len() }
    }

    /// Adds to the text that was added last, after a space.
    pub(crate) fn add_to(&mut self, last: Span, text: &str) -> Span {
        if last.start < last.end {
            self.0.push(' ');
        }
        Span { start: last.start, end: self.add(text).end }
    }

    pub(crate) fn get(&self, span: Span) -> &str {
        self.0.get(span.start..span.end).unwrap_or_default()
    }

    /// The bytes that are taken.
    pub(crate) fn size(&self) -> usize {
        self.0.capacity()
    }
}
