//! A body that is small on the wire and large once decompressed (RFC 1951, RFC 1952).
//!
//! Written by hand: all it has to compress is one text followed by spaces, which is no reason for a dependency.

use std::iter;

/// In gzip, this text followed by as many spaces as make it `length` bytes; the text alone if it is longer.
/// About 1/158 of the spaces is sent.
pub(crate) fn with_spaces(text: &[u8], length: usize) -> Vec<u8> {
    let spaces = length.saturating_sub(text.len());
    // One space at least is written out, for the repetitions to repeat.
    let repetitions = spaces.saturating_sub(1) / REPEATED;
    let mut plain = text.to_vec();
    plain.resize(text.len() + spaces - repetitions * REPEATED, b' ');

    let mut crc = Crc::new();
    crc.push(&plain);
    crc.push_spaces(repetitions * REPEATED);

    let mut gzip = HEADER.to_vec();
    for chunk in plain.chunks(usize::from(u16::MAX)) {
        stored(chunk, &mut gzip);
    }
    repeated(repetitions, &mut gzip);
    gzip.extend(crc.value().to_le_bytes());
    // RFC 1952 §2.3.1: the length modulo 2^32.
    gzip.extend(((text.len() + spaces) as u64).to_le_bytes().iter().take(4));
    gzip
}

/// RFC 1951 §3.2.4: a block without compression, not the last one.
fn stored(chunk: &[u8], gzip: &mut Vec<u8>) {
    let length = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
    gzip.push(0);
    gzip.extend(length.to_le_bytes());
    gzip.extend((!length).to_le_bytes());
    gzip.extend(chunk);
}

/// RFC 1951 §3.2.6: the last block, with the fixed codes. Each symbol repeats the byte before it, 258 times.
fn repeated(times: usize, gzip: &mut Vec<u8>) {
    // Value and number of bits, the first bit lowest: "last block" and "fixed codes"; "258 bytes" (symbol 285) and
    // "from one byte before" (distance 0); "end of block" (symbol 256).
    let symbols =
        iter::once((0b011, 3)).chain(iter::repeat_n((0b0_0000_1010_0011, 13), times)).chain([(0, 7)]);
    let (mut bits, mut count) = (0_u32, 0);
    for (symbol, length) in symbols {
        bits |= symbol << count;
        count += length;
        while count >= 8 {
            gzip.extend(bits.to_le_bytes().first());
            bits >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        gzip.extend(bits.to_le_bytes().first());
    }
}

/// The CRC-32 of gzip (RFC 1952 §8).
struct Crc(u32);

impl Crc {
    fn new() -> Self {
        Self(u32::MAX)
    }

    fn push(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |register, &byte| eight_steps(register ^ u32::from(byte)));
    }

    /// In a time that hardly grows with their number. What one byte does to the register is linear over its
    /// bits, but for a constant; done twice, it is of that form again.
    fn push_spaces(&mut self, mut number: usize) {
        let mut linear: [u32; 32] = std::array::from_fn(|bit| eight_steps(1 << bit));
        let mut constant = eight_steps(u32::from(b' '));
        while number > 0 {
            if number & 1 == 1 {
                self.0 = apply(&linear, self.0) ^ constant;
            }
            constant ^= apply(&linear, constant);
            linear = linear.map(|image| apply(&linear, image));
            number >>= 1;
        }
    }

    fn value(&self) -> u32 {
        !self.0
    }
}

fn eight_steps(register: u32) -> u32 {
    (0..8).fold(register, |r, _| if r & 1 == 1 { (r >> 1) ^ 0xEDB8_8320 } else { r >> 1 })
}

/// The map that takes each bit to its image, applied to a register.
fn apply(images: &[u32; 32], register: u32) -> u32 {
    let set = images.iter().enumerate().filter(|(bit, _)| register >> bit & 1 == 1);
    set.fold(0, |sum, (_, image)| sum ^ image)
}

/// The longest repetition that deflate has one symbol for.
const REPEATED: usize = 258;

/// Deflate, no flags, no time, no hint about how it was compressed, unknown system.
const HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_has_the_published_check_value() {
        let mut crc = Crc::new();
        crc.push(b"123456789");
        assert_eq!(crc.value(), 0xCBF4_3926);
    }

    #[test]
    fn many_spaces_at_once_have_the_checksum_of_one_after_the_other() {
        for number in [0, 1, 2, 3, 257, 258, 1000] {
            let (mut one_by_one, mut at_once) = (Crc(0x1234_5678), Crc(0x1234_5678));
            one_by_one.push(&vec![b' '; number]);
            at_once.push_spaces(number);
            assert_eq!(one_by_one.value(), at_once.value(), "{number}");
        }
    }

    /// `gzip -t` and zlib read these bytes as the text and 517 spaces.
    #[test]
    fn it_is_what_another_implementation_reads() {
        let gzip = [
            0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0x00, 0x03, 0x00, 0xFC, 0xFF, 0x7B,
            0x7D, 0x20, 0x1B, 0x05, 0xA3, 0x00, 0x00, 0x8D, 0xC9, 0x4C, 0xA0, 0x07, 0x02, 0x00, 0x00,
        ];
        assert_eq!(with_spaces(b"{}", 2 + 517), gzip);
    }

    #[test]
    fn ten_million_bytes_are_sent_as_less_than_a_hundredth() {
        assert!(with_spaces(b"{}", 10_000_000).len() < 70_000);
    }
}
