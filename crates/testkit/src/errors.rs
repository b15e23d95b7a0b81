//! Errors as an operator reads them.

use std::error::Error;

/// Returns the messages of the error and of its causes on one line, outermost first: `error: cause:
/// cause`.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn causes_follow_their_error() {
        let inner = io::Error::other(io::Error::other("cause"));
        assert_eq!(with_causes(&io::Error::other("alone")), "alone");
        assert_eq!(with_causes(&Outer(inner)), "outer: cause");
    }

    #[derive(Debug)]
    struct Outer(io::Error);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
}
