//! Checks that every file with tests is part of a program.
//!
//! If no `mod` names a file, the compiler skips it without a warning. Then
//! docs/generated/conformance.md and docs/reference/attacks.md would name tests that are not run.

use std::fs;
use std::path::Path;

use repository_tests::checkout::root;

use crate::conformance::rust_files;
use crate::test_functions::TestFunctions;

#[test]
fn every_file_with_tests_is_in_program() {
    let root = root();
    let (mut read, mut unread) = (0, Vec::new());
    for file in ["crates", "examples", "tests"].iter().flat_map(|folder| rust_files(&root.join(folder))) {
        if TestFunctions::read(&text(&file)).tests.is_empty() {
            continue;
        }
        if is_read(&file) {
            read += 1;
        } else {
            unread.push(file.strip_prefix(root).unwrap().to_owned());
        }
    }
    assert!(
        unread.is_empty(),
        "no program and no `mod` reads these files, so their tests are not run: {unread:#?}"
    );
    assert!(read > 100, "the tests are elsewhere than this test expects: {read} files");
}

/// Returns whether this file is the root of a program, or a module of one.
fn is_read(file: &Path) -> bool {
    let (folder, name) = (file.parent().unwrap(), file.file_stem().unwrap().to_str().unwrap());
    match name {
        "main" | "lib" => true,
        "mod" => is_module(folder.file_name().unwrap().to_str().unwrap(), folder.parent().unwrap()),
        _ => is_module(name, folder) || is_program(file),
    }
}

/// Returns whether this module is declared in the folder, or in the file with the folder's name.
fn is_module(name: &str, folder: &Path) -> bool {
    let beside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let declaration = format!("mod {name};");
    beside
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .chain([folder.with_extension("rs")].into_iter().filter(|path| path.is_file()))
        .any(|path| text(&path).lines().any(|line| without_visibility(line) == declaration))
}

fn without_visibility(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("pub") else { return line };
    // `pub(crate)`, `pub(super)`, `pub(in crate::keys)`
    let rest = if rest.starts_with('(') { rest.split_once(')').map_or(rest, |(_, rest)| rest) } else { rest };
    rest.trim_start()
}

/// Returns whether this file is the root of a program: Cargo discovers it, which a manifest can
/// disable, or the manifest names it.
fn is_program(file: &Path) -> bool {
    let package = file.ancestors().skip(1).find(|folder| folder.join("Cargo.toml").is_file()).unwrap();
    let (manifest, path) = (text(&package.join("Cargo.toml")), file.strip_prefix(package).unwrap());
    let says = |wanted: &str| manifest.lines().any(|line| line == wanted);
    let folders = [
        ("tests", "autotests"),
        ("examples", "autoexamples"),
        ("benches", "autobenches"),
        ("src/bin", "autobins"),
    ];
    let by_itself = folders.iter().any(|(folder, setting)| {
        path.parent() == Some(Path::new(folder)) && !says(&format!("{setting} = false"))
    });
    says("[package]") && (by_itself || manifest.contains(&format!("path = {:?}", path.to_str().unwrap())))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn file_without_mod_line_is_found() {
    let root = root();
    for (read, unread) in [
        ("crates/scopegate/tests/it/checks/form.rs", "crates/scopegate/tests/it/checks/shape.rs"),
        ("crates/scopegate/tests/no_lock.rs", "crates/scopegate/tests/of_nobody.rs"),
        ("crates/scopegate/src/verifier/tests.rs", "crates/scopegate/src/verifier/test.rs"),
        ("crates/scopegate-client/tests/metrics.rs", "crates/scopegate-client/tests/forgotten.rs"),
        ("tests/system/hostile_tokens.rs", "tests/system/hostile_token.rs"),
        ("tests/system/hostile/mod.rs", "tests/neighbours/mod.rs"),
    ] {
        assert!(is_read(&root.join(read)), "{read}");
        assert!(!is_read(&root.join(unread)), "{unread}");
    }
}
