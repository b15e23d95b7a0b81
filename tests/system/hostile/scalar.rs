//! Arithmetic on numbers of the length of signatures, for signatures that differ by exactly one
//! number.

/// The order of P-256 and of P-384 (FIPS 186-5, SP 800-186 §3.2.1), big-endian.
pub(crate) const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
pub(crate) const P384_ORDER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffff\
                                     c7634d81f4372ddf581a0db248b0a77aecec196accc52973";
/// The order of Ed25519's base point (RFC 8032 §5.1), big-endian.
pub(crate) const ED25519_ORDER: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Returns `a - b` of two big-endian numbers of the same length, or `None` if `b` is larger.
pub(crate) fn minus(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let (mut borrow, mut result) = (0, vec![0; a.len()]);
    for at in (0..a.len()).rev() {
        let difference = i16::from(a[at]) - i16::from(b[at]) - borrow;
        borrow = i16::from(difference < 0);
        result[at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    (borrow == 0).then_some(result)
}

/// Returns `a + b` of two big-endian numbers of the same length, or `None` if the sum is longer.
pub(crate) fn plus(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let (mut carry, mut result) = (0, vec![0; a.len()]);
    for at in (0..a.len()).rev() {
        let sum = u16::from(a[at]) + u16::from(b[at]) + carry;
        carry = sum >> 8;
        result[at] = u8::try_from(sum & 0xFF).unwrap();
    }
    (carry == 0).then_some(result)
}
