//! Numbers of the file.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use crate::config::problem::Problems;
use crate::config::reader::{Reader, found};

impl Reader<'_> {
    /// Returns a number of seconds, which may have a fraction. The verifier checks its range.
    pub(super) fn seconds(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Duration> {
        let value = self.value(key)?;
        let seconds = text_of(value).and_then(|text| text.parse::<f64>().ok());
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        if time.is_none() {
            problems.add(&value.span(), format_args!("expected a number of seconds, {}", found(value)));
        }
        time
    }

    /// Returns a whole number in this range.
    pub(super) fn number<N>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<N>,
        problems: &mut Problems<'_>,
    ) -> Option<N>
    where
        N: FromStr + PartialOrd + Display,
    {
        let value = self.value(key)?;
        let text = text_of(value);
        let number = text.and_then(|text| text.parse::<N>().ok()).filter(|number| range.contains(number));
        if number.is_none() {
            let found = text.map_or_else(|| found(value), |text| format!("found {text}"));
            let (min, max) = range.into_inner();
            problems.add(&value.span(), format_args!("expected a number from {min} to {max}, {found}"));
        }
        number
    }
}

/// Returns the digits of a decimal number.
fn text_of<'d>(value: &'d Spanned<DeValue<'d>>) -> Option<&'d str> {
    match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
        DeValue::Float(number) => Some(number.as_str()),
        _ => None,
    }
}
