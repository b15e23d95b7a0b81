//! Checks that docs/design/dependencies.md has a reason for each dependency, and that every crate
//! forbids `unsafe`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use repository_tests::checkout::root;
use toml::Table;

const PAGE: &str = include_str!("../../../../docs/design/dependencies.md");

/// A crate of the workspace.
struct Member {
    folder: PathBuf,
    manifest: Table,
}

impl Member {
    fn read(folder: PathBuf) -> Self {
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        Self { folder, manifest: text.parse().unwrap() }
    }

    fn name(&self) -> &str {
        self.manifest["package"]["name"].as_str().unwrap()
    }

    fn is_published(&self) -> bool {
        self.manifest["package"].get("publish").is_none_or(|publish| publish.as_bool() != Some(false))
    }

    /// Returns the names in a section, including optional dependencies.
    fn section(&self, section: &str) -> impl Iterator<Item = &String> {
        self.manifest.get(section).and_then(|section| section.as_table()).into_iter().flat_map(Table::keys)
    }
}

fn members() -> Vec<Member> {
    let root = root();
    let workspace: Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    members.iter().map(|member| Member::read(root.join(member.as_str().unwrap()))).collect()
}

/// Returns the rows of the table with this header: the dependency, and the crates that use it.
fn rows(header: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (_, table) = PAGE.split_once(header).expect("the page has the table");
    let mut rows = BTreeMap::new();
    for row in table.lines().skip(1).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.last().is_some_and(|reason| !reason.is_empty()), "a row without a reason: {row}");
        let whose: BTreeSet<String> = cells[1].split(", ").map(str::to_owned).collect();
        for name in cells[0].split('`').skip(1).step_by(2) {
            assert!(rows.insert(name.to_owned(), whose.clone()).is_none(), "{name} stands twice");
        }
    }
    rows
}

fn is_ours(name: &str) -> bool {
    name.starts_with("scopegate") || ["mtls", "testkit"].contains(&name)
}

#[test]
fn published_dependency_has_reason_in_design() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for member in members().iter().filter(|member| member.is_published()) {
        assert_eq!(member.section("build-dependencies").count(), 0, "{} builds something", member.name());
        assert!(!member.manifest.contains_key("target"), "{} depends on the platform", member.name());
        for name in member.section("dependencies").filter(|name| !is_ours(name)) {
            found.entry(name.clone()).or_default().insert(member.name().to_owned());
        }
    }
    assert_eq!(rows("| dependency | of | for |\n"), found);
}

#[test]
fn test_dependency_has_reason_in_design() {
    let shipped = rows("| dependency | of | for |\n");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for member in members() {
        let unpublished = member.section("dependencies").filter(|_| !member.is_published());
        for name in unpublished.chain(member.section("dev-dependencies")) {
            if !is_ours(name) && !shipped.contains_key(name) {
                found.entry(name.clone()).or_default().insert(member.name().to_owned());
            }
        }
    }
    assert_eq!(rows("| only in tests and examples | of | for |\n"), found);
}

#[test]
fn only_product_crates_can_be_published() {
    let published: Vec<String> = members()
        .iter()
        .filter(|member| member.is_published())
        .map(|member| member.name().to_owned())
        .collect();
    let expected = [
        "scopegate",
        "scopegate-axum",
        "scopegate-cli",
        "scopegate-client",
        "scopegate-issuer",
        "scopegate-proto",
        "scopegate-redis",
    ];
    assert_eq!(published, expected);
}

#[test]
fn every_crate_forbids_unsafe_code() {
    for member in members() {
        let lints = member.manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert_eq!(
            lints.and_then(toml::Value::as_bool),
            Some(true),
            "{} has lints of its own",
            member.name()
        );
        // Also in the source, because readers of the code do not see the manifest.
        let roots = ["src/lib.rs", "src/main.rs"].map(|root| member.folder.join(root));
        for root in roots.iter().filter(|root| member.is_published() && root.exists()) {
            let text = fs::read_to_string(root).unwrap();
            assert!(text.contains("\n#![forbid(unsafe_code)]\n"), "{} does not forbid it", root.display());
        }
    }
}

#[test]
fn workspace_forbids_unsafe_code() {
    let root = include_str!("../../../../Cargo.toml").parse::<Table>().unwrap();
    assert_eq!(root["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
}
