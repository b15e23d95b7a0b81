//! Secrets that must not be shown, and a search whose time does not depend on the number of
//! secrets.
//!
//! Long secrets are cut into pieces of 20 characters, so the search finds any 39 consecutive
//! characters of a secret. A secret that is shorter than a piece is only found as a whole.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The length of a piece.
const PIECE: usize = 20;

#[derive(Default)]
pub(crate) struct Secrets {
    pieces: HashSet<u64>,
    /// A bit for the lowest bits of each hash, so that most positions of a text need no lookup.
    filter: Vec<u64>,
    short: Vec<String>,
}

impl Secrets {
    /// Adds a secret. All of its pieces are secret.
    pub(crate) fn add(&mut self, text: &str) {
        if text.len() < PIECE {
            self.short.push(text.to_owned());
            return;
        }
        let pieces = text.as_bytes().chunks_exact(PIECE);
        // A piece of one repeated character, such as white space, is not secret.
        self.pieces.extend(pieces.filter(|piece| piece.iter().any(|byte| *byte != piece[0])).map(hash));
    }

    /// Allows a text: removes all of its pieces.
    pub(crate) fn allow(&mut self, text: &str) {
        for piece in text.as_bytes().windows(PIECE) {
            self.pieces.remove(&hash(piece));
        }
    }

    /// Adds a token: its parts, and its signature in other spellings.
    pub(crate) fn add_token(&mut self, token: &str) {
        // Text that is not base64url is not part of a token, and may be quoted.
        for run in token.split(|character: char| !is_base64url(character)).filter(|run| run.len() >= PIECE) {
            self.add(run);
        }
        let signature = token.rsplit('.').next().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let Some(signature) = signature.filter(|bytes| bytes.len() >= PIECE) else { return };
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        self.add(&hex.to_ascii_uppercase());
        self.add(&hex);
        // The form of bytes in `Debug`.
        let listed = format!("{:?}", &signature[..PIECE]);
        self.add(&listed[1..listed.len() - 1]);
    }

    pub(crate) fn len(&self) -> usize {
        self.pieces.len() + self.short.len()
    }

    /// Returns all secrets in a text, each with its surroundings.
    pub(crate) fn find_in(&mut self, text: &str) -> Vec<String> {
        self.fill_filter();
        let bytes = text.as_bytes();
        let around = |at: usize, length: usize| {
            let (from, to) = (at.saturating_sub(60), (at + length + 20).min(bytes.len()));
            String::from_utf8_lossy(&bytes[from..to]).into_owned()
        };
        let mut found: Vec<String> = Vec::new();
        for secret in &self.short {
            found.extend(text.match_indices(secret.as_str()).map(|(at, _)| around(at, secret.len())));
        }
        let Some(first) = bytes.get(..PIECE) else { return found };
        let mut current = hash(first);
        for at in 0.. {
            let bit = current & FILTER_MASK;
            let passes = self.filter[usize::try_from(bit / 64).unwrap()] >> (bit % 64) & 1 == 1;
            if passes && self.pieces.contains(&current) {
                found.push(around(at, PIECE));
            }
            let Some(next) = bytes.get(at + PIECE) else { break };
            current = slide(current, bytes[at], *next);
        }
        found
    }

    fn fill_filter(&mut self) {
        self.filter = vec![0; usize::try_from((FILTER_MASK + 1) / 64).unwrap()];
        for piece in &self.pieces {
            let bit = piece & FILTER_MASK;
            self.filter[usize::try_from(bit / 64).unwrap()] |= 1 << (bit % 64);
        }
    }
}

fn is_base64url(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-' || character == '_'
}

const FILTER_MASK: u64 = (1 << 26) - 1;
/// A large odd number.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;
/// The factor of the first byte of a piece.
const FIRST: u64 = {
    let (mut power, mut n) = (1_u64, 1);
    while n < PIECE {
        power = power.wrapping_mul(BASE);
        n += 1;
    }
    power
};

/// Returns a polynomial of the bytes. The hash of the next piece can be computed from that of the
/// previous one.
fn hash(piece: &[u8]) -> u64 {
    piece.iter().fold(0, |hash, byte| hash.wrapping_mul(BASE).wrapping_add(u64::from(*byte)))
}

fn slide(hash: u64, first: u8, next: u8) -> u64 {
    hash.wrapping_sub(u64::from(first).wrapping_mul(FIRST)).wrapping_mul(BASE).wrapping_add(u64::from(next))
}
