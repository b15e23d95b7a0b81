//! Which data does the server have? Its generation, and the number and the mark of its last change.

use std::cmp::Ordering;

use redis::Cmd;

use crate::error::RedisError;
use crate::revocations::Keys;

/// Identifies a change.
///
/// Numbers are consecutive. Marks are random, because another server may give a number again that
/// this process already knows. All changes of one script have one mark: a server has all or none of
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) number: u64,
    /// `None` before the first change.
    pub(crate) mark: Option<Mark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

/// The data of the server at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// `None` if the server has no data.
    pub(crate) generation: Option<String>,
    pub(crate) last: Point,
}

/// The response to [`State::command`].
pub(crate) type StateFields = (Option<String>, Option<u64>, Option<String>);

/// Whether the server's data contains a change that this process knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lineage {
    /// It does, and so it contains all changes before.
    Same,
    /// The stream no longer has the change.
    Unknown,
    /// It does not. The server has lost it.
    Other,
}

impl State {
    pub(crate) fn command(keys: &Keys) -> Cmd {
        let mut command = redis::cmd("HMGET");
        command.arg(&keys.entries).arg("generation").arg("sequence").arg("mark");
        command
    }

    pub(crate) fn parse((generation, number, mark): StateFields) -> Result<Self, RedisError> {
        let mark = match mark {
            None => None,
            Some(mark) => Some(Mark::parse(mark.as_bytes()).ok_or(RedisError::UnexpectedResponse {
                expected: "16 hexadecimal digits in the field `mark`",
            })?),
        };
        Ok(Self { generation, last: Point { number: number.unwrap_or(0), mark } })
    }
}

impl Point {
    /// Compares a known change with the server's last one, and with the mark that the server's
    /// stream has at the known change's id.
    pub(crate) fn lineage(self, last: Self, stored: Option<Mark>) -> Lineage {
        match last.number.cmp(&self.number) {
            Ordering::Equal if last.mark == self.mark => Lineage::Same,
            Ordering::Less | Ordering::Equal => Lineage::Other,
            // There is no change that could be lost.
            Ordering::Greater if self.mark.is_none() => Lineage::Same,
            Ordering::Greater if stored == self.mark => Lineage::Same,
            Ordering::Greater => Lineage::Unknown,
        }
    }
}

impl Mark {
    pub(crate) fn parse(digits: &[u8]) -> Option<Self> {
        let digits = std::str::from_utf8(digits).ok()?;
        let is_hex = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u64::from_str_radix(digits, 16).ok().map(Self))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(number: u64, mark: u64) -> Point {
        Point { number, mark: Some(Mark(mark)) }
    }

    #[test]
    fn lineage_needs_own_change() {
        let (known, stored) = (point(5, 50), |mark| Some(Mark(mark)));
        for (last, stored, expected) in [
            (point(5, 50), None, Lineage::Same),
            (point(5, 51), None, Lineage::Other),
            (point(4, 40), None, Lineage::Other),
            (point(4, 50), stored(50), Lineage::Other),
            (point(6, 60), stored(50), Lineage::Same),
            (point(6, 60), stored(51), Lineage::Unknown),
            (point(6, 60), None, Lineage::Unknown),
        ] {
            assert_eq!(known.lineage(last, stored), expected, "{last:?} {stored:?}");
        }
        let none = Point { number: 0, mark: None };
        assert_eq!(none.lineage(point(9, 90), None), Lineage::Same);
        assert_eq!(none.lineage(none, None), Lineage::Same);
    }

    #[test]
    fn mark_has_16_hexadecimal_digits() {
        assert_eq!(Mark::parse(b"00000000000000fF"), Some(Mark(255)));
        for malformed in ["", "ff", "+0000000000000ff", "000000000000000g", "000000000000000ff"] {
            assert_eq!(Mark::parse(malformed.as_bytes()), None, "{malformed}");
            let state = State::parse((None, Some(1), Some(malformed.to_owned())));
            assert!(matches!(state, Err(RedisError::UnexpectedResponse { .. })), "{malformed}");
        }
        let empty = State { generation: None, last: Point { number: 0, mark: None } };
        assert_eq!(State::parse((None, None, None)).unwrap(), empty);
    }
}
