//! Which claim does not fit the application's type?

use std::any::type_name;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonObject;

use crate::error::Error;

/// Room for serde's sentence and a value in it.
const LIMIT: usize = 200;

/// The error for a payload that is not a `T`.
#[cold]
pub(super) fn of_payload<T>(payload: &str, error: &serde_json::Error) -> Error {
    unexpected::<T>(claim_at(payload, error), error)
}

/// The error for one claim that is not a `T`.
#[cold]
pub(super) fn of_claim<T>(claim: &str, error: &serde_json::Error) -> Error {
    unexpected::<T>(Some(claim.to_owned()), error)
}

fn unexpected<T>(claim: Option<String>, error: &serde_json::Error) -> Error {
    let message = error.to_string();
    // The place means nothing to a reader who does not have the token.
    let message = message.split(" at line ").next().unwrap_or_default();
    Error::UnexpectedClaims { claim, expected: type_name::<T>(), found: Excerpt::with_limit(message, LIMIT) }
}

/// Returns the claim whose value ends or encloses the place of the error. serde's own message has a
/// name only for claims that are missing.
fn claim_at(payload: &str, error: &serde_json::Error) -> Option<String> {
    let lines = payload.split_inclusive('\n').take(error.line().checked_sub(1)?);
    let at = lines.map(str::len).sum::<usize>() + error.column();
    let object = JsonObject::from_text(payload).ok()?;
    object.iter().find_map(|(name, value)| {
        let start = value.get().as_ptr().addr().checked_sub(payload.as_ptr().addr())?;
        // The place is before the value, in it, or just after it. Other values are further away.
        (start <= at && at <= start + value.get().len()).then(|| name.to_owned())
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
    }

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only its shape counts")]
    struct Limits {
        orders: Vec<u32>,
    }

    fn shown(payload: &str) -> String {
        let error = serde_json::from_str::<Ours>(payload).unwrap_err();
        of_payload::<Ours>(payload, &error).to_string()
    }

    #[test]
    fn misfit_names_its_claim() {
        // FR-C6
        for (payload, claim, found) in [
            (r#"{"a":1,"tenant":1,"level":2}"#, "tenant", "invalid type: integer `1`, expected a string"),
            (r#"{"tenant":null,"a":1}"#, "tenant", "invalid type: null, expected a string"),
            (r#"{"tenant":{"a":1},"a":1}"#, "tenant", "invalid type: map, expected a string"),
            ("{\n \"tenant\": \"t\",\n \"level\": \"high\"\n}", "level", "invalid type: string"),
            (r#"{"tenant":"t","level":256}"#, "level", "invalid value: integer `256`, expected u8"),
            (r#"{"tenant":"t","limits":{"orders":[1,"x"]}}"#, "limits", "invalid type: string"),
            (r#"{"tenant":"t","limits":{"orders":5},"x":1}"#, "limits", "invalid type: integer `5`"),
            (r#"{"tenant":"t","limits":{}}"#, "limits", "missing field `orders`"),
        ] {
            let shown = shown(payload);
            assert!(shown.contains(&format!("claim \"{claim}\": \"{found}")), "{payload}: {shown}");
            assert!(shown.contains("Ours") && !shown.contains("line"), "{shown}");
        }
        let missing = shown(r#"{"a":1}"#);
        assert!(missing.contains(r#"Ours: "missing field `tenant`""#), "{missing}");
    }
}
