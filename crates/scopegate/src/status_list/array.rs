//! The inflated array of a status list (draft-ietf-oauth-status-list-20 §4.1).

use std::fmt;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// Upper bound of an inflated list: 32 million tokens with one bit each. DEFLATE can inflate its
/// input to 1,000 times its size, so this is checked while the list is inflated.
pub(crate) const MAX_INFLATED: usize = 4 * 1024 * 1024;

/// Initial size of the output. It doubles as needed.
const INITIAL: usize = 4 * 1024;

/// The statuses of all tokens of a list. It is never copied.
pub(crate) struct StatusArray {
    bytes: Box<[u8]>,
    /// The base-2 logarithm of the bits of each status.
    log_bits: u32,
}

/// The reason why an array is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrayError {
    /// The data is not in the format ZLIB (RFC 1950), or its checksum differs.
    NotZlib,
    /// Data follows the compressed array.
    TrailingData,
    TooLarge,
}

impl StatusArray {
    /// Inflates an array whose statuses have this many bits. `bits` must be 1, 2, 4 or 8. It takes
    /// 8 MiB of memory at most, besides `compressed`.
    pub(super) fn inflate(bits: Bits, compressed: impl AsRef<[u8]>) -> Result<Self, ArrayError> {
        let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let mut inflater = Box::<DecompressorOxide>::default();
        let (mut rest, mut bytes, mut written) = (compressed.as_ref(), vec![0; INITIAL], 0);
        loop {
            let (status, read, more) = decompress(&mut inflater, rest, &mut bytes, written, flags);
            rest = rest.get(read..).unwrap_or_default();
            written += more;
            match status {
                TINFLStatus::Done => break,
                TINFLStatus::HasMoreOutput if bytes.len() < MAX_INFLATED => {
                    bytes.resize((2 * bytes.len()).min(MAX_INFLATED), 0);
                }
                TINFLStatus::HasMoreOutput => return Err(ArrayError::TooLarge),
                _ => return Err(ArrayError::NotZlib),
            }
        }
        if !rest.is_empty() {
            return Err(ArrayError::TrailingData);
        }
        // Some allocators copy the bytes to shrink them.
        drop((compressed, inflater));
        bytes.truncate(written);
        Ok(Self { bytes: bytes.into_boxed_slice(), log_bits: bits.0 })
    }

    /// Returns the status at an index, or `None` if the list is shorter. Indices count from the
    /// least significant bit of the first byte.
    #[inline]
    pub(crate) fn get(&self, index: u64) -> Option<u8> {
        // A byte has `1 << log_per_byte` statuses.
        let log_per_byte = 3 - self.log_bits;
        let byte = *self.bytes.get(usize::try_from(index >> log_per_byte).ok()?)?;
        let position = index & ((1 << log_per_byte) - 1);
        let all_bits = u8::MAX >> (8 - (1 << self.log_bits));
        Some((byte >> (position << self.log_bits)) & all_bits)
    }

    /// Returns the size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// The number of bits of a status, as its base-2 logarithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits(u32);

impl Bits {
    /// Reads the member `bits`, a JSON number.
    pub(super) fn parse(json: &str) -> Option<Self> {
        match json {
            "1" => Some(Self(0)),
            "2" => Some(Self(1)),
            "4" => Some(Self(2)),
            "8" => Some(Self(3)),
            _ => None,
        }
    }
}

impl fmt::Display for ArrayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotZlib => f.write_str("`lst` is not in the format ZLIB (RFC 1950)"),
            Self::TrailingData => f.write_str("data follows the compressed list in `lst`"),
            Self::TooLarge => write!(f, "`lst` inflates to more than {MAX_INFLATED} bytes"),
        }
    }
}

#[cfg(test)]
mod tests;
