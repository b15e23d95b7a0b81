//! The layout of the story: plain text of at most 96 columns without colors, for terminals, files
//! and logs.

use std::io::{self, Write};
use std::time::Duration;

use super::stage::{Answer, Score};
use crate::caller::Token;

const WIDTH: usize = 96;

/// Writes the story to an output.
pub(super) struct Page<'a, W> {
    out: &'a mut W,
}

impl<'a, W: Write> Page<'a, W> {
    pub(super) fn new(out: &'a mut W) -> Self {
        Self { out }
    }

    pub(super) fn chapter(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n== {title}")
    }

    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out)?;
        self.wrapped("", "", text)
    }

    pub(super) fn title(&mut self, number: usize, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n{number:2}. {title}")
    }

    pub(super) fn request(&mut self, method: &str, target: &str) -> io::Result<()> {
        writeln!(self.out, "    > {method} {target}")
    }

    /// Writes another line of a request.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "    > {text}")
    }

    /// Writes the status, and the challenge or the body. The body of a rejection only repeats the
    /// challenge.
    pub(super) fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        writeln!(self.out, "    < {}", answer.status)?;
        match &answer.challenge {
            Some(challenge) => self.wrapped("    < ", "    <   ", &format!("WWW-Authenticate: {challenge}")),
            // Adds spaces after commas, where lines can be broken.
            None => self.wrapped("    < ", "    <   ", &answer.body.replace(",\"", ", \"")),
        }
    }

    pub(super) fn token(&mut self, token: &Token, usable_for: Duration) -> io::Result<()> {
        let minutes = usable_for.as_secs().div_ceil(60);
        writeln!(self.out, "    < access_token: {token}, usable for {minutes} minutes")?;
        let claims = token.unverified_claims();
        let claims: Vec<String> = claims.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.wrapped("    < ", "    <   ", &format!("claims: {}", claims.join(", ")))
    }

    pub(super) fn unexpected(&mut self, contradiction: &str) -> io::Result<()> {
        writeln!(self.out, "    UNEXPECTED: {contradiction}")
    }

    pub(super) fn why(&mut self, text: &str) -> io::Result<()> {
        self.wrapped("    ", "    ", text)
    }

    pub(super) fn score(&mut self, score: Score) -> io::Result<()> {
        let Score { steps, as_expected } = score;
        writeln!(self.out, "\n{as_expected} of {steps} steps got the expected response")
    }

    /// Writes text in lines of at most [`WIDTH`] columns. Lines are broken at spaces only, so a
    /// longer word exceeds the width.
    fn wrapped(&mut self, first: &str, others: &str, text: &str) -> io::Result<()> {
        let mut line = first.to_owned();
        let mut columns = first.chars().count();
        for (position, word) in text.split(' ').enumerate() {
            let width = word.chars().count();
            if position > 0 && columns + 1 + width > WIDTH {
                writeln!(self.out, "{line}")?;
                others.clone_into(&mut line);
                columns = others.chars().count();
            } else if position > 0 {
                line.push(' ');
                columns += 1;
            }
            line.push_str(word);
            columns += width;
        }
        writeln!(self.out, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_wrapped_at_spaces() {
        let mut out = Vec::new();
        Page::new(&mut out).why(&["word"; 25].join(" ")).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lines, [4 + 18 * 5 - 1, 4 + 7 * 5 - 1]);
    }
}
