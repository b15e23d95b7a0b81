//! A filter for strings of a server. It replaces characters outside an allow-list and hides strings
//! that quote a credential.
//!
//! A server may quote the request in these forms:
//!
//! - verbatim or in another case
//! - percent-encoded
//! - escaped for HTML or JSON
//! - in hex or in base64
//!
//! A string that shares six characters with one of these forms of a credential is hidden as a
//! whole.

mod decode;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use crate::excerpt::Excerpt;
use crate::sent_secrets::decode::{Bytes, decoded};

/// Maximum number of characters of an excerpt. The descriptions of issuers are sentences.
const MAX_EXCERPT: usize = 120;

/// A string is hidden if it shares this many characters with a credential.
const MAX_SHARED: usize = 6;

/// The credentials in a request, which are hidden in the server's strings.
///
/// ```
/// use scopegate_proto::sent_secrets::SentSecrets;
///
/// let sent = SentSecrets::new(["s3cret-key"]);
/// assert!(sent.show("the client is unknown").is_some());
/// assert!(sent.show("unknown secret: S3CRET-KEY").is_none());
/// ```
#[derive(Default)]
pub struct SentSecrets(Vec<Zeroizing<String>>);

impl SentSecrets {
    /// Creates a filter for these credentials.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        secrets.into_iter().for_each(|secret| all.add(secret));
        all
    }

    /// Adds a credential. A credential of fewer than six characters hides strings that contain all
    /// of it.
    pub fn add(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.0.push(Zeroizing::new(secret.to_owned()));
        }
    }

    /// Returns the first 120 characters, or `None` if the string is empty or quotes a credential.
    /// Characters outside the allow-list are replaced.
    pub fn show(&self, text: &str) -> Option<Excerpt> {
        let text = text.trim();
        let start: Zeroizing<String> = Zeroizing::new(text.chars().take(MAX_EXCERPT).collect());
        if start.is_empty() || self.are_quoted_in(&start) {
            return None;
        }
        Some(Excerpt::with_limit(&text.chars().map(allowed).collect::<String>(), MAX_EXCERPT))
    }

    fn are_quoted_in(&self, text: &str) -> bool {
        let texts = decoded(text);
        let skeletons: Vec<Bytes> = texts.iter().map(|text| skeleton(text)).collect();
        self.0.iter().any(|secret| {
            let raw = lower_case(secret.as_bytes());
            let bare = skeleton(&raw);
            shares(&texts, &raw, MAX_SHARED)
                || (bare.len() >= MAX_SHARED && shares(&skeletons, &bare, MAX_SHARED))
                || encodings(secret).iter().any(|form| shares(&skeletons, form, MAX_SHARED))
        })
    }
}

impl fmt::Debug for SentSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Replaces a character that is neither printable ASCII nor a letter. Also replaces characters with
/// a meaning in HTML or in a string literal (RFC 6749 §5.2 allows neither `"` nor `\`). Letters are
/// allowed because descriptions may be translated.
fn allowed(character: char) -> char {
    let repeats_others = matches!(character, '\u{2000}'..='\u{2fff}' | '\u{f900}'..);
    match character {
        '\t' | '\r' | '\n' => ' ',
        ' '..='~' if !r#""\<>&`"#.contains(character) => character,
        // Not the enclosed, superscript, full-width and mathematical letters.
        _ if !character.is_ascii() && character.is_alphabetic() && !repeats_others => character,
        _ => '?',
    }
}

/// Returns whether a string contains `length` consecutive bytes of `form`. A shorter `form` must be
/// contained as a whole.
fn shares(texts: &[Bytes], form: &[u8], length: usize) -> bool {
    let length = length.min(form.len()).max(1);
    texts.iter().any(|text| text.windows(length).any(|run| form.windows(length).any(|part| part == run)))
}

