//! Reads tables and values of the file, and reports each mistake at its place.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::problem::Problems;

/// A string of the file, with its place.
#[derive(Clone, Debug)]
pub(super) struct Text<'d> {
    pub(super) text: &'d str,
    pub(super) span: Range<usize>,
}

/// One table of the file. [`finish`](Self::finish) reports the keys that were not read.
pub(super) struct Reader<'d> {
    table: &'d DeTable<'d>,
    /// The place of the table, for missing keys.
    pub(super) span: Range<usize>,
    known: Vec<&'static str>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(table: &'d DeTable<'d>, span: Range<usize>) -> Self {
        Self { table, span, known: Vec::new() }
    }

    /// Returns a value, and marks its key as known.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Returns whether the table has a key. It does not mark the key as known.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Marks a key as known that was reported already.
    pub(super) fn ignore(&mut self, key: &'static str) {
        self.known.push(key);
    }

    /// Returns the place of a value.
    pub(super) fn value_span(&self, key: &str) -> Option<Range<usize>> {
        self.table.get(key).map(Spanned::span)
    }

    /// Returns the place of a key.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    pub(super) fn string(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Text<'d>> {
        string(self.value(key)?, problems)
    }

    /// Returns a string, and reports it if it is missing.
    pub(super) fn required(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Text<'d>> {
        if !self.table.contains_key(key) {
            problems.add(&self.span, format_args!("expected the key `{key}`, found none"));
        }
        self.string(key, problems)
    }

    /// Returns a list of strings. Returns `None` if the key is missing or not a list.
    pub(super) fn strings(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Vec<Text<'d>>> {
        strings(self.value(key)?, problems)
    }

    /// Returns a list of strings, and reports it if it is missing.
    pub(super) fn required_strings(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Vec<Text<'d>>> {
        if !self.table.contains_key(key) {
            problems.add(&self.span, format_args!("expected the key `{key}`, found none"));
        }
        self.strings(key, problems)
    }

    /// Returns a number of seconds within these bounds, with its place.
    pub(super) fn whole_seconds(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        problems: &mut Problems<'_>,
    ) -> Option<(Duration, Range<usize>)> {
        let value = self.value(key)?;
        let (first, last) = (range.start(), range.end());
        let DeValue::Integer(number) = value.get_ref() else {
            let found = found(value);
            problems.add(&value.span(), format_args!("expected {first} to {last} seconds, {found}"));
            return None;
        };
        let seconds = u64::from_str_radix(number.as_str(), number.radix()).ok();
        if let Some(seconds) = seconds.filter(|seconds| range.contains(seconds)) {
            return Some((Duration::from_secs(seconds), value.span()));
        }
        problems.add(&value.span(), format_args!("expected {first} to {last} seconds, found {number}"));
        None
    }

    /// Returns `true` or `false`, with its place.
    pub(super) fn boolean(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<(bool, Range<usize>)> {
        let value = self.value(key)?;
        if let DeValue::Boolean(found) = value.get_ref() {
            return Some((*found, value.span()));
        }
        problems.add(&value.span(), format_args!("expected `true` or `false`, {}", found(value)));
        None
    }

    /// Returns the table `[key]`, if it is present.
    pub(super) fn table(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Reader<'d>> {
        let value = self.value(key)?;
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Reader::new(table, value.span()));
        }
        problems.add(&value.span(), format_args!("expected a table `[{key}]`, {}", found(value)));
        None
    }

    /// Returns one string, or a list of strings.
    pub(super) fn one_or_more(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Vec<Text<'d>>> {
        let value = self.value(key)?;
        if value.get_ref().is_array() {
            return strings(value, problems);
        }
        string(value, problems).map(|text| vec![text])
    }

    /// Returns the tables of `[[key]]`, with their places.
    pub(super) fn tables(
        &mut self,
        key: &'static str,
        max: usize,
        problems: &mut Problems<'_>,
    ) -> Vec<Reader<'d>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            problems.add(&value.span(), format_args!("expected tables `[[{key}]]`, {}", found(value)));
            return Vec::new();
        };
        if let Some(further) = array.get(max) {
            problems
                .add(&further.span(), format_args!("expected at most {max} tables `[[{key}]]`, found more"));
        }
        let tables = array.iter().take(max).filter_map(|value| {
            if let DeValue::Table(table) = value.get_ref() {
                return Some(Reader::new(table, value.span()));
            }
            problems.add(&value.span(), format_args!("expected a table `[[{key}]]`, {}", found(value)));
            None
        });
        tables.collect()
    }

    /// Returns the keys that were not read, with their values.
    pub(super) fn rest(&self) -> impl Iterator<Item = (Text<'d>, &'d Spanned<DeValue<'d>>)> {
        let rest =
            self.table.iter().filter(|(key, _)| !self.known.iter().any(|known| *known == key.get_ref()));
        rest.map(|(key, value)| (Text { text: key.get_ref(), span: key.span() }, value))
    }

    /// Reports the keys that were not read.
    pub(super) fn finish(&self, problems: &mut Problems<'_>) {
        for (key, _) in self.rest() {
            let known = self.known.join("`, `");
            problems.add(
                &key.span,
                format_args!("expected a key out of `{known}`, found `{}`", key.text.escape_debug()),
            );
        }
    }
}

pub(super) fn string<'d>(value: &'d Spanned<DeValue<'d>>, problems: &mut Problems<'_>) -> Option<Text<'d>> {
    if let DeValue::String(text) = value.get_ref() {
        return Some(Text { text, span: value.span() });
    }
    problems.add(&value.span(), format_args!("expected a string, {}", found(value)));
    None
}

pub(super) fn strings<'d>(
    value: &'d Spanned<DeValue<'d>>,
    problems: &mut Problems<'_>,
) -> Option<Vec<Text<'d>>> {
    let Some(array) = value.get_ref().as_array() else {
        problems.add(&value.span(), format_args!("expected a list of strings, {}", found(value)));
        return None;
    };
    if array.is_empty() {
        problems.add(&value.span(), "expected at least one string in the list, found none");
    }
    Some(array.iter().filter_map(|value| string(value, problems)).collect())
}

/// Returns the kind of a value, for messages.
pub(super) fn found(value: &Spanned<DeValue<'_>>) -> String {
    format!("found a value of type {}", value.get_ref().type_str())
}
