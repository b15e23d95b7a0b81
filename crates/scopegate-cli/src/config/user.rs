//! `acr` and `max_auth_age_secs` of a rule: the required authentication of the user (RFC 9470).

use crate::config::problem::Problems;
use crate::config::reader::Reader;
use crate::routes::access::RequiredUser;

/// The range of `max_auth_age_secs`: up to a year.
const MAX_AGES: std::ops::RangeInclusive<u64> = 1..=31_536_000;
/// Maximum number of values of `acr`, which are in each challenge.
const MAX_VALUES: usize = 16;
/// Maximum length of a value of `acr`.
const MAX_LENGTH: usize = 256;

/// Reads the requirement of a rule. Returns `None` if it has none.
pub(super) fn read(table: &mut Reader<'_>, problems: &mut Problems<'_>) -> Option<RequiredUser> {
    let values = table.strings("acr", problems);
    let max_age = table.whole_seconds("max_auth_age_secs", MAX_AGES, problems);
    let mut acr: Vec<String> = Vec::new();
    for value in values.iter().flatten() {
        if acr.len() == MAX_VALUES {
            problems.add(&value.span, format_args!("expected at most {MAX_VALUES} values of `acr`"));
            break;
        }
        if !is_acr(value.text) {
            let expected = "expected a value of `acr` without spaces, `\"` and `\\`";
            problems.add(&value.span, format_args!("{expected}, found {:?}", value.text));
        }
        acr.push(value.text.to_owned());
    }
    let is_read = table.has("acr") || table.has("max_auth_age_secs");
    is_read.then(|| RequiredUser { acr, max_age: max_age.map(|(age, _)| age) })
}

/// Returns whether a challenge can have this value, as
/// [`Authorizer::with_acr`](scopegate::http::Authorizer::with_acr) requires.
fn is_acr(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use scopegate::http::Authorizer;

    use super::*;

    #[test]
    fn values_are_those_of_the_library() {
        let authorizer = Authorizer::require_token(&testkit::cognito_verifier());
        for code in 0_u8..=255 {
            let text = char::from(code).to_string();
            let is_accepted = authorizer.clone().with_acr([text.as_str()]).is_ok();
            assert_eq!(is_acr(&text), is_accepted, "{text:?}");
        }
        assert!(!is_acr("") && authorizer.with_acr([""]).is_err());
        assert!(is_acr(&"a".repeat(MAX_LENGTH)) && !is_acr(&"a".repeat(MAX_LENGTH + 1)));
    }
}
