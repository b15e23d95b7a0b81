//! Detection of weak and invalid Ed25519 public keys. The cryptography crate accepts such keys.
//! Their effect would appear only when signatures are checked: the key verifies nothing, or
//! everything.

mod curve;

/// Returns whether the curve has a point with this y coordinate. Half of all numbers have none.
pub(crate) fn is_on_curve(key: &[u8; 32]) -> bool {
    curve::has_point(&y(key))
}

/// Returns whether the y coordinate is less than p = 2²⁵⁵ - 19, which RFC 8032 §5.1.3 requires for
/// decoding. Otherwise some points would have two encodings.
pub(crate) fn is_canonical(key: &[u8; 32]) -> bool {
    // The largest is p - 1. Little-endian: the last byte is the most significant.
    y(key).iter().rev().le(MINUS_ONE.iter().rev())
}

/// Returns whether the point's order is 1, 2, 4 or 8. With such a key, a signature for every
/// message, or for one in eight, can be forged without a private key.
pub(crate) fn is_of_small_order(key: &[u8; 32]) -> bool {
    SMALL_ORDER.contains(&y(key))
}

/// Clears the highest bit, which is the sign of x.
fn y(key: &[u8; 32]) -> [u8; 32] {
    let mut y = *key;
    let [.., last] = &mut y;
    *last &= 0x7f;
    y
}

const MINUS_ONE: [u8; 32] = [
    0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// The y coordinates of the eight points, little-endian. A point and its negative share one.
const SMALL_ORDER: [[u8; 32]; 5] = [
    // Order 1: y = 1, the neutral element.
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    // Order 2.
    MINUS_ONE,
    // Order 4: y = 0.
    [0x00; 32],
    // Order 8: y, and -y.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::verifying_key::{PublicKey, VerifyingKey};
    use crate::token::algorithm::Algorithm;

    /// Returns a number less than 256, little-endian.
    fn small(number: u8) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0] = number;
        bytes
    }

    fn negative(mut key: [u8; 32]) -> [u8; 32] {
        key[31] |= 0x80;
        key
    }

    #[test]
    fn cryptography_crate_accepts_small_order_key() {
        // A24: this is the reason for this module. R = the neutral element and S = 0 fit every
        // message.
        let neutral = small(1);
        let signature = [neutral, small(0)].concat();
        let key = VerifyingKey::new(Algorithm::EdDSA, &PublicKey::Ed25519 { x: neutral }).unwrap();
        assert!(key.verifies(b"a message", &signature));
        assert!(key.verifies(b"another one", &signature));
        assert!(is_of_small_order(&neutral));
    }

    #[test]
    fn published_keys_are_on_curve() {
        // FR-A8
        for _ in 0..50 {
            let key = scopegate_issuer::SigningKey::generate(scopegate_issuer::Algorithm::EdDSA).jwk();
            let x = scopegate_proto::base64url::decode(key["x"].as_str().unwrap().as_bytes()).unwrap();
            assert!(is_on_curve(&x.try_into().unwrap()));
        }
        for key in SMALL_ORDER {
            assert!(is_on_curve(&key) && is_on_curve(&negative(key)));
        }
        assert!(is_on_curve(&small(3)) && !is_on_curve(&small(2)) && !is_on_curve(&negative(small(2))));
    }

    #[test]
    fn small_order_points_are_detected_in_every_encoding() {
        // A24: eight points, and 1 and -1 with a sign that their x = 0 does not have
        for key in SMALL_ORDER {
            assert!(is_of_small_order(&key) && is_of_small_order(&negative(key)));
            assert!(is_canonical(&key) && is_canonical(&negative(key)));
        }
        // RFC 8032 §7.1, TEST 1
        let good = [
            0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
            0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
        ];
        assert!(is_canonical(&good) && !is_of_small_order(&good));
        assert!(!is_of_small_order(&small(2)));
    }

    #[test]
    fn unreduced_coordinate_is_detected() {
        // A24: p and p + 1 are other encodings of 0 and 1; p - 1 is the largest number with a
        // single encoding
        let p_plus = |more: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (0xed + more, 0x7f);
            bytes
        };
        for more in 0..=0x12 {
            assert!(!is_canonical(&p_plus(more)) && !is_canonical(&negative(p_plus(more))), "{more}");
        }
        assert!(is_canonical(&MINUS_ONE));
        assert!(is_canonical(&small(255)));
    }
}
