//! The equation of Ed25519's curve, for public keys only. No input is secret, so the code need not
//! run in constant time.

/// A number below 2²⁵⁶, which represents its remainder modulo p = 2²⁵⁵ - 19. Little-endian.
type Number = [u64; 4];

/// d = -121665/121666 (RFC 8032 §5.1).
const D: Number =
    [0x75eb_4dca_1359_78a3, 0x0070_0a4d_4141_d8ab, 0x8cc7_4079_7779_e898, 0x5203_6cee_2b6f_fe73];

const ONE: Number = [1, 0, 0, 0];

/// p - 1 and 2p - 1: the two encodings of -1.
const MINUS_ONE: [Number; 2] =
    [[u64::MAX - 19, u64::MAX, u64::MAX, u64::MAX >> 1], [u64::MAX - 38, u64::MAX, u64::MAX, u64::MAX]];

/// Returns whether a point with this y coordinate is on the curve (RFC 8032 §5.1.3): whether the
/// quotient (y² - 1) / (dy² + 1) is a square modulo p.
///
/// The quotient is a square if and only if the product of the two is. A number is a square unless
/// its power to (p - 1) / 2 is -1 (Euler).
pub(super) fn has_point(y: &[u8; 32]) -> bool {
    let mut number = [0; 4];
    for (limb, bytes) in number.iter_mut().zip(y.chunks_exact(8)) {
        *limb = bytes.iter().rev().fold(0, |limb, byte| (limb << 8) | u64::from(*byte));
    }
    let square = multiply(number, number);
    let product = multiply(add(square, MINUS_ONE[0]), add(multiply(D, square), ONE));
    !MINUS_ONE.contains(&euler(product))
}

/// Raises a number to (p - 1) / 2 = 2²⁵⁴ - 10. All bits of that exponent are ones except the first
/// and the fourth.
fn euler(number: Number) -> Number {
    (0..254).fold(ONE, |power, step| {
        let (square, bit) = (multiply(power, power), 253 - step);
        if bit == 0 || bit == 3 { square } else { multiply(square, number) }
    })
}

#[allow(clippy::indexing_slicing, reason = "i and j are below 4, and the product has 8 limbs")]
fn multiply(a: Number, b: Number) -> Number {
    let mut product = [0; 8];
    for (i, x) in a.into_iter().enumerate() {
        let mut carry = 0;
        for (j, y) in b.into_iter().enumerate() {
            let sum = u128::from(x) * u128::from(y) + u128::from(product[i + j]) + carry;
            (product[i + j], carry) = split(sum);
        }
        product[i + 4] = split(carry).0;
    }
    let (mut low, mut carry) = ([0; 4], 0);
    for (i, limb) in low.iter_mut().enumerate() {
        // 2²⁵⁶ = 38 modulo p.
        let sum = u128::from(product[i]) + 38 * u128::from(product[i + 4]) + carry;
        (*limb, carry) = split(sum);
    }
    carried(low, carry)
}

fn add(a: Number, b: Number) -> Number {
    let (mut sum, mut carry) = ([0; 4], 0);
    for (limb, (x, y)) in sum.iter_mut().zip(a.into_iter().zip(b)) {
        (*limb, carry) = split(u128::from(x) + u128::from(y) + carry);
    }
    carried(sum, carry)
}

/// Adds multiples of 2²⁵⁶, which is 38 modulo p.
fn carried(mut number: Number, mut carry: u128) -> Number {
    while carry != 0 {
        carry *= 38;
        for limb in &mut number {
            (*limb, carry) = split(u128::from(*limb) + carry);
        }
    }
    number
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
fn split(number: u128) -> (u64, u128) {
    (number as u64, number >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_small_numbers_are_coordinates() {
        // FR-A8: computed with another implementation, from the equation and Python's numbers.
        let on_curve = [0, 1, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 19];
        for y in 0..20 {
            let mut bytes = [0; 32];
            bytes[0] = y;
            assert_eq!(has_point(&bytes), on_curve.contains(&y), "{y}");
        }
    }

    #[test]
    fn squares_are_recognized() {
        // FR-A8: p = 5 modulo 8, so -1 is a square and 2 is not.
        for minus_one in MINUS_ONE {
            assert!(!MINUS_ONE.contains(&euler(minus_one)));
            assert!(MINUS_ONE.contains(&euler(multiply(minus_one, [2, 0, 0, 0]))));
        }
    }
}
