//! Splits a compact token (RFC 7515 §7.1) and decodes its parts. Nothing here is verified, and nothing is
//! read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, Part};

/// No real access token comes near it; it bounds the base64 and JSON work that a stranger can ask for.
/// Servers bound a whole header section to something between 8 KiB and 64 KiB.
const MAX_LENGTH: usize = 16 * 1024;

/// So many parts are counted; 16 KiB of dots are not worth more.
const MOST_COUNTED: usize = 10;

/// The parts of a token that nobody has vouched for.
pub(crate) struct CompactToken<'a> {
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// What the signature is over: the text of header and payload and the dot between.
    pub(crate) signing_input: &'a str,
}

impl<'a> CompactToken<'a> {
    pub(crate) fn split(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_LENGTH {
            return Err(Error::TooLong { limit: MAX_LENGTH, found: token.len() });
        }
        let (signing_input, signature) = match token.split('.').take(MOST_COUNTED).count() {
            3 => token.rsplit_once('.').unwrap_or_default(),
            5 => return Err(Error::Encrypted),
            found => return Err(Error::NotThreeParts { found }),
        };
        let (header, payload) = signing_input.split_once('.').unwrap_or_default();
        Ok(Self {
            header: decode(header, Part::Header)?,
            payload: decode(payload, Part::Payload)?,
            signature: decode(signature, Part::Signature)?,
            signing_input,
        })
    }
}

/// Only the canonical spelling: no padding, no foreign characters, unused low bits zero (RFC 4648 §3.5).
/// Otherwise one token would have many spellings.
fn decode(text: &str, part: Part) -> Result<Vec<u8>, Error> {
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(Error::NotBase64Url { part }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(token: &str) -> Error {
        CompactToken::split(token).err().expect("the token is malformed")
    }

    #[test]
    fn three_parts_are_split_and_decoded() {
        let token = CompactToken::split("YQ.YmM.ZGVm").unwrap();
        assert_eq!((&token.header[..], &token.payload[..]), (&b"a"[..], &b"bc"[..]));
        assert_eq!(token.signature, b"def");
        assert_eq!(token.signing_input, "YQ.YmM");
    }

    #[test]
    fn any_other_number_of_parts_is_refused() {
        // A03, A05
        for (token, found) in [("", 1), ("YQ", 1), ("YQ.YQ", 2), ("YQ.YQ.YQ.YQ", 4), ("YQ.YQ.YQ.", 4)] {
            assert_eq!(refusal(token), Error::NotThreeParts { found }, "{token}");
        }
        assert_eq!(refusal("YQ.YQ.YQ.YQ.YQ"), Error::Encrypted);
        assert_eq!(refusal(&".".repeat(MAX_LENGTH)), Error::NotThreeParts { found: MOST_COUNTED });
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
        assert!(CompactToken::split(&at_most).is_ok());
        let longer = format!("{at_most}YWFh");
        assert_eq!(refusal(&longer), Error::TooLong { limit: MAX_LENGTH, found: MAX_LENGTH + 4 });
    }
}
