//! Checks that no dependency needs a newer Rust than our minimum version.
//!
//! The test compares the manifests. Only a build with this Rust version shows that they are right.
//! See docs/design/minimum-rust.md.

use std::env;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Major, minor and patch. `rust-version` may omit the patch.
type Version = [u64; 3];

fn version(text: &str) -> Version {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap());
    [numbers.next().unwrap(), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)]
}

/// Returns the packages that need a newer Rust than this, as `name 1.2.3 needs 1.99`.
fn need_more_than(minimum: &str, metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().unwrap().iter();
    let needs_more = packages.filter_map(|package| {
        let needed = package["rust_version"].as_str().filter(|needed| version(needed) > version(minimum))?;
        let text = |member: &str| package[member].as_str().unwrap();
        Some(format!("{} {} needs {needed}", text("name"), text("version")))
    });
    needs_more.collect()
}

fn cargo(arguments: &[&str]) -> Output {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

/// Returns cargo's metadata of the whole workspace with all features. Returns `None` if a package
/// is missing, because it downloads none.
fn cargo_metadata(arguments: &[&str]) -> Option<Value> {
    let always = ["metadata", "--format-version", "1", "--all-features", "--locked", "--offline"];
    let output = cargo(&[&always, arguments].concat());
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

/// Returns the metadata for all platforms, if `scripts/check` has fetched their packages. Otherwise
/// returns the metadata for this platform, whose packages are present when the workspace is built.
fn metadata() -> Value {
    cargo_metadata(&[]).unwrap_or_else(|| {
        let version = String::from_utf8(cargo(&["--version", "--verbose"]).stdout).unwrap();
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        cargo_metadata(&["--filter-platform", host]).expect("`cargo fetch` has fetched the packages")
    })
}

#[test]
fn no_dependency_needs_newer_rust() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let members = metadata["workspace_members"].as_array().unwrap();
    let (ours, others): (Vec<_>, Vec<_>) =
        packages.iter().partition(|package| members.contains(&package["id"]));
    assert!(ours.len() == members.len() && others.len() > 100, "{} and {}", ours.len(), others.len());

    // Each of our packages has it, because clippy (`incompatible_msrv`) and cargo read it there.
    let minimum = ours[0]["rust_version"].as_str().unwrap();
    for package in ours {
        assert_eq!(package["rust_version"], minimum, "{}", package["name"]);
    }
    // Also packages of tests and examples, because the README's commands build them.
    assert_eq!(need_more_than(minimum, &metadata), [""; 0]);
    assert!(
        include_str!("../../../../README.md").contains(&format!("a Rust toolchain ({minimum} or newer)"))
    );
}

#[test]
fn dependency_with_newer_rust_is_found() {
    let package = |needed: Value| json!({ "name": "a", "version": "1.2.3", "rust_version": needed });
    let metadata = |needed: &str| json!({ "packages": [package(json!(needed)), package(Value::Null)] });
    for needed in ["1.88", "1.88.0", "1.9", "1.87.9", "0.99"] {
        assert_eq!(need_more_than("1.88", &metadata(needed)), [""; 0], "{needed}");
    }
    for needed in ["1.88.1", "1.89", "1.100", "2.0"] {
        assert_eq!(need_more_than("1.88", &metadata(needed)), [format!("a 1.2.3 needs {needed}")]);
    }
}
