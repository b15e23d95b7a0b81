//! Hides personal data and secrets in values of a token.

use serde_json::Value;

/// Names of claims that identify a person, or whose value is a secret.
const HIDDEN_NAMES: [&str; 13] = [
    "access_token",
    "address",
    "birthdate",
    "code",
    "email",
    "family_name",
    "given_name",
    "id_token",
    "name",
    "nickname",
    "phone_number",
    "preferred_username",
    "refresh_token",
];

/// Parts of the names of claims whose value is a secret.
const HIDDEN_PARTS: [&str; 5] = ["api_key", "apikey", "passwd", "password", "secret"];

const HIDDEN: &str = "(masked)";

/// Returns the text with e-mail addresses and tokens masked.
pub(crate) fn text(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "\"'`<>()[]{},;".contains(c);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(is_end).unwrap_or(rest.len());
        let (head, tail) = rest.split_at(word);
        masked.push_str(&masked_word(head));
        let end = tail.chars().next().map_or(0, char::len_utf8);
        let (end, tail) = tail.split_at(end);
        masked.push_str(end);
        rest = tail;
    }
    masked
}

/// Returns the value with masked members and masked texts.
pub(crate) fn value(value: Value) -> Value {
    each(value, &|name| is_hidden(name))
}

/// Returns the value with masked texts. The names of its members are ours.
pub(crate) fn texts(value: Value) -> Value {
    each(value, &|_| false)
}

fn each(value: Value, is_hidden: &dyn Fn(&str) -> bool) -> Value {
    match value {
        Value::String(found) => Value::String(text(&found)),
        Value::Array(values) => values.into_iter().map(|value| each(value, is_hidden)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let value = if is_hidden(&name) { Value::from(HIDDEN) } else { each(value, is_hidden) };
                (name, value)
            })
            .collect(),
        other => other,
    }
}

fn is_hidden(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HIDDEN_NAMES.contains(&name.as_str()) || HIDDEN_PARTS.iter().any(|part| name.contains(part))
}

fn masked_word(word: &str) -> String {
    if let Some((name, domain)) = word.split_once('@')
        && !name.is_empty()
        && domain.contains('.')
    {
        return format!("(masked)@{domain}");
    }
    // A JWT begins with the base64url of `{"`.
    if word.starts_with("eyJ") && word.contains('.') { HIDDEN.to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mail_addresses_and_tokens_are_masked() {
        assert_eq!(text("sub \"ann@shop.example\", jti"), "sub \"(masked)@shop.example\", jti");
        assert_eq!(text("ann@shop.example"), "(masked)@shop.example");
        assert_eq!(text("act eyJhbGciOiJub25lIn0.e30.x"), "act (masked)");
        for plain in ["https://issuer.example/pool", "orders/read", "@", "a@b", "", "  ", "größe, [1,2]"] {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn members_of_reports_keep_their_names() {
        let report = json!({ "name": "audience", "code": "ann@shop.example" });
        assert_eq!(texts(report), json!({ "name": "audience", "code": "(masked)@shop.example" }));
    }

    #[test]
    fn members_with_personal_data_are_masked() {
        let claims = json!({
            "email": "x", "Phone_Number": 7, "client_secret": {"a": 1}, "name": null,
            "sub": "ann@shop.example", "groups": ["ops@shop.example", "eyJh.b.c", 7], "client_id": "a", "scope": "b",
        });
        assert_eq!(
            value(claims),
            json!({
                "email": HIDDEN, "Phone_Number": HIDDEN, "client_secret": HIDDEN, "name": HIDDEN,
                "sub": "(masked)@shop.example", "groups": ["(masked)@shop.example", HIDDEN, 7],
                "client_id": "a", "scope": "b",
            })
        );
    }
}
