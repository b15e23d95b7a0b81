//! One change of the stream: its number, its operation, and the revocation.

use std::fmt;

use scopegate::{Excerpt, InvalidRevocation, Revocation};

use crate::revocations::state::Mark;

/// An entry of the stream: its id, and names and values in turn.
pub(crate) type StreamEntry = (String, Vec<Vec<u8>>);

/// The response to `XREAD` of one stream. `None` if nothing came.
pub(crate) type Streams = Option<Vec<(String, Vec<StreamEntry>)>>;

/// The place of a change among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// One more than the number before.
    pub(crate) number: u64,
    pub(crate) mark: Mark,
    /// The mark of the change before. `None` for the first one.
    pub(crate) after: Option<Mark>,
}

pub(crate) enum Operation {
    Revoke(Revocation),
    Withdraw(Revocation),
}

/// Why an entry of the stream is malformed.
#[derive(Debug)]
pub(crate) enum ChangeError {
    Missing(&'static str),
    Operation(Excerpt),
    Json(InvalidRevocation),
}

/// Reads the number, the mark, and the mark of the change before.
pub(crate) fn link(fields: &[Vec<u8>]) -> Result<Link, ChangeError> {
    let number = value(fields, "n").and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
    let number = number.ok_or(ChangeError::Missing("n"))?;
    let mark = value(fields, "mark").and_then(Mark::parse).ok_or(ChangeError::Missing("mark"))?;
    let after = match value(fields, "after").ok_or(ChangeError::Missing("after"))? {
        b"" => None,
        mark => Some(Mark::parse(mark).ok_or(ChangeError::Missing("after"))?),
    };
    Ok(Link { number, mark, after })
}

pub(crate) fn operation(fields: &[Vec<u8>]) -> Result<Operation, ChangeError> {
    let json = value(fields, "json").ok_or(ChangeError::Missing("json"))?;
    let revocation = || Revocation::from_json(json).map_err(ChangeError::Json);
    match value(fields, "op").ok_or(ChangeError::Missing("op"))? {
        b"revoke" => Ok(Operation::Revoke(revocation()?)),
        b"withdraw" => Ok(Operation::Withdraw(revocation()?)),
        other => Err(ChangeError::Operation(Excerpt::new(&String::from_utf8_lossy(other)))),
    }
}

fn value<'a>(fields: &'a [Vec<u8>], name: &str) -> Option<&'a [u8]> {
    let mut pairs = fields.chunks_exact(2);
    pairs.find_map(|pair| match pair {
        [field, value] if field == name.as_bytes() => Some(&**value),
        _ => None,
    })
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "expected a valid field `{field}`, found none"),
            Self::Operation(found) => write!(f, "`op`: expected `revoke` or `withdraw`, found {found}"),
            Self::Json(error) => fmt::Display::fmt(error, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    #[test]
    fn change_has_number_operation_and_revocation() {
        let json = r#"{"iss":"i","sid":"s"}"#;
        let (one, other) = ("00000000000000ff", "0000000000000100");
        let (mark, before) = (Mark::parse(one.as_bytes()), Mark::parse(other.as_bytes()));
        for (after, expected) in [(other, before), ("", None)] {
            let found = link(&fields(&["op", "revoke", "after", after, "n", "7", "mark", one])).unwrap();
            assert_eq!(found, Link { number: 7, mark: mark.unwrap(), after: expected });
        }
        let change = operation(&fields(&["n", "1", "op", "revoke", "json", json])).unwrap();
        assert!(matches!(change, Operation::Revoke(found) if found.to_json() == json));
        let change = operation(&fields(&["json", json, "op", "withdraw"])).unwrap();
        assert!(matches!(change, Operation::Withdraw(found) if found.to_json() == json));
    }

    #[test]
    fn malformed_change_is_rejected_with_reason() {
        let mark = "00000000000000ff";
        for (texts, missing) in [
            (&["op", "revoke"][..], "n"),
            (&["n", "-1"], "n"),
            (&["n", "x"], "n"),
            (&["n"], "n"),
            (&[], "n"),
            (&["n", "1"], "mark"),
            (&["n", "1", "mark", "ff", "after", ""], "mark"),
            (&["n", "1", "mark", mark], "after"),
            (&["n", "1", "mark", mark, "after", "ff"], "after"),
        ] {
            let error = link(&fields(texts)).unwrap_err().to_string();
            assert_eq!(error, format!("expected a valid field `{missing}`, found none"), "{texts:?}");
        }
        for (texts, expected) in [
            (&["op", "revoke"][..], "expected a valid field `json`, found none"),
            (&["json", "{}"], "expected a valid field `op`, found none"),
            (&["op", "Revoke", "json", "{}"], "`op`: expected `revoke` or `withdraw`, found \"Revoke\""),
            (&["op", "revoke", "json", "{}"], "expected `iss`, found none"),
            (
                &["op", "withdraw", "json", r#"{"iss":"i","jit":"a"}"#],
                "a member other than `iss`, `jti`, `sub`, `client_id`, `sid`, `kid`, `not_before` and `exp`",
            ),
        ] {
            assert_eq!(operation(&fields(texts)).err().unwrap().to_string(), expected, "{texts:?}");
        }
    }

    proptest! {
        #[test]
        fn any_fields_are_read_without_panic(
            fields in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..8),
        ) {
            let _ = (link(&fields), operation(&fields));
        }
    }
}
