//! Does each crate keep the rules of the house: imports name the defining module, and no modules are a
//! cycle?
//!
//! `cargo run -q -p repository-tests --bin house -- --arrows` lists what these tests look at.

use repository_tests::checkout::root;
use repository_tests::house::House;

/// Crates that do not keep the rules yet. A crate that keeps them must leave the list.
const NOT_YET: [&str; 4] = ["scopegate", "scopegate-axum", "scopegate-client", "scopegate-issuer"];

#[test]
fn imports_name_the_defining_module_and_no_cycle_exists() {
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
