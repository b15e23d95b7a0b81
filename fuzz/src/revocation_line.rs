//! Lines of a file of revocations. An input is one line.

use scopegate::fuzzing::{self, RevocationLine};

use crate::members::Members;
use crate::text::{MESSAGE, assert_fit_for_a_log};
use crate::verdicts;

const NAMES: [&str; 5] = ["jti", "sub", "client_id", "sid", "kid"];
/// The last second of the year 9999.
const LAST_DATE: f64 = 253_402_300_799.0;

pub fn check(input: &[u8]) {
    let found = fuzzing::revocation_line(input);
    verdicts::count(&found);
    if let Err(reason) = &found {
        assert_fit_for_a_log(reason, MESSAGE);
        assert_constant(reason);
    }
    assert_eq!(found.ok(), read(input));
}

/// Reads a line by serde_json.
fn read(line: &[u8]) -> Option<RevocationLine> {
    let members = Members::try_read(line)?;
    if members.names().any(|name| !NAMES.contains(&name) && !["iss", "exp", "not_before"].contains(&name)) {
        return None;
    }
    let text = |name: &str| members.text(name).filter(|text| !text.is_empty());
    let mut named = NAMES.into_iter().filter(|name| members.has(name));
    let (claim, None) = (named.next()?, named.next()) else { return None };
    let (not_before, exp) = (date(&members, "not_before")?, date(&members, "exp")?);
    if not_before.is_some() != ["sub", "client_id"].contains(&claim) {
        return None;
    }
    Some(RevocationLine { issuer: text("iss")?, claim, name: text(claim)?, not_before, exp })
}

/// Returns `None` if the member is no date, and `Some(None)` without the member.
fn date(members: &Members, name: &str) -> Option<Option<f64>> {
    let Some(raw) = members.raw(name) else { return Some(None) };
    let seconds: f64 = serde_json::from_str(raw).ok()?;
    (seconds > 0.0 && seconds <= LAST_DATE).then_some(Some(seconds))
}

/// Asserts that a message has words of the program only, and no part of the line.
fn assert_constant(reason: &str) {
    let words = reason.split(' ').map(|word| word.trim_matches(['`', ':', ',']));
    for word in words {
        assert!(WORDS.split_whitespace().any(|known| known == word), "{word:?} in {reason}");
    }
}

const WORDS: &str = "not UTF-8 one JSON object a that repeats member name of more than 256 members longer 16 KiB other \
    iss exp not_before jti sub client_id sid kid and expected found none several without both string is empty seconds \
    since 1970 0 before the year 10000 an array boolean number null";
