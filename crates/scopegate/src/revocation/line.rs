//! A revocation as JSON: a line of a file, or an entry of another feed.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonError, JsonObject, string};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::revocation::kind::Kind;
use crate::revocation::revoked::{Revocation, Target};
use crate::token::numeric_date::NumericDate;

/// No token that is accepted has a longer name.
pub(crate) const MAX_LINE: usize = 16 * 1024;

/// The reason why a string is not the JSON form of a [`Revocation`]. It contains no part of it,
/// because any part may be the name of a subject, which is personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRevocation(LineError);

impl Revocation {
    /// Parses the JSON form of a revocation: a line of a
    /// [`RevocationFile`](crate::RevocationFile). Use it for feeds of your own.
    ///
    /// ```
    /// use scopegate::Revocation;
    ///
    /// let line = br#"{"iss":"https://issuer.example","jti":"5a1f","exp":1790000000}"#;
    /// let revocation = Revocation::from_json(line)?;
    /// assert_eq!(revocation.to_json().as_bytes(), line);
    /// assert!(Revocation::from_json(br#"{"iss":"https://issuer.example","jit":"5a1f"}"#).is_err());
    /// # Ok::<(), scopegate::InvalidRevocation>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`InvalidRevocation`] for anything else, for unknown members, and for more than
    /// 16 KiB.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidRevocation> {
        if json.len() > MAX_LINE {
            return Err(InvalidRevocation(LineError::TooLong));
        }
        let Target { kind, issuer, name, issued_before, ends_at } = parse(json).map_err(InvalidRevocation)?;
        let (issuer, name) = (issuer.into_owned().into(), name.into_owned().into());
        Ok(Self(Target { kind, issuer, name, issued_before, ends_at }))
    }

    /// Returns the JSON form. Times are rounded to whole seconds in the direction that revokes more.
    ///
    /// It contains names of subjects, which are personal data. Don't log it.
    pub fn to_json(&self) -> String {
        let Target { kind, issuer, name, issued_before, ends_at } = &self.0;
        let (issuer, name) = (Value::from(&**issuer), Value::from(&**name));
        let mut json = format!(r#"{{"iss":{issuer},"{}":{name}"#, kind.claim());
        for (member, seconds) in [
            ("not_before", issued_before.map(|date| date.as_secs_f64().floor())),
            ("exp", ends_at.map(|date| date.as_secs_f64().ceil())),
        ] {
            if let Some(seconds) = seconds {
                // Writing to a string never fails.
                let _ = write!(json, r#","{member}":{seconds:.0}"#);
            }
        }
        json + "}"
    }
}

impl fmt::Display for InvalidRevocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for InvalidRevocation {}

/// Why a line is malformed. It holds no part of the line, because any part may be the name of a
/// subject, which is personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineError {
    NotAnObject(JsonError),
    TooLong,
    /// A typo must not widen or narrow a revocation.
    UnknownMember,
    Missing(&'static str),
    /// One line revokes one thing. Two members could be read as *and* or as *or*.
    Several,
    NoName,
    /// Only a subject and a client have a time before which their tokens were issued.
    NotBefore(&'static str),
    Malformed {
        member: &'static str,
        expected: &'static str,
        found: Excerpt,
    },
}

/// Reads a line.
///
/// It is one JSON object. It has `iss` and exactly one name. The member of the name is a [`Kind`].
/// `sub` and `client_id` require `not_before`. Each line may have `exp`.
pub(crate) fn parse(line: &[u8]) -> Result<Target<'_>, LineError> {
    let object = JsonObject::from_slice(line).map_err(LineError::NotAnObject)?;
    let (mut issuer, mut named, mut issued_before, mut ends_at) = (None, None, None, None);
    for (member, value) in object.iter() {
        match member {
            "iss" => issuer = Some(name("iss", value)?),
            "exp" => ends_at = Some(date("exp", value)?),
            "not_before" => issued_before = Some(date("not_before", value)?),
            other => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.claim() == other);
                let kind = kind.ok_or(LineError::UnknownMember)?;
                if named.replace((kind, name(kind.claim(), value)?)).is_some() {
                    return Err(LineError::Several);
                }
            }
        }
    }
    let issuer = issuer.ok_or(LineError::Missing("iss"))?;
    let (kind, name) = named.ok_or(LineError::NoName)?;
    match (kind.has_issue_time(), issued_before) {
        (true, None) => return Err(LineError::Missing("not_before")),
        (false, Some(_)) => return Err(LineError::NotBefore(kind.claim())),
        (true, Some(_)) | (false, None) => {}
    }
    Ok(Target { kind, issuer, name, issued_before, ends_at })
}

