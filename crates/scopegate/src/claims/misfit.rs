//! Errors for claims that do not fit the application's type.
//!
//! A claim may be personal data, so an error has the type of the found value, and never the value.

use std::any::type_name;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonObject;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::claims::Claims;
use crate::claims::token_ref::TokenRef;
use crate::error::Error;

/// Maximum length of serde's message without the value.
const LIMIT: usize = 200;

/// Returns the error for a payload that is not a `T`.
#[cold]
pub(super) fn of_payload<T>(payload: &str, error: &serde_json::Error, claims: &Claims) -> Error {
    let object = JsonObject::from_text(payload).ok();
    let claim = object.as_ref().and_then(|object| claim_at(payload, object, error));
    unexpected::<T>(claim, error, claims)
}

/// Returns the error for one claim that is not a `T`.
#[cold]
pub(super) fn of_claim<T>(
    claim: &str,
    value: &RawValue,
    error: &serde_json::Error,
    claims: &Claims,
) -> Error {
    unexpected::<T>(Some((claim, value)), error, claims)
}

fn unexpected<T>(claim: Option<(&str, &RawValue)>, error: &serde_json::Error, claims: &Claims) -> Error {
    let message = error.to_string();
    // The position is of no use without the token.
    let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
    let found = match error.classify() {
        Category::Data => without_value(message).unwrap_or_else(|| match claim {
            Some((_, value)) => format!("{} that the type rejects", Excerpt::type_of_json(value)),
            None => "a value that the type rejects".to_owned(),
        }),
        // Fixed messages about the form of JSON, such as "number out of range".
        Category::Syntax | Category::Eof | Category::Io => message.to_owned(),
    };
    Error::UnexpectedClaims {
        claim: claim.map(|(name, _)| name.to_owned()),
        expected: type_name::<T>(),
        found: Excerpt::with_limit(&found, LIMIT),
        token: TokenRef::new(claims),
    }
}

/// The messages of serde that contain names of the application's type, and no value.
const WITHOUT_VALUE: [&str; 3] =
    ["missing field `", "duplicate field `", "data did not match any variant of "];

/// serde's names for the types of JSON values.
const TYPES: [&str; 7] = ["boolean", "integer", "floating point", "string", "null", "sequence", "map"];

/// Reduces a message of serde to the parts without the value. Returns `None` for a message of the
/// application's own type, which may contain the whole value.
fn without_value(message: &str) -> Option<String> {
    if WITHOUT_VALUE.iter().any(|start| message.starts_with(start)) {
        return Some(message.to_owned());
    }
    // The value is before the last "expected".
    let (found, expected) = message.rsplit_once(", expected ")?;
    for kind in ["invalid type", "invalid value"] {
        if let Some(found) = found.strip_prefix(kind).and_then(|rest| rest.strip_prefix(": ")) {
            let json_type = TYPES.iter().find(|json_type| found.starts_with(**json_type))?;
            return Some(format!("{kind}: {json_type}, expected {expected}"));
        }
    }
    // "unknown variant `a`, there are no variants" ends with the value's quote too soon.
    let is_quoted =
        |rest: &str| rest.starts_with(" `") && rest.ends_with('`') && !expected.contains("`, there are no");
    ["unknown variant", "unknown field", "invalid length"].iter().find_map(|kind| {
        let rest = found.strip_prefix(kind)?;
        let is_length = rest.trim_start().bytes().all(|byte| byte.is_ascii_digit());
        (is_length || is_quoted(rest)).then(|| format!("{kind}, expected {expected}"))
    })
}

