//! Challenges of a response (`WWW-Authenticate`, RFC 9110 §11.6.1).
//!
//! A field that does not match the grammar is ignored as a whole. The parser is our own, because
//! `http-auth` 0.1.10 rejects fields that servers send and the grammar allows:
//!
//! - a `token68`, as in an `NTLM` challenge before ours
//! - several spaces after the scheme
//! - non-ASCII characters in a quoted string
//!
//! It also accepts a repeated parameter, which this parser rejects. A fuzz target compares the two.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// Longer fields are ignored.
const MAX_FIELD_LEN: usize = 8 * 1024;

/// Returns the challenges of all fields, in their order. A field of more than 8 KiB is ignored.
pub fn all_challenges(headers: &HeaderMap) -> impl Iterator<Item = Challenge<'_>> {
    let fields = headers.get_all(WWW_AUTHENTICATE).iter();
    fields.filter_map(|field| challenges(std::str::from_utf8(field.as_bytes()).ok()?)).flatten()
}

/// A challenge: a scheme with its parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    scheme: &'a str,
    /// Names in lower case.
    parameters: Vec<(String, String)>,
}

impl Challenge<'_> {
    /// Returns whether the challenge has this scheme, in any case (RFC 9110 §11.1).
    pub fn is_of(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Returns the value of a parameter. `name` is in lower case. The value comes from the server, and may
    /// contain any character.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Returns all challenges of one field, or `None` if it is not `#challenge` or a parameter is
/// repeated.
///
/// ```text
/// challenge  = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
/// auth-param = token BWS "=" BWS ( token / quoted-string )
/// ```
///
/// A comma separates challenges as well as parameters. The part after a comma is a parameter if a
/// `=` follows its first token, and a challenge otherwise.
fn challenges(field: &str) -> Option<Vec<Challenge<'_>>> {
    if field.len() > MAX_FIELD_LEN {
        return None;
    }
    let mut rest = Reader(field);
    let mut challenges = Vec::new();
    rest.skip_commas();
    while !rest.0.is_empty() {
        let scheme = rest.token()?;
        let mut challenge = Challenge { scheme, parameters: Vec::new() };
        if rest.skip_spaces() && !rest.0.is_empty() && !rest.0.starts_with(',') && !rest.token68() {
            let (name, value) = rest.parameter()?;
            challenge.parameters.push((name, value));
        }
        // Further parameters of this challenge.
        loop {
            rest.skip_whitespace();
            if !rest.0.is_empty() && !rest.0.starts_with(',') {
                return None;
            }
            rest.skip_commas();
            let mut ahead = Reader(rest.0);
            match ahead.parameter() {
                Some((name, value)) if !challenge.parameters.is_empty() => {
                    if challenge.parameter(&name).is_some() {
                        return None;
                    }
                    challenge.parameters.push((name, value));
                    rest = ahead;
                }
                // A parameter without a challenge.
                Some(_) => return None,
                None => break,
            }
        }
        challenges.push(challenge);
    }
    Some(challenges)
}

/// The unread rest of a field.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn split(&mut self, at: usize) -> &'a str {
        let (head, tail) = self.0.split_at_checked(at).unwrap_or((self.0, ""));
        self.0 = tail;
        head
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|character| !fits(character)).unwrap_or(self.0.len());
        self.split(end)
    }

    fn skip_spaces(&mut self) -> bool {
        !self.take_while(|character| character == ' ').is_empty()
    }

    fn skip_whitespace(&mut self) {
        self.take_while(|character| matches!(character, ' ' | '\t'));
    }

    /// Skips commas and whitespace, because empty elements of a list are ignored (RFC 9110
    /// §5.6.1.2).
    fn skip_commas(&mut self) {
        self.take_while(|character| matches!(character, ' ' | '\t' | ','));
    }

    /// Reads a `token` (RFC 9110 §5.6.2).
    fn token(&mut self) -> Option<&'a str> {
        let allowed =
            |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
        Some(self.take_while(allowed)).filter(|token| !token.is_empty())
    }

    /// Skips a `token68` (RFC 9110 §11.2), whose value is not needed. Returns whether there was
    /// one.
    fn token68(&mut self) -> bool {
        let mut ahead = Reader(self.0);
        let body =
            ahead.take_while(|character| character.is_ascii_alphanumeric() || "-._~+/".contains(character));
        ahead.take_while(|character| character == '=');
        ahead.skip_whitespace();
        let whole = !body.is_empty() && (ahead.0.is_empty() || ahead.0.starts_with(','));
        if whole {
            self.0 = ahead.0;
        }
        whole
    }

    fn parameter(&mut self) -> Option<(String, String)> {
        let name = self.token()?.to_ascii_lowercase();
        self.skip_whitespace();
        self.0 = self.0.strip_prefix('=')?;
        self.skip_whitespace();
        let value = match self.0.strip_prefix('"') {
            Some(quoted) => {
                self.0 = quoted;
                self.quoted()?
            }
            None => self.token()?.to_owned(),
        };
        Some((name, value))
    }

    /// Reads a `quoted-string` (RFC 9110 §5.6.4) after its first quotation mark.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.0.char_indices();
        loop {
            match characters.next()? {
                (at, '"') => {
                    self.split(at + 1);
                    return Some(value);
                }
                (_, '\\') => value.push(characters.next()?.1),
                (_, character) => value.push(character),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// Returns `realm` of each challenge of this scheme.
    fn realms(scheme: &str, fields: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        let found = all_challenges(&headers).filter(|challenge| challenge.is_of(scheme));
        found.map(|challenge| challenge.parameter("realm").unwrap_or("none").to_owned()).collect()
    }

    #[test]
    fn scheme_in_a_quoted_string_is_no_challenge() {
        let field = r#"Digest realm="a, Bearer realm=b", bearer REALM=c"#;
        assert_eq!(realms("Bearer", &[field]), ["c"]);
        assert_eq!(realms("digest", &[field]), ["a, Bearer realm=b"]);
        assert_eq!(realms("Bearer", &["BearerX realm=a", "Bearer", "DPoP, Bearer realm=d"]), ["none", "d"]);
    }

    #[test]
    fn field_up_to_8_kib_is_read() {
        let of_length =
            |length: usize| format!("Bearer realm={}", "x".repeat(length - "Bearer realm=".len()));
        assert_eq!(realms("Bearer", &[&of_length(MAX_FIELD_LEN)]).len(), 1);
        assert!(realms("Bearer", &[&of_length(MAX_FIELD_LEN + 1)]).is_empty());
    }

    proptest! {
        #[test]
        fn any_grammar_pieces_are_read_without_panic(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("Bearer"), Just(" "), Just(","), Just("="), Just("\""), Just("\\"), Just("error"),
                    Just("invalid_token"), Just("scope"), Just("\t"), Just("é"), Just("a/b=="),
                ],
                0..20,
            ),
        ) {
            let _ = challenges(&pieces.concat());
        }
    }
}
