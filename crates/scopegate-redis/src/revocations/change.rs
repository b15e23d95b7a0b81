//! One change of the stream: its number, its operation, and the revocation.

use std::fmt;

use scopegate::{Excerpt, InvalidRevocation, Revocation};

/// An entry of the stream: its id, and names and values in turn.
pub(crate) type StreamEntry = (String, Vec<Vec<u8>>);

/// The response to `XREAD` of one stream. `None` if nothing came.
pub(crate) type Streams = Option<Vec<(String, Vec<StreamEntry>)>>;

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

/// Returns the number of a change. Each is one more than the number before.
pub(crate) fn number(fields: &[Vec<u8>]) -> Result<u64, ChangeError> {
    let number = value(fields, "n").and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
    number.ok_or(ChangeError::Missing("n"))
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
        assert_eq!(number(&fields(&["op", "revoke", "n", "7"])).unwrap(), 7);
        let change = operation(&fields(&["n", "1", "op", "revoke", "json", json])).unwrap();
        assert!(matches!(change, Operation::Revoke(found) if found.to_json() == json));
        let change = operation(&fields(&["json", json, "op", "withdraw"])).unwrap();
        assert!(matches!(change, Operation::Withdraw(found) if found.to_json() == json));
    }

    #[test]
    fn malformed_change_is_rejected_with_reason() {
        for texts in [&["op", "revoke"][..], &["n", "-1"], &["n", "x"], &["n"], &[]] {
            let error = number(&fields(texts)).unwrap_err().to_string();
            assert_eq!(error, "expected a valid field `n`, found none", "{texts:?}");
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
            let _ = (number(&fields), operation(&fields));
        }
    }
}
