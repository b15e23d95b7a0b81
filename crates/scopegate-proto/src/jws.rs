//! The decoded parts of a compact JWS (RFC 7515 §7.1), neither parsed nor verified.

use std::fmt;
use std::ops::Range;

use crate::base64url;

/// Parts are counted up to this number, which bounds the time for a token full of dots.
const MAX_COUNTED_PARTS: usize = 10;

/// A compact JWE has five parts (RFC 7516 §7.1).
const JWE_PARTS: usize = 5;

/// The decoded parts of an unverified compact JWS.
///
/// ```
/// use scopegate_proto::jws::CompactJws;
///
/// let token = b"YQ.YmM.ZGVm";
/// let jws = CompactJws::split(token, 16 * 1024)?;
/// assert_eq!((jws.header(), jws.payload(), jws.signature()), (&b"a"[..], &b"bc"[..], &b"def"[..]));
/// assert_eq!(jws.signing_input(token), b"YQ.YmM");
/// # Ok::<(), scopegate_proto::jws::JwsError>(())
/// ```
pub struct CompactJws {
    /// The signature covers this many bytes of the token.
    signing_input: usize,
    /// The three parts, decoded one after the other.
    decoded: Vec<u8>,
    header: Range<usize>,
    payload: Range<usize>,
    signature: Range<usize>,
}

impl CompactJws {
    /// Splits a token of at most `max_length` bytes and decodes its parts.
    ///
    /// # Errors
    /// Returns a [`JwsError`] if the token is longer or does not have three parts. Also returns one
    /// if a part is empty or not canonical base64url. The length is checked first.
    pub fn split(token: &[u8], max_length: usize) -> Result<Self, JwsError> {
        if token.len() > max_length {
            return Err(JwsError::TooLong { limit: max_length, found: token.len() });
        }
        // With `slice::split` or `str::split`, finding two dots in 900 characters takes 8 times as long.
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(not_three_parts(token));
        };
        let (signing_input, signature) = token.split_at(second);
        let (header, payload) = signing_input.split_at(first);
        #[allow(
            clippy::slow_vector_initialization,
            reason = "glibc takes 170 more instructions to allocate cleared memory"
        )]
        let mut decoded = Vec::with_capacity(token.len());
        decoded.resize(token.len(), 0);
        let header = decode(header, Part::Header, &mut decoded, 0)?;
        let payload = decode(after_dot(payload), Part::Payload, &mut decoded, header.end)?;
        let signature = decode(after_dot(signature), Part::Signature, &mut decoded, payload.end)?;
        Ok(Self { signing_input: second, decoded, header, payload, signature })
    }

    /// Returns the signing input: the encoded header, a dot and the encoded payload (RFC 7515 §2).
    ///
    /// Pass the same token as to [`split`](Self::split).
    #[inline]
    pub fn signing_input<'t>(&self, token: &'t [u8]) -> &'t [u8] {
        token.get(..self.signing_input).unwrap_or_default()
    }

    /// Returns the decoded header.
    #[inline]
    pub fn header(&self) -> &[u8] {
        self.part(&self.header)
    }

    /// Returns the decoded payload.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        self.part(&self.payload)
    }

    /// Returns the decoded signature.
    #[inline]
    pub fn signature(&self) -> &[u8] {
        self.part(&self.signature)
    }

    #[inline]
    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.decoded.get(range.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for CompactJws {
    /// Shows lengths only, so that a log never contains a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactJws")
            .field("header", &self.header.len())
            .field("payload", &self.payload.len())
            .field("signature", &self.signature.len())
            .finish_non_exhaustive()
    }
}

fn after_dot(text: &[u8]) -> &[u8] {
    text.get(1..).unwrap_or_default()
}

fn not_three_parts(token: &[u8]) -> JwsError {
    match 1 + memchr::memchr_iter(b'.', token).take(MAX_COUNTED_PARTS - 1).count() {
        JWE_PARTS => JwsError::Encrypted,
        found => JwsError::NotThreeParts { found },
    }
}

/// Decodes a part into `decoded`, and returns the range of its bytes.
fn decode(text: &[u8], part: Part, decoded: &mut [u8], start: usize) -> Result<Range<usize>, JwsError> {
    let rest = decoded.get_mut(start..).unwrap_or_default();
    match base64url::decode_into(text, rest) {
        Some(length) if length > 0 => Ok(start..start + length),
        _ => Err(JwsError::NotBase64Url { part }),
    }
}

/// A part of a compact JWS.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The JOSE header, before the first dot.
    Header,
    /// The payload, between the dots.
    Payload,
    /// The signature, after the second dot.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// The reason why bytes are rejected as a compact JWS.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsError {
    /// The token is longer than allowed.
    #[non_exhaustive]
    TooLong {
        /// Maximum length in bytes.
        limit: usize,
        /// Length of the token in bytes.
        found: usize,
    },
    /// The token has five parts, so it is encrypted (JWE).
    Encrypted,
    /// The token does not have three parts.
    #[non_exhaustive]
    NotThreeParts {
        /// Number of parts, counted up to 10.
        found: usize,
    },
    /// A part is empty or not canonical base64url.
    #[non_exhaustive]
    NotBase64Url {
        /// The first such part.
        part: Part,
    },
}

