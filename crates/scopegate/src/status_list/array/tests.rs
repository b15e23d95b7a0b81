//! The test vectors of draft-ietf-oauth-status-list-20, and damaged lists.

use std::collections::HashMap;

use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use scopegate_proto::base64url;
use std::io::Write as _;

use super::*;

fn inflate(bits: &str, lst: &str) -> StatusArray {
    StatusArray::inflate(Bits::parse(bits).unwrap(), base64url::decode(lst).unwrap()).unwrap()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn error(compressed: &[u8]) -> Option<ArrayError> {
    StatusArray::inflate(Bits::parse("1").unwrap(), compressed).err()
}

#[test]
fn examples_of_draft_are_read() {
    // SL09, SL10: the examples of §4.1.
    let one = inflate("1", "eNrbuRgAAhcBXQ");
    let set: Vec<u64> = (0..16).filter(|index| one.get(*index) == Some(1)).collect();
    assert_eq!(set, [0, 3, 4, 5, 7, 8, 9, 13, 15]);
    let two = inflate("2", "eNo76fITAAPfAgc");
    let statuses: Vec<u8> = (0..12).map(|index| two.get(index).unwrap()).collect();
    assert_eq!(statuses, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
}

#[test]
fn test_vectors_of_draft_are_read_whole() {
    // SL10: Appendix "Test vectors for Status List encoding", 2^20 entries each.
    #[derive(serde::Deserialize)]
    struct Vector {
        bits: u64,
        lst: String,
        statuses: HashMap<u64, u8>,
    }
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    assert_eq!(vectors.iter().map(|vector| vector.bits).collect::<Vec<_>>(), [1, 2, 4, 8]);
    for Vector { bits, lst, statuses } in vectors {
        let array = inflate(&bits.to_string(), &lst);
        for index in 0..1 << 20 {
            let expected = statuses.get(&index).copied().unwrap_or(0);
            assert_eq!(array.get(index), Some(expected), "{bits} bits, index {index}");
        }
        assert_eq!(array.get(1 << 20), None);
    }
}

#[test]
fn inflating_takes_eight_mib_at_most() {
    // SL12: the largest list, and the smallest one that makes the output grow to the limit.
    for bytes in [MAX_INFLATED / 2 + 1, MAX_INFLATED - 1, MAX_INFLATED] {
        let (bits, compressed) = (Bits::parse("8").unwrap(), zlib(&vec![0; bytes]));
        let mut array = None;
        let memory =
            allocation_counter::measure(|| array = StatusArray::inflate(bits, compressed.as_slice()).ok());
        assert_eq!(array.map(|array| array.len()), Some(bytes));
        assert!(memory.bytes_max <= 8 << 20, "{bytes}: {memory:?}");
        assert_eq!(memory.bytes_current, i64::try_from(bytes).unwrap());
    }
}

#[test]
fn only_four_sizes_of_a_status_exist() {
    // SL09
    for bits in ["1", "2", "4", "8"] {
        assert!(Bits::parse(bits).is_some());
    }
    for bits in ["0", "3", "16", "\"1\"", "1.0", "-1", "null", "true", ""] {
        assert!(Bits::parse(bits).is_none(), "{bits}");
    }
}

#[test]
fn index_after_the_last_is_none() {
    // SL11
    let compressed = zlib(&[0xFF; 3]);
    for (bits, entries) in [("1", 24), ("2", 12), ("4", 6), ("8", 3)] {
        let array = StatusArray::inflate(Bits::parse(bits).unwrap(), &compressed).unwrap();
        assert!(array.get(entries - 1).is_some_and(|status| status != 0), "{bits}");
        assert_eq!((array.get(entries), array.get(u64::MAX)), (None, None), "{bits}");
    }
    assert_eq!(StatusArray::inflate(Bits::parse("1").unwrap(), zlib(&[])).unwrap().get(0), None);
}

#[test]
fn damaged_compression_is_rejected() {
    // SL10
    let valid = zlib(b"statuses");
    assert_eq!(error(&valid), None);
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::best());
    raw.write_all(b"statuses").unwrap();
    assert_eq!(error(&raw.finish().unwrap()), Some(ArrayError::NotZlib));
    let longer = [valid.as_slice(), &[0]].concat();
    assert_eq!(error(&longer), Some(ArrayError::TrailingData));
    let twice = [valid.as_slice(), &valid].concat();
    assert_eq!(error(&twice), Some(ArrayError::TrailingData));
    let mut other_checksum = valid.clone();
    *other_checksum.last_mut().unwrap() ^= 1;
    assert_eq!(error(&other_checksum), Some(ArrayError::NotZlib));
    for length in 0..valid.len() {
        assert_eq!(error(&valid[..length]), Some(ArrayError::NotZlib), "{length}");
    }
}

#[test]
fn inflated_size_is_bounded() {
    // SL12: a million tokens with eight bits, the largest list, and a bomb.
    for size in [1 << 20, MAX_INFLATED] {
        let compressed = zlib(&vec![0; size]);
        let array = StatusArray::inflate(Bits::parse("8").unwrap(), &compressed).unwrap();
        assert_eq!(array.len(), size);
    }
    assert_eq!(error(&zlib(&vec![0; MAX_INFLATED + 1])), Some(ArrayError::TooLarge));
    let bomb = zlib(&vec![0; 16 << 20]);
    assert!(bomb.len() < 17 << 10, "{}", bomb.len());
    assert_eq!(error(&bomb), Some(ArrayError::TooLarge));
}
