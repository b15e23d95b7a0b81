//! Splits a compact token (RFC 7515 §7.1) and decodes its parts. Nothing here is verified, and nothing is
//! read.

pub(crate) mod algorithm;
pub(crate) mod arena;
pub(crate) mod header;
pub(crate) mod json;
pub(crate) mod numeric_date;

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::GeneralPurposeConfig;
use base64::engine::general_purpose::NO_PAD;

use crate::error::{Error, Part};

/// No real access token comes near it; it bounds the base64 and JSON work that a stranger can ask for.
/// Servers bound a whole header section to something between 8 KiB and 64 KiB.
const MAX_LENGTH: usize = 16 * 1024;

/// So many parts are counted; 16 KiB of dots are not worth more.
const MAX_COUNTED_PARTS: usize = 10;

/// The parts of a token that nobody has vouched for.
pub(crate) struct CompactToken {
    /// The signature covers this many bytes of the token: header, dot and payload.
    signing_input: usize,
    /// The three parts, decoded one after the other.
    decoded: Vec<u8>,
    header: Range<usize>,
    payload: Range<usize>,
    signature: Range<usize>,
}

impl CompactToken {
    pub(crate) fn split(token: &[u8]) -> Result<Self, Error> {
        if token.len() > MAX_LENGTH {
            return Err(Error::TooLong { limit: MAX_LENGTH, found: token.len() });
        }
        // `slice::split` and `str::split` take 8 times as long to find two dots in 900 characters.
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(not_three_parts(token));
        };
        let (signing_input, signature) = token.split_at(second);
        let (header, payload) = signing_input.split_at(first);
        #[allow(
            clippy::slow_vector_initialization,
            reason = "glibc takes 170 instructions more to give cleared memory"
        )]
        let mut decoded = Vec::with_capacity(token.len());
        decoded.resize(token.len(), 0);
        let header = decode(header, Part::Header, &mut decoded, 0)?;
        let payload = decode(after_dot(payload), Part::Payload, &mut decoded, header.end)?;
        let signature = decode(after_dot(signature), Part::Signature, &mut decoded, payload.end)?;
        Ok(Self { signing_input: second, decoded, header, payload, signature })
    }

    /// The part of the token that the signature covers.
    pub(crate) fn signing_input<'t>(&self, token: &'t [u8]) -> &'t [u8] {
        token.get(..self.signing_input).unwrap_or_default()
    }

    pub(crate) fn header(&self) -> &[u8] {
        self.part(&self.header)
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.part(&self.payload)
    }

    pub(crate) fn signature(&self) -> &[u8] {
        self.part(&self.signature)
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.decoded.get(range.clone()).unwrap_or_default()
    }
}

fn after_dot(text: &[u8]) -> &[u8] {
    text.get(1..).unwrap_or_default()
}

fn not_three_parts(token: &[u8]) -> Error {
    match 1 + memchr::memchr_iter(b'.', token).take(MAX_COUNTED_PARTS - 1).count() {
        5 => Error::Encrypted,
        found => Error::NotThreeParts { found },
    }
}

/// Writes the bytes of a part, and says where they are.
///
/// Only the canonical spelling is taken: no padding, no foreign characters, unused low bits zero (RFC 4648 §3.5).
/// Otherwise one token would have many spellings.
fn decode(text: &[u8], part: Part, decoded: &mut [u8], start: usize) -> Result<Range<usize>, Error> {
    let place = decoded.get_mut(start..).unwrap_or_default();
    match BASE64URL.decode_slice(text, place) {
        Ok(length) if length > 0 => Ok(start..start + length),
        _ => Err(Error::NotBase64Url { part }),
    }
}

/// Finds out which instructions the processor has, so that the first requests need not wait for each other to do it.
pub(crate) fn prepare() {
    LazyLock::force(&BASE64URL);
}

/// The engine that uses vector instructions where there are any. It saves 4,700 instructions of an ordinary token, 1.5 % of
/// an RS256 verification.
static BASE64URL: LazyLock<Engine> = LazyLock::new(|| engine(NO_PAD));

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type Engine = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Engine = base64::engine::GeneralPurpose;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn engine(config: GeneralPurposeConfig) -> Engine {
    Engine::url_safe(config)
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn engine(config: GeneralPurposeConfig) -> Engine {
    Engine::new(&base64::alphabet::URL_SAFE, config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(token: &str) -> Error {
        CompactToken::split(token.as_bytes()).err().expect("the token is malformed")
    }

    #[test]
    fn three_parts_are_split_and_decoded() {
        let text = b"YQ.YmM.ZGVm";
        let token = CompactToken::split(text).unwrap();
        assert_eq!(
            (token.header(), token.payload(), token.signature()),
            (&b"a"[..], &b"bc"[..], &b"def"[..])
        );
        assert_eq!(token.signing_input(text), b"YQ.YmM");
    }

    #[test]
    fn any_other_number_of_parts_is_refused() {
        // A03, A05
        for (token, found) in [("", 1), ("YQ", 1), ("YQ.YQ", 2), ("YQ.YQ.YQ.YQ", 4), ("YQ.YQ.YQ.", 4)] {
            assert_eq!(refusal(token), Error::NotThreeParts { found }, "{token}");
        }
        assert_eq!(refusal("YQ.YQ.YQ.YQ.YQ"), Error::Encrypted);
        assert_eq!(refusal(&".".repeat(MAX_LENGTH)), Error::NotThreeParts { found: MAX_COUNTED_PARTS });
    }

    #[test]
    fn an_empty_part_is_refused() {
        // A03
        assert_eq!(refusal(".YQ.YQ"), Error::NotBase64Url { part: Part::Header });
        assert_eq!(refusal("YQ..YQ"), Error::NotBase64Url { part: Part::Payload });
        assert_eq!(refusal("YQ.YQ."), Error::NotBase64Url { part: Part::Signature });
    }

    #[test]
    fn every_other_spelling_of_base64_is_refused() {
        // A01, A02: padding, the standard alphabet, white space, NUL, non-zero unused bits, an impossible length
        for part in ["YQ==", "-_+/", "Y Q", "YQ\n", "YQ\r", "Y\0", "YR", "Y", "ä", "{}"] {
            assert_eq!(refusal(&format!("{part}.YQ.YQ")), Error::NotBase64Url { part: Part::Header });
            assert_eq!(refusal(&format!("YQ.{part}.YQ")), Error::NotBase64Url { part: Part::Payload });
            assert_eq!(refusal(&format!("YQ.YQ.{part}")), Error::NotBase64Url { part: Part::Signature });
        }
    }

    #[test]
    fn the_size_is_bounded_before_anything_else() {
        let at_most = format!("YQ.{}.YWFh", "YWFh".repeat((MAX_LENGTH - 8) / 4));
        assert_eq!(at_most.len(), MAX_LENGTH);
        assert!(CompactToken::split(at_most.as_bytes()).is_ok());
        let longer = format!("{at_most}YWFh");
        assert_eq!(refusal(&longer), Error::TooLong { limit: MAX_LENGTH, found: MAX_LENGTH + 4 });
    }
}
