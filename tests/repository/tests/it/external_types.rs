//! Checks that the manifest of each published crate lists the other crates in its public API,
//! because their breaking changes are ours.
//!
//! The API is read from `docs/api`, which `scripts/api` writes.

use std::collections::BTreeSet;
use std::fs;

use repository_tests::checkout::root;
use toml::Table;

/// Crates of the standard library.
const STANDARD: [&str; 3] = ["alloc", "core", "std"];

/// Returns the crates at the beginning of paths in the text, except for the own crate and the
/// standard library.
fn foreign_crates(own: &str, api: &str) -> BTreeSet<String> {
    let is_word = |c: char| c == '_' || c.is_alphanumeric();
    let mut found = BTreeSet::new();
    // A word of a path follows `::`, and the first one does not.
    for path in api.split(|c: char| !is_word(c) && c != ':') {
        let Some((first, _)) = path.split_once("::") else { continue };
        let is_crate = first.starts_with(|c: char| c == '_' || c.is_lowercase());
        if is_crate && first != own && !STANDARD.contains(&first) {
            found.insert(first.to_owned());
        }
    }
    found
}

/// Returns the crates that the manifest lists as `name::*`.
fn listed(manifest: &Table) -> Option<BTreeSet<String>> {
    let check = manifest["package"].get("metadata")?.get("cargo_check_external_types")?;
    let types = check.get("allowed_external_types")?.as_array()?.iter();
    Some(types.map(|listed| listed.as_str().unwrap().trim_end_matches("::*").to_owned()).collect())
}

#[test]
fn foreign_types_of_the_public_api_are_listed() {
    let mut crates = 0;
    for folder in fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let manifest: Table = text.parse().unwrap();
        // A program has no API.
        if manifest["package"].get("publish").is_some() || !folder.join("src/lib.rs").is_file() {
            continue;
        }
        let name = manifest["package"]["name"].as_str().unwrap();
        let api = root().join(format!("docs/api/{name}.txt"));
        let api = fs::read_to_string(&api)
            .unwrap_or_else(|error| panic!("{}: {error}: run scripts/api --write", api.display()));
        let listed = listed(&manifest).unwrap_or_default();
        assert_eq!(foreign_crates(&name.replace('-', "_"), &api), listed, "{name}: API and manifest");
        crates += 1;
    }
    assert!(crates >= 4, "the crates are elsewhere than this test expects: {crates}");
}

#[test]
fn foreign_crates_exclude_own_and_standard_ones() {
    let api = "pub fn own::Type::call(&self, http::request::Request<B>) -> core::result::Result<(), Self::Error>\n\
               impl<S: core::marker::Send> axum_core::extract::Extract<S> for own::Claims\n\
               pub type own::Guard<S>::Error = <S as tower_service::Service<R>>::Error\n";
    let expected = ["axum_core", "http", "tower_service"].map(str::to_owned);
    assert_eq!(foreign_crates("own", api), BTreeSet::from(expected));
    assert_eq!(foreign_crates("own", "pub struct own::Type\nimpl own::Type\n"), BTreeSet::new());
}

#[test]
fn list_is_read_from_the_manifest() {
    let manifest = |list: &str| -> Table {
        format!("[package.metadata.cargo_check_external_types]\n{list}").parse().unwrap()
    };
    let expected = BTreeSet::from(["bytes".to_owned(), "http".to_owned()]);
    assert_eq!(listed(&manifest(r#"allowed_external_types = ["bytes::*", "http::*"]"#)), Some(expected));
    assert_eq!(listed(&manifest("")), None);
}