/// An empty name is no name: it would revoke nothing.
fn name<'a>(member: &'static str, value: &'a RawValue) -> Result<Cow<'a, str>, LineError> {
    string(value).filter(|name| !name.is_empty()).ok_or_else(|| LineError::Malformed {
        member,
        expected: "a string that is not empty",
        found: Excerpt::type_of_json(value),
    })
}

/// No token is as old as 1970: a `not_before` of 0 would revoke nothing, and an `exp` of 0 would
/// have ended long ago. A date in milliseconds is after the year 9999.
fn date(member: &'static str, value: &RawValue) -> Result<NumericDate, LineError> {
    let date = NumericDate::parse(value).filter(|date| date.as_secs_f64() > 0.0);
    date.ok_or_else(|| LineError::Malformed {
        member,
        expected: "seconds since 1970, more than 0 and before the year 10000",
        found: Excerpt::type_of_json(value),
    })
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject(error) => fmt::Display::fmt(error, f),
            Self::TooLong => f.write_str("longer than 16 KiB"),
            Self::UnknownMember => f.write_str(
                "a member other than `iss`, `jti`, `sub`, `client_id`, `sid`, `kid`, `not_before` and `exp`",
            ),
            Self::Missing(member) => write!(f, "expected `{member}`, found none"),
            Self::Several => {
                f.write_str("expected one of `jti`, `sub`, `client_id`, `sid` and `kid`, found several")
            }
            Self::NoName => {
                f.write_str("expected one of `jti`, `sub`, `client_id`, `sid` and `kid`, found none")
            }
            Self::NotBefore(member) => write!(f, "expected `{member}` without `not_before`, found both"),
            Self::Malformed { member, expected, found } => {
                write!(f, "`{member}`: expected {expected}, found {found}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;

    const UNKNOWN: &str =
        "a member other than `iss`, `jti`, `sub`, `client_id`, `sid`, `kid`, `not_before` and `exp`";

    fn error(line: &str) -> String {
        parse(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn each_form_of_a_line_is_read() {
        for (line, kind, name, before, ends) in [
            (r#"{"iss":"i","jti":"a","exp":1500}"#, Kind::Token, "a", None, Some(1_500.0)),
            (r#"{"iss":"i","jti":"a"}"#, Kind::Token, "a", None, None),
            (r#"{"iss":"i","sub":"a","not_before":1.5}"#, Kind::Subject, "a", Some(1.5), None),
            (
                r#"{"not_before":1,"exp":2,"client_id":"a","iss":"i"}"#,
                Kind::Client,
                "a",
                Some(1.0),
                Some(2.0),
            ),
            (r#" {"iss":"i", "sid":"\u00e4"} "#, Kind::Session, "ä", None, None),
            ("{\"iss\":\"i\",\"kid\":\" a\"}\r", Kind::Key, " a", None, None),
        ] {
            let target = parse(line.as_bytes()).unwrap();
            assert_eq!((target.kind, &*target.issuer, &*target.name), (kind, "i", name), "{line}");
            assert_eq!(target.issued_before.map(NumericDate::as_secs_f64), before, "{line}");
            assert_eq!(target.ends_at.map(NumericDate::as_secs_f64), ends, "{line}");
        }
    }

    #[test]
    fn malformed_line_is_rejected_with_reason() {
        for (line, expected) in [
            ("", "not one JSON object"),
            ("[]", "not one JSON object"),
            (r#"{"iss":"i","jti":"a"}{"iss":"i","jti":"b"}"#, "not one JSON object"),
            (r#"{"iss":"i","jti":"a","jti":"b"}"#, "a JSON object that repeats a member name"),
            (r#"{"iss":"i","jti":"a","Exp":1}"#, UNKNOWN),
            (r#"{"iss":"i","secret":"sub"}"#, UNKNOWN),
            (r#"{"jti":"a"}"#, "expected `iss`, found none"),
            (r#"{"iss":"i"}"#, "expected one of `jti`, `sub`, `client_id`, `sid` and `kid`, found none"),
            (
                r#"{"iss":"i","sub":"a","sid":"b"}"#,
                "expected one of `jti`, `sub`, `client_id`, `sid` and `kid`, found several",
            ),
            (r#"{"iss":"i","sub":"a"}"#, "expected `not_before`, found none"),
            (r#"{"iss":"i","client_id":"a","exp":1}"#, "expected `not_before`, found none"),
            (r#"{"iss":"i","jti":"a","not_before":1}"#, "expected `jti` without `not_before`, found both"),
            (r#"{"iss":"i","jti":null}"#, "`jti`: expected a string that is not empty, found null"),
            (r#"{"iss":"i","jti":["secret"]}"#, "`jti`: expected a string that is not empty, found an array"),
            (r#"{"iss":"","jti":"a"}"#, "`iss`: expected a string that is not empty, found a string"),
        ] {
            assert_eq!(error(line), expected, "{line}");
        }
        assert_eq!(parse(b"{\"iss\":\"i\",\"jti\":\"\xff\"}").unwrap_err().to_string(), "not UTF-8");
    }

    #[test]
    fn date_that_is_no_date_of_a_token_is_malformed() {
        let line = |not_before: &str, exp: &str| {
            format!(r#"{{"iss":"i","sub":"a","not_before":{not_before},"exp":{exp}}}"#)
        };
        assert!(parse(line("0.5", "1e9").as_bytes()).is_ok());
        // Milliseconds, a string, and dates before tokens.
        for (wrong, found) in [
            ("1750000000000", "a number"),
            ("\"1\"", "a string"),
            ("0", "a number"),
            ("-0.0", "a number"),
            ("-1", "a number"),
            ("null", "null"),
        ] {
            let expected =
                format!("expected seconds since 1970, more than 0 and before the year 10000, found {found}");
            assert_eq!(error(&line(wrong, "1")), format!("`not_before`: {expected}"));
            assert_eq!(error(&line("1", wrong)), format!("`exp`: {expected}"));
        }
    }

    #[test]
    fn json_form_revokes_at_least_as_much() {
        let issuer = r"https://issuer.example/a\b";
        let date = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
        for (revocation, json) in [
            (Revocation::token(issuer, "ä\"\n"), r#"{"iss":"https://issuer.example/a\\b","jti":"ä\"\n"}"#),
            (
                Revocation::subject("i", "s", date(1_000.9)).ends_at(date(2_000.1)),
                r#"{"iss":"i","sub":"s","not_before":1000,"exp":2001}"#,
            ),
            (
                Revocation::client("i", "c", date(1e9)),
                r#"{"iss":"i","client_id":"c","not_before":1000000000}"#,
            ),
            (Revocation::session("i", "s").ends_at(date(4e9)), r#"{"iss":"i","sid":"s","exp":4000000000}"#),
            (Revocation::key("i", "k"), r#"{"iss":"i","kid":"k"}"#),
        ] {
            assert_eq!(revocation.to_json(), json);
            let read = Revocation::from_json(json.as_bytes()).unwrap();
            assert_eq!(read.to_json(), json);
            // A time before which tokens were issued includes its whole second.
            let seconds = |date: Option<NumericDate>| date.map(NumericDate::as_secs);
            assert_eq!(seconds(read.0.issued_before), seconds(revocation.0.issued_before));
            assert!(read.0.ends_at >= revocation.0.ends_at);
        }
    }

    #[test]
    fn json_form_has_16_kib_at_most() {
        let json = |len: usize| {
            let empty = r#"{"iss":"i","jti":""}"#.len();
            Revocation::token("i", "a".repeat(len - empty)).to_json()
        };
        assert!(Revocation::from_json(json(MAX_LINE).as_bytes()).is_ok());
        let error = Revocation::from_json(json(MAX_LINE + 1).as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "longer than 16 KiB");
    }

    proptest! {
        #[test]
        fn error_holds_no_part_of_the_line(
            at in 0usize..6,
            line in prop_oneof![
                Just(r#"{"iss":"@","jti":"@","exp":"@"}"#), Just(r#"{"iss":"@","@":"a"}"#),
                Just(r#"{"iss":"i","sub":["@"],"not_before":1}"#), Just(r#"{"@":"@"}"#),
                Just(r#"{"iss":"i","jti":"@","not_before":7}"#), Just(r#"@{"iss":"@"}"#),
            ],
        ) {
            let secret = ["subject-17", "Zoë Zane", "1234567", "\\u0041lice-7", "x'--", "secret@example"][at];
            let error = parse(line.replace('@', secret).as_bytes()).unwrap_err();
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains(secret) && !shown.contains("Alice-7"), "{}", shown);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_name_is_read_back(name in "\\PC{1,20}") {
            let line = serde_json::json!({ "iss": "i", "jti": name }).to_string();
            prop_assert_eq!(&*parse(line.as_bytes()).unwrap().name, name.as_str());
        }
    }
}
