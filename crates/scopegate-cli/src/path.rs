//! The path of a request, judged as written or not at all.
//!
//! Gateways and backends differ in how they read a path. A path is rejected if some backend may read it
//! as another one. The path that is judged is never decoded, and only hex digits change: to upper case.

mod lookalike;

use std::fmt;

/// A path with one reading, as percent-encoded bytes with hex digits in upper case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JudgedPath(String);

/// The reason why a path is ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ambiguous {
    /// The path does not begin with a slash, for example in an absolute URI.
    NoSlash,
    /// A segment is `.` or `..`.
    DotSegment,
    /// Two slashes follow each other.
    EmptySegment,
    /// A character that a path may not have, or that some backends read as a delimiter: `\`, `;`, `#`.
    Character,
    /// A percent sign without two hex digits.
    LonePercent,
    /// The encoding of a character that some backends read as a delimiter: `/ \ ; # ?`.
    EncodedDelimiter,
    /// The encoding of a letter, a digit or one of `-._~`, which needs none.
    EncodedUnreserved,
    /// The encoding of a percent sign before two hex digits, which may be decoded twice.
    EncodedTwice,
    /// A character that some backends read as `/`, `\` or `;` after Unicode normalization, or dots that
    /// they read as a dot segment.
    LookAlike,
    /// A control character.
    ControlCharacter,
    /// White space at the end of a segment.
    FinalSpace,
    /// The decoded bytes are not UTF-8.
    NotUtf8,
    /// The encoded and the decoded characters lead to two routes.
    TwoRoutes,
}

impl JudgedPath {
    /// Reads the path of a request target such as `/orders/7?page=2`. The query is ignored.
    pub(crate) fn of_target(target: &[u8]) -> Result<Self, Ambiguous> {
        let is_hidden = |byte: &u8| matches!(byte, 0..=b' ' | 0x7f | b'#');
        if target.iter().any(is_hidden) {
            return Err(Ambiguous::Character);
        }
        let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
        Self::parse(target.get(..end).unwrap_or_default())
    }

    /// Reads a path without a query.
    pub(crate) fn parse(path: &[u8]) -> Result<Self, Ambiguous> {
        let Some((b'/', segments)) = path.split_first() else { return Err(Ambiguous::NoSlash) };
        let mut normal = String::with_capacity(path.len());
        let mut segments = segments.split(|byte| *byte == b'/').peekable();
        let mut decoded = Vec::new();
        while let Some(segment) = segments.next() {
            normal.push('/');
            // A slash at the end of the path is one empty segment.
            if segment.is_empty() && segments.peek().is_some() {
                return Err(Ambiguous::EmptySegment);
            }
            if matches!(segment, b"." | b"..") {
                return Err(Ambiguous::DotSegment);
            }
            decoded.clear();
            read_segment(segment, &mut normal, &mut decoded)?;
            check_decoded(&decoded)?;
        }
        Ok(Self(normal))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path with every delimiter decoded that a segment may have in both forms, such as
    /// `%40` and `@`. Returns `None` if that is the same path.
    pub(crate) fn with_decoded_delimiters(&self) -> Option<String> {
        if !self.0.contains('%') {
            return None;
        }
        let mut parts = self.0.split('%');
        let mut path = parts.next().unwrap_or_default().to_owned();
        let mut is_changed = false;
        for part in parts {
            let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
            match u8::from_str_radix(digits, 16) {
                Ok(byte) if is_delimiter(byte) => {
                    path.push(char::from(byte));
                    is_changed = true;
                }
                _ => {
                    path.push('%');
                    path.push_str(digits);
                }
            }
            path.push_str(rest);
        }
        is_changed.then_some(path)
    }
}

/// Adds a segment to the path in normal form, and its bytes to `decoded`.
fn read_segment(segment: &[u8], normal: &mut String, decoded: &mut Vec<u8>) -> Result<(), Ambiguous> {
    let mut rest = segment;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            if !is_unreserved(byte) && !is_delimiter(byte) {
                return Err(Ambiguous::Character);
            }
            normal.push(char::from(byte));
            decoded.push(byte);
            rest = after;
            continue;
        }
        let (encoded, after) = encoded_byte(after).ok_or(Ambiguous::LonePercent)?;
        match encoded {
            b'/' | b'\\' | b';' | b'#' | b'?' => return Err(Ambiguous::EncodedDelimiter),
            b'%' if encoded_byte(after).is_some() => return Err(Ambiguous::EncodedTwice),
            byte if is_unreserved(byte) => return Err(Ambiguous::EncodedUnreserved),
            _ => {}
        }
        normal.push('%');
        for digit in [encoded >> 4, encoded & 15] {
            normal.push(char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase());
        }
        decoded.push(encoded);
        rest = after;
    }
    Ok(())
}

/// Reads two hex digits.
fn encoded_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = text.split_at_checked(2)?;
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = digits.iter().try_fold(0, |byte, one| Some(byte * 16 + digit(*one)?))?;
    Some((u8::try_from(byte).ok()?, rest))
}

fn check_decoded(decoded: &[u8]) -> Result<(), Ambiguous> {
    let text = std::str::from_utf8(decoded).map_err(|_| Ambiguous::NotUtf8)?;
    if text.chars().any(char::is_control) {
        return Err(Ambiguous::ControlCharacter);
    }
    if lookalike::is_ambiguous(text) {
        return Err(Ambiguous::LookAlike);
    }
    if text.ends_with(char::is_whitespace) { Err(Ambiguous::FinalSpace) } else { Ok(()) }
}

/// Returns whether a character has the same meaning with and without encoding (RFC 3986 §2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Returns whether a segment may have this character beside the unreserved ones: `pchar` of
/// RFC 3986 §3.3 without `;`, which some backends read as the begin of parameters.
fn is_delimiter(byte: u8) -> bool {
    b"!$&'()*+,=:@".contains(&byte)
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "expected a slash at the beginning",
            Self::DotSegment => "the path has a dot segment",
            Self::EmptySegment => "the path has two slashes in a row",
            Self::Character => "the path has a character that must be encoded, or `;`",
            Self::LonePercent => "the path has a percent sign without two hex digits",
            Self::EncodedDelimiter => "the path has an encoded delimiter",
            Self::EncodedUnreserved => "the path has an encoded character that needs no encoding",
            Self::EncodedTwice => "the path may be decoded twice",
            Self::LookAlike => "the path has a character that may be read as a delimiter or a dot",
            Self::ControlCharacter => "the path has a control character",
            Self::FinalSpace => "a segment of the path ends with white space",
            Self::NotUtf8 => "the path is not UTF-8",
            Self::TwoRoutes => "the path leads to two routes, one with and one without decoding",
        })
    }
}

impl std::error::Error for Ambiguous {}

#[cfg(test)]
mod tests;
