//! The members of a token that each check reads, for reports.

use std::fmt::Write as _;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonObject;
use serde_json::value::RawValue;

use crate::checks::course::CheckName;
use crate::token::numeric_date::NumericDate;

/// Maximum length of a value in characters.
const LIMIT: usize = 200;

/// Returns the members of the token that the check reads. It is empty if there is none to show.
pub(crate) fn found(
    name: CheckName,
    header: Option<&JsonObject<'_>>,
    payload: Option<&JsonObject<'_>>,
) -> String {
    match name {
        CheckName::Header => members(header, &["alg"]),
        CheckName::Type => kind_of(header),
        CheckName::Key => members(header, &["kid", "x5t#S256", "x5t"]),
        CheckName::Issuer => payload.and_then(|payload| payload.get("iss")).map(shown).unwrap_or_default(),
        CheckName::Lifetime => dates(payload),
        CheckName::Kind => members(payload, &["token_use", "typ"]),
        CheckName::Audience => members(payload, &["aud", "client_id", "azp", "appid", "cid"]),
        CheckName::Binding => members(payload, &["cnf"]),
        CheckName::Identity => members(payload, &["sub", "jti"]),
        CheckName::Scopes => members(payload, &["scope", "scp", "permissions", "roles"]),
        CheckName::Form
        | CheckName::Payload
        | CheckName::Signature
        | CheckName::Revocation
        | CheckName::Status
        | CheckName::Introspection
        | CheckName::Application => String::new(),
    }
}

fn members(object: Option<&JsonObject<'_>>, names: &[&str]) -> String {
    let mut text = String::new();
    let Some(object) = object else { return text };
    for name in names {
        if let Some(value) = object.get_non_null(name) {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}{name} {}", shown(value));
        }
    }
    text
}

fn kind_of(header: Option<&JsonObject<'_>>) -> String {
    let members = members(header, &["alg", "typ"]);
    let has_typ = header.is_none_or(|header| header.contains("typ"));
    if has_typ { members } else { format!("{members}, no typ") }
}

fn dates(object: Option<&JsonObject<'_>>) -> String {
    let date = |name: &&str| {
        let value = object?.get_non_null(name)?;
        let date = NumericDate::parse(value).map_or_else(|| shown(value), |date| date.to_string());
        Some(format!("{name} {date}"))
    };
    ["iat", "nbf", "exp"].iter().filter_map(date).collect::<Vec<_>>().join(", ")
}

/// Numbers and arrays are shown as in the token, strings are escaped. Both are cut.
fn shown(value: &RawValue) -> String {
    let text = value.get();
    if text.starts_with('"') {
        return Excerpt::of_json(value, LIMIT).to_string();
    }
    // Strings in JSON have no control characters, but others may be invisible.
    let cut: String = text.chars().take(LIMIT).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    let visible: String = cut.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect();
    format!("{visible}{more}")
}