/// Returns the claim whose value contains the position of the error or ends there. serde's own
/// message has a name only for missing claims.
fn claim_at<'a>(
    payload: &str,
    object: &'a JsonObject<'_>,
    error: &serde_json::Error,
) -> Option<(&'a str, &'a RawValue)> {
    let lines = payload.split_inclusive('\n').take(error.line().checked_sub(1)?);
    // If a type rejects the last claim, the position is after the object's brace. A missing claim has the same
    // position and must not be mistaken for the last claim.
    let after = usize::from(error.is_data() && !error.to_string().starts_with("missing field"));
    let at = lines.map(str::len).sum::<usize>() + error.column();
    object.iter().find(|(_, value)| {
        let start = value.get().as_ptr().addr().checked_sub(payload.as_ptr().addr());
        // The position is in the value or just after it. Other values are further away.
        start.is_some_and(|start| start <= at && at <= start + value.get().len() + after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only its shape counts")]
    struct Ours {
        tenant: String,
        limits: Option<Limits>,
        level: Option<u8>,
        plan: Option<Plan>,
        email: Option<Email>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Plan {
        Free,
        Paid,
    }

    /// A type whose error repeats the value.
    #[derive(Debug, serde::Deserialize)]
    #[serde(try_from = "String")]
    struct Email;

    impl TryFrom<String> for Email {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            if text.contains('@') { Ok(Self) } else { Err(text) }
        }
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its shape counts")]
    struct Closed {
        tenant: String,
    }

    #[derive(Debug, serde::Deserialize)]
    enum Never {}

    #[derive(Debug, serde::Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code, reason = "only its shape counts")]
    enum Level {
        Number(u8),
        List(Vec<u8>),
    }

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only its shape counts")]
    struct Limits {
        orders: Vec<u32>,
    }

    fn claims() -> Claims {
        Claims::for_test(serde_json::json!({}))
    }

    fn shown(payload: &str) -> String {
        let error = serde_json::from_str::<Ours>(payload).unwrap_err();
        of_payload::<Ours>(payload, &error, &claims()).to_string()
    }

    #[test]
    fn misfit_names_its_claim() {
        // FR-C6
        for (payload, claim, found) in [
            (r#"{"a":1,"tenant":1,"level":2}"#, "tenant", "invalid type: integer, expected a string"),
            (r#"{"tenant":null,"a":1}"#, "tenant", "invalid type: null, expected a string"),
            (r#"{"tenant":{"a":1},"a":1}"#, "tenant", "invalid type: map, expected a string"),
            ("{\n \"tenant\": \"t\",\n \"level\": \"high\"\n}", "level", "invalid type: string"),
            (r#"{"tenant":"t","level":256}"#, "level", "invalid value: integer, expected u8"),
            (r#"{"tenant":"t","limits":{"orders":[1,"x"]}}"#, "limits", "invalid type: string"),
            (r#"{"tenant":"t","limits":{"orders":5},"x":1}"#, "limits", "invalid type: integer"),
            (r#"{"tenant":"t","limits":{}}"#, "limits", "missing field `orders`"),
            (r#"{"tenant":"t","plan":"gold"}"#, "plan", "unknown variant, expected `free` or `paid`"),
        ] {
            let shown = shown(payload);
            assert!(shown.contains(&format!("claim \"{claim}\": \"{found}")), "{payload}: {shown}");
            assert!(shown.contains("Ours") && !shown.contains("line"), "{shown}");
        }
        let missing = shown(r#"{"a":1}"#);
        assert!(missing.contains(r#"Ours: "missing field `tenant`""#), "{missing}");
    }
    #[test]
    fn misfit_hides_value() {
        // FR-C6: a claim may hold an email address or a social security number.
        const SECRET: &str = "078-05-1120";
        fn misfit<T: std::fmt::Debug + serde::de::DeserializeOwned>(payload: &str) -> String {
            let error = serde_json::from_str::<T>(payload).unwrap_err();
            let of_payload = of_payload::<T>(payload, &error, &claims());
            let value = RawValue::from_string(payload.to_owned()).unwrap();
            let of_claim = of_claim::<T>("claim", &value, &error, &claims());
            let shown = format!("{of_payload} {of_payload:?} {of_claim} {of_claim:?}");
            assert!(!shown.contains("078") && !shown.contains("1120"), "{shown}");
            of_payload.to_string()
        }
        let texts = [
            SECRET.to_owned(),
            format!("a, expected {SECRET}"),
            format!(r#"a\", expected {SECRET}"#),
            format!("a`, expected {SECRET}"),
            format!("{SECRET} at line 1 column 5"),
            format!("missing {SECRET}"),
            format!("a, expected `{SECRET}`, there are no variants"),
        ];
        for text in texts {
            for claim in ["level", "plan", "email", "limits"] {
                let shown = misfit::<Ours>(&format!(r#"{{"tenant":"t","{claim}":"{text}"}}"#));
                // serde_json parses such an end of a type's own message as the position.
                let has_place = claim == "email" && text.contains(" at line ");
                let named = shown.contains(&format!("claim \"{claim}\": "));
                assert!(named || has_place, "{claim} {text}: {shown}");
            }
            misfit::<Ours>(&format!(r#"{{"tenant":"t","limits":{{"orders":["{text}"]}}}}"#));
            misfit::<Never>(&format!(r#""{text}""#));
            misfit::<Level>(&format!(r#""{text}""#));
            misfit::<Email>(&format!(r#""{text}""#));
        }
        let email = misfit::<Ours>(&format!(r#"{{"tenant":"t","email":"{SECRET}"}}"#));
        assert!(email.ends_with(r#"claim "email": "a string that the type rejects""#), "{email}");
        for (payload, found) in [
            (r#"{"tenant":"t","level":78051120}"#, "invalid value: integer, expected u8"),
            (r#"{"tenant":"t","level":78.51120}"#, "invalid type: floating point, expected u8"),
            (r#"{"tenant":"t","level":[1120]}"#, "invalid type: sequence, expected u8"),
        ] {
            let shown = misfit::<Ours>(payload);
            assert!(shown.ends_with(&format!("claim \"level\": \"{found}\"")), "{shown}");
        }
        let shown = misfit::<Level>(r#""x""#);
        assert!(shown.ends_with("\"data did not match any variant of untagged enum Level\""), "{shown}");
        let shown = misfit::<Closed>(r#"{"tenant":"t","other":"078"}"#);
        assert!(shown.ends_with("\"unknown field, expected `tenant`\""), "{shown}");
        // The claim whose value fits is not named.
        assert!(
            serde_json::from_str::<Ours>(r#"{"tenant":"t","plan":"paid","email":"a@b","level":1}"#).is_ok()
        );
    }
}
