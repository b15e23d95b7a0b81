//! A body that is small on the wire and large once decompressed (RFC 1952).
//!
//! One block of spaces is compressed, and then repeated. Compressing all of them would take seconds
//! for 64 MiB in a debug build, and the client under test would time out meanwhile.

use flate2::{Compress, Compression, Crc, FlushCompress};

/// Pads a string with spaces to `length` bytes, and returns it in gzip. A longer string is not
/// padded. The spaces are compressed to about 1/800.
pub(crate) fn with_spaces(text: &[u8], length: usize) -> Vec<u8> {
    let spaces = length.saturating_sub(text.len());
    let mut begin = text.to_vec();
    begin.resize(text.len() + spaces % BLOCK, b' ');
    let (block, blocks) = (vec![b' '; BLOCK], spaces / BLOCK);

    let mut deflate = Compress::new(Compression::best(), false);
    let mut gzip = HEADER.to_vec();
    gzip.extend(compressed(&mut deflate, &begin, FlushCompress::Full));
    // A full flush ends at a byte boundary and resets the window, so the next block can be repeated.
    gzip.extend(compressed(&mut deflate, &block, FlushCompress::Full).repeat(blocks));
    gzip.extend(compressed(&mut deflate, &[], FlushCompress::Finish));

    let (mut crc, mut block_crc) = (Crc::new(), Crc::new());
    crc.update(&begin);
    block_crc.update(&block);
    (0..blocks).for_each(|_| crc.combine(&block_crc));
    gzip.extend(crc.sum().to_le_bytes());
    gzip.extend(crc.amount().to_le_bytes());
    gzip
}

fn compressed(deflate: &mut Compress, plain: &[u8], flush: FlushCompress) -> Vec<u8> {
    // An upper bound for the growth of incompressible input.
    let mut compressed = Vec::with_capacity(2 * plain.len() + 64);
    deflate
        .compress_vec(plain, &mut compressed, flush)
        .expect("the stream is not finished, and there is room");
    compressed
}

/// The number of spaces in a block.
const BLOCK: usize = 64 * 1024;

/// Deflate, no flags, no time, no hint about how it was compressed, unknown system.
const HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    /// Fails if the checksum or the length is wrong.
    fn decompressed(gzip: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        GzDecoder::new(gzip).read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn text_and_spaces_are_read_back() {
        let text = br#"{"keys":[]}"#;
        let edge = text.len() + BLOCK;
        for length in [0, text.len(), text.len() + 1, edge - 1, edge, edge + 1, 10 * BLOCK] {
            let plain = decompressed(&with_spaces(text, length));
            assert_eq!(plain.len(), length.max(text.len()));
            assert_eq!(plain.trim_ascii_end(), text, "{length}");
        }
    }

    #[test]
    fn checksum_has_the_published_check_value() {
        let gzip = with_spaces(b"123456789", 0);
        assert_eq!(gzip[gzip.len() - 8..gzip.len() - 4], 0xCBF4_3926_u32.to_le_bytes());
    }

    #[test]
    fn incompressible_text_is_read_back() {
        let noise: Vec<u8> = (0..100_000).map(|_| fastrand::u8(..)).collect();
        assert_eq!(decompressed(&with_spaces(&noise, 0)), noise);
    }

    #[test]
    fn ten_million_bytes_shrink_below_a_hundredth() {
        assert!(with_spaces(b"{}", 10_000_000).len() < 70_000);
    }
}