impl fmt::Display for JwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, found } => {
                write!(f, "the token is too long: expected at most {limit} bytes, found {found}")
            }
            Self::Encrypted => f.write_str("the token is encrypted (JWE), expected a signed token (JWS)"),
            Self::NotThreeParts { found } => write!(f, "the token has {found} parts, expected 3"),
            Self::NotBase64Url { part } => write!(f, "the {part} is empty or not canonical base64url"),
        }
    }
}

impl std::error::Error for JwsError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 16 * 1024;

    fn error(token: &str) -> JwsError {
        CompactJws::split(token.as_bytes(), LIMIT).unwrap_err()
    }

    #[test]
    fn three_parts_are_split_and_decoded() {
        let jws = CompactJws::split(b"YQ.YmM.ZGVm", LIMIT).unwrap();
        assert_eq!((jws.header(), jws.payload(), jws.signature()), (&b"a"[..], &b"bc"[..], &b"def"[..]));
        assert_eq!(jws.signing_input(b"YQ.YmM.ZGVm"), b"YQ.YmM");
    }

    #[test]
    fn any_other_number_of_parts_is_rejected() {
        // A03, A05
        for (token, found) in [("", 1), ("YQ", 1), ("YQ.YQ", 2), ("YQ.YQ.YQ.YQ", 4), ("YQ.YQ.YQ.", 4)] {
            assert_eq!(error(token), JwsError::NotThreeParts { found }, "{token}");
        }
        assert_eq!(error("YQ.YQ.YQ.YQ.YQ"), JwsError::Encrypted);
        assert_eq!(error(&".".repeat(LIMIT)), JwsError::NotThreeParts { found: MAX_COUNTED_PARTS });
    }

    #[test]
    fn empty_part_is_rejected() {
        // A03
        assert_eq!(error(".YQ.YQ"), JwsError::NotBase64Url { part: Part::Header });
        assert_eq!(error("YQ..YQ"), JwsError::NotBase64Url { part: Part::Payload });
        assert_eq!(error("YQ.YQ."), JwsError::NotBase64Url { part: Part::Signature });
    }

    #[test]
    fn other_spelling_of_base64_is_rejected() {
        // A01, A02: padding, the standard alphabet, white space, NUL, non-zero unused bits, an impossible length
        for part in ["YQ==", "-_+/", "Y Q", "YQ\n", "YQ\r", "Y\0", "YR", "Y", "ä", "{}"] {
            assert_eq!(error(&format!("{part}.YQ.YQ")), JwsError::NotBase64Url { part: Part::Header });
            assert_eq!(error(&format!("YQ.{part}.YQ")), JwsError::NotBase64Url { part: Part::Payload });
            assert_eq!(error(&format!("YQ.YQ.{part}")), JwsError::NotBase64Url { part: Part::Signature });
        }
    }

    #[test]
    fn length_is_bounded_before_anything_else() {
        let at_most = format!("YQ.{}.YWFh", "YWFh".repeat((LIMIT - 8) / 4));
        assert_eq!(at_most.len(), LIMIT);
        assert!(CompactJws::split(at_most.as_bytes(), LIMIT).is_ok());
        let longer = format!("{at_most}YWFh");
        assert_eq!(error(&longer), JwsError::TooLong { limit: LIMIT, found: LIMIT + 4 });
        assert_eq!(CompactJws::split(b"{", 0).unwrap_err(), JwsError::TooLong { limit: 0, found: 1 });
    }

    #[test]
    fn error_begins_with_the_cause() {
        assert_eq!(
            JwsError::TooLong { limit: 4, found: 5 }.to_string(),
            "the token is too long: expected at most 4 bytes, found 5"
        );
        assert_eq!(error("YQ.YQ").to_string(), "the token has 2 parts, expected 3");
        assert_eq!(
            error("YQ.YQ.YQ.YQ.YQ").to_string(),
            "the token is encrypted (JWE), expected a signed token (JWS)"
        );
        assert_eq!(error("YQ.YQ.").to_string(), "the signature is empty or not canonical base64url");
    }

    #[test]
    fn debug_shows_lengths_only() {
        let jws = CompactJws::split(b"YQ.YmM.ZGVm", LIMIT).unwrap();
        assert_eq!(format!("{jws:?}"), "CompactJws { header: 1, payload: 2, signature: 3, .. }");
    }

    proptest! {
        #[test]
        fn any_parts_are_decoded_as_encoded(
            header in proptest::collection::vec(any::<u8>(), 1..60),
            payload in proptest::collection::vec(any::<u8>(), 1..60),
            signature in proptest::collection::vec(any::<u8>(), 1..60),
        ) {
            let token = [&header, &payload, &signature].map(base64url::encode).join(".");
            let jws = CompactJws::split(token.as_bytes(), LIMIT).unwrap();
            prop_assert_eq!((jws.header(), jws.payload(), jws.signature()), (&*header, &*payload, &*signature));
        }

        #[test]
        fn any_bytes_are_split_without_panic(token in proptest::collection::vec(any::<u8>(), 0..60)) {
            let parts = token.split(|byte| *byte == b'.').count();
            prop_assert!(CompactJws::split(&token, LIMIT).is_err() || parts == 3);
        }
    }
}
