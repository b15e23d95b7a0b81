//! The spellings of a header that some backend reads as the header itself.

use std::collections::BTreeSet;

/// Returns the name in three cases, with each of its hyphens as a hyphen or as another character.
pub(crate) fn spellings(name: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::from([String::new()]);
    for (at, part) in name.split('-').enumerate() {
        let separators: &[&str] = if at == 0 { &[""] } else { &["-", "_", "."] };
        let longer = all.iter().flat_map(|begin| separators.iter().map(move |one| format!("{begin}{one}{part}")));
        all = longer.collect();
    }
    all.iter().flat_map(|name| [name.clone(), name.to_lowercase(), name.to_uppercase()]).collect()
}

#[test]
fn spellings_have_each_separator_and_case() {
    let all = spellings("X-Auth-Client");
    for name in ["X-Auth-Client", "x_auth_client", "X-AUTH_CLIENT", "x.auth-client"] {
        assert!(all.contains(name), "{name}");
    }
    assert_eq!(all.len(), 27);
}