/// Returns the secret in hex and in base64. Base64 has three variants, because the secret may have
/// three offsets in a longer string. All are made of the secret itself and of its form-encoded form
/// in a `Basic` header (RFC 6749 §2.3.1).
fn encodings(secret: &str) -> Vec<Bytes> {
    let encoded: Zeroizing<String> = Zeroizing::new(byte_serialize(secret.as_bytes()).collect());
    let mut forms = Vec::new();
    for bytes in [secret.as_bytes(), encoded.as_bytes()] {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex = digits.filter_map(|digit| b"0123456789abcdef".get(usize::from(digit)).copied());
        let hex: Bytes = Zeroizing::new(hex.collect());
        forms.push(hex);
        for offset in 0..3 {
            let mut shifted = Zeroizing::new(vec![0; offset]);
            shifted.extend_from_slice(bytes);
            let base64 = Zeroizing::new(STANDARD_NO_PAD.encode(&*shifted));
            // The characters at both ends also depend on the neighbors.
            let ours =
                base64.get([0, 2, 3].get(offset).copied().unwrap_or(0)..base64.len().saturating_sub(1));
            forms.push(skeleton(&lower_case(ours.unwrap_or_default().as_bytes())));
        }
    }
    // Shorter forms would match too much.
    forms.retain(|form| form.len() >= MAX_SHARED);
    forms
}

fn lower_case(bytes: &[u8]) -> Bytes {
    Zeroizing::new(bytes.to_ascii_lowercase())
}

/// Returns the letters and digits. Escapes and separators then do not prevent a match.
fn skeleton(bytes: &[u8]) -> Bytes {
    let kept = bytes.iter().copied().filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    Zeroizing::new(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(secret: &str, text: &str) -> Option<String> {
        SentSecrets::new([secret]).show(text).map(|shown| shown.as_str().to_owned())
    }

    #[test]
    fn only_allowed_characters_are_shown() {
        // FR-D9
        assert_eq!(show("", "bad: 100% (a/b), ok?").as_deref(), Some("bad: 100% (a/b), ok?"));
        assert_eq!(show("", "ungültig 資格").as_deref(), Some("ungültig 資格"));
        assert_eq!(
            show("", "a\r\nb<i>\"c\"\\&`\u{1b}\u{202e}\u{ff41}²").as_deref(),
            Some("a  b?i??c????????")
        );
        for nothing in ["", " \n"] {
            assert_eq!(show("", nothing), None);
        }
        let long = SentSecrets::default().show(&"ä".repeat(121)).unwrap();
        assert!(long.as_str().chars().count() == 120 && long.to_string().ends_with('…'));
    }

    #[test]
    fn string_sharing_six_characters_is_hidden() {
        // FR-D9
        const SECRET: &str = "Zk9#vQ2!pL7$wX4tRb8n";
        for (text, shown) in [
            ("key Zk9#v is wrong", true),
            ("key Zk9#vQ is wrong", false),
            ("key X4tRb is wrong", true),
            ("key wX4tRb is wrong", false),
            ("key WX4TRB is wrong", false),
            ("key Zk9&#35;vQ2 is wrong", false),
            ("key Zk9&#x23;vQ2 is wrong", false),
            ("key Zk9%23vQ2 is wrong", false),
            ("key Zk9\\u0023vQ2 is wrong", false),
            ("key w-X-4-t-R-b is wrong", false),
        ] {
            assert_eq!(show(SECRET, text).is_some(), shown, "{text}");
        }
    }

    #[test]
    fn hex_or_base64_secret_is_hidden_at_any_offset() {
        // FR-D9
        const SECRET: &str = "Zk9#vQ2!pL7$wX4tRb8n";
        let hex = "5A6B392376513221704C3724775834745262386E";
        assert_eq!(show(SECRET, &format!("got {hex}")), None);
        for before in ["", "a", "ab", "client:"] {
            let base64 = STANDARD_NO_PAD.encode(format!("{before}{SECRET}-after"));
            let urlsafe = base64.replace('+', "-").replace('/', "_");
            for text in [&base64, &urlsafe, &base64.to_lowercase()] {
                assert_eq!(show(SECRET, text), None, "{text}");
            }
        }
        let other = STANDARD_NO_PAD.encode("quite another string");
        assert!(show(SECRET, &other).is_some());
    }

    #[test]
    fn short_or_symbolic_secret_hides_as_a_whole() {
        // FR-D9
        assert_eq!(show("p4s", "wrong: P4S."), None);
        assert!(show("p4s", "wrong: p4.").is_some());
        assert_eq!(show("!@$^*(!", "wrong: !@$^*("), None);
        assert!(show("!@$^*(!", "wrong: !@$^*").is_some());
    }

    #[test]
    fn debug_is_redacted() {
        assert_eq!(format!("{:?}", SentSecrets::new(["s3cret"])), "[redacted]");
    }
}
