//! The spellings of a header that some backend reads as the header itself.

use std::collections::BTreeSet;

/// Returns the name in three cases, with each of its hyphens as a hyphen or as this character.
pub(crate) fn spellings(name: &str, separator: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::from([String::new()]);
    for (at, part) in name.split('-').enumerate() {
        let separators = if at == 0 { vec![""] } else { vec!["-", separator] };
        let longer =
            all.iter().flat_map(|begin| separators.iter().map(move |one| format!("{begin}{one}{part}")));
        all = longer.collect();
    }
    all.iter().flat_map(|name| [name.clone(), name.to_lowercase(), name.to_uppercase()]).collect()
}

#[test]
fn spellings_have_each_separator_and_case() {
    let all = spellings("X-Auth-Client", "_");
    for name in ["X-Auth-Client", "x_auth_client", "X-AUTH_CLIENT", "x_auth-client"] {
        assert!(all.contains(name), "{name}");
    }
    assert_eq!(all.len(), 12);
}
