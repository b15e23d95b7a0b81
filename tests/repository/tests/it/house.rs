//! Checks the rules of the house in each crate: imports name the defining module, and modules have
//! no cycles.
//!
//! `cargo run -q -p repository-tests --bin house -- --arrows` lists the measurements.

use std::fs;
use std::path::Path;

use repository_tests::checkout::root;
use repository_tests::house::House;

/// Crates that still break the rules. A crate that follows them must leave the list.
const NOT_YET: [&str; 0] = [];

#[test]
fn crates_follow_rules_of_the_house() {
    let house = House::read(root());
    let crates: Vec<&str> = house.crates().collect();
    assert!(crates.len() >= 4, "the crates are elsewhere than this test expects: {crates:?}");
    for name in crates {
        let problems = problems(&house, name);
        if NOT_YET.contains(&name) {
            assert!(!problems.is_empty(), "{name} keeps the rules: remove it from `NOT_YET`");
        } else {
            assert!(problems.is_empty(), "{name}:\n- {}", problems.join("\n- "));
        }
    }
}

fn problems(house: &House, name: &str) -> Vec<String> {
    let imports = house.imports_through_lib(name).iter();
    let imports = imports.map(|import| {
        let (file, line, path) = (&import.file, import.line, &import.path);
        format!("{file}:{line}: `{path}` goes through `lib.rs`: name the module that defines it")
    });
    let cycles = house.cycles(name).iter();
    let cycles = cycles.map(|cycle| format!("these modules are a cycle: {}", cycle.join(", ")));
    imports.chain(cycles).collect()
}

/// Writes two crates. One follows the rules, and the other one differs in two lines.
fn sample(folder: &str) -> House {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    for (name, import, back) in [
        ("kept", "use crate::keys::set::KeySet;", ""),
        ("broken", "use crate::KeySet;", "use crate::verifier::Verifier;"),
    ] {
        let files = [
            ("Cargo.toml", format!("[package]\nname = {name:?}\n")),
            ("src/lib.rs", "mod verifier;\nmod keys;\npub use keys::set::KeySet;\n".to_owned()),
            ("src/verifier.rs", format!("//! A page.\n{import}\npub(crate) struct Verifier(KeySet);\n")),
            ("src/keys.rs", "pub(crate) mod set;\n".to_owned()),
            ("src/keys/set.rs", format!("{back}\npub struct KeySet;\n")),
        ];
        for (file, text) in files {
            let path = root.join("crates").join(name).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    House::read(&root)
}

#[test]
fn broken_rule_is_named_with_its_place() {
    let house = sample("house");
    assert_eq!(house.crates().collect::<Vec<_>>(), ["broken", "kept"]);
    assert_eq!(problems(&house, "kept"), [""; 0]);
    let expected = [
        "src/verifier.rs:2: `crate::KeySet` goes through `lib.rs`: name the module that defines it",
        "these modules are a cycle: keys::set, verifier",
    ];
    assert_eq!(problems(&house, "broken"), expected);
}

#[test]
fn report_has_a_row_for_each_crate() {
    let report = sample("report").report();
    for row in ["| broken | 3 | 2 | 2 | 1 | 1 | 1 | 1 | 0 |", "| kept | 3 | 2 | 1 | 0 | 0 | 0 | 0 | 0 |"] {
        assert!(report.contains(row), "{row}\n{report}");
    }
    assert!(report.contains("\nbroken, cycle of 2: keys::set, verifier\n"), "{report}");
    assert!(report.contains("| kept | 7 | 0 | 0 | 0 | 0 | 0 |"), "{report}");
}
