//! `tenants` of an issuer: one entry is an issuer for each tenant.

use std::collections::HashSet;

use crate::config::beside::Beside;
use crate::config::problem::Problems;
use crate::config::reader::Reader;

/// The place of the tenant in the values of an entry.
pub(super) const PLACEHOLDER: &str = "{tenant}";

/// Maximum number of issuers of a file, with each tenant.
pub(crate) const MAX_ISSUERS: usize = 1_000;

/// Maximum length of a tenant's name.
const MAX_NAME: usize = 128;

/// Reads the tenants. Returns `None` if the entry is one issuer.
///
/// Only listed tenants are trusted. No token chooses a URL that the service fetches.
pub(super) fn read(
    table: &mut Reader<'_>,
    beside: &Beside,
    problems: &mut Problems<'_>,
) -> Option<Vec<String>> {
    let listed = table.strings("tenants", problems);
    let file = table.string("tenants_file", problems);
    let mut tenants = Tenants::default();
    match (listed, file) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            let span = table.key_span("tenants_file");
            problems.add(&span, "expected one of `tenants` and `tenants_file`, found both");
        }
        (Some(listed), None) => {
            for text in listed {
                if let Err(reason) = tenants.add(text.text) {
                    problems.add(&text.span, reason);
                }
            }
        }
        (None, Some(file)) => match beside.list(file.text) {
            Err(reason) => problems.add(&file.span, format_args!("{}: {reason}", file.text)),
            Ok(text) => {
                let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
                for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
                    if let Err(reason) = tenants.add(line) {
                        problems.add(&file.span, format_args!("{}:{number}: {reason}", file.text));
                    }
                }
                // A program may be writing the file, so an empty one does not end the trust in all.
                if tenants.names.is_empty() {
                    let message = format_args!("{}: expected at least one tenant, found none", file.text);
                    problems.add(&file.span, message);
                }
            }
        },
    }
    Some(tenants.names)
}

#[derive(Default)]
struct Tenants {
    names: Vec<String>,
    known: HashSet<String>,
}

impl Tenants {
    fn add(&mut self, name: &str) -> Result<(), String> {
        if !is_name(name) {
            let expected = "a tenant in letters, digits and `-_.`, which begins with a letter or a digit";
            return Err(format!("expected {expected}, found {name:?}"));
        }
        if self.names.len() == MAX_ISSUERS {
            return Err(format!("expected at most {MAX_ISSUERS} tenants, found more"));
        }
        if !self.known.insert(name.to_owned()) {
            return Err(format!("expected each tenant once, found {name:?} again"));
        }
        self.names.push(name.to_owned());
        Ok(())
    }
}

/// Returns whether a name stays one segment of a path, or one label of a host, in each URL.
fn is_name(name: &str) -> bool {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_valid)
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_stays_in_its_segment() {
        let longest = "x".repeat(MAX_NAME);
        for name in ["acme", "Ab12Cd34E", "a-b_c.d", "1", longest.as_str()] {
            assert!(is_name(name), "{name}");
        }
        let longer = format!("{longest}x");
        for name in
            ["", ".", "..", "a/b", "a..b", "a%2f", "a b", "-a", "a?b", "a#b", "é", "{tenant}", "a@b", &longer]
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
