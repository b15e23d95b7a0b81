//! Checks that the links of the documentation are valid, and that the paths and tests exist that it
//! names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use repository_tests::checkout::root;

use crate::conformance::rust_files;
use crate::test_functions::TestFunctions;

/// Folders of documentation.
const FOLDERS: [&str; 3] = ["docs", "examples", "deploy"];

/// Pages outside of these folders. They stand at the root, or are a crate's page on a registry.
const PAGES: [&str; 6] =
    ["README.md", "CHANGELOG.md", "COMPARISON.md", "CONTRIBUTING.md", "DESIGN.md", "SECURITY.md"];

/// Names of the repository begin with one of these folders.
const TOP: [&str; 9] =
    ["benches/", "crates/", "deploy/", "docs/", "examples/", "fuzz/", "scripts/", ".ci/", "tests/"];

/// Returns each page with its path.
fn documentation() -> impl Iterator<Item = (PathBuf, String)> {
    let below = FOLDERS.iter().flat_map(|folder| pages(Path::new(folder)));
    let paths = below.chain(PAGES.iter().map(PathBuf::from));
    paths.map(|path| (path.clone(), read(path)))
}

pub(crate) fn read(file: impl AsRef<Path>) -> String {
    let file = file.as_ref();
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns the Markdown files below this folder, relative to the root.
pub(crate) fn pages(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = folder.join(entry.unwrap().file_name());
        if root().join(&path).is_dir() {
            found.append(&mut pages(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.insert(path);
        }
    }
    found
}

/// Returns a path without `.` and `..`.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(normal.pop(), "{} leaves the repository", path.display()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Returns the lines of a page outside of its code blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !fence && !code
    })
}

/// Returns the targets of the links and pictures on a page.
pub(crate) fn targets(page: &str) -> Vec<&str> {
    prose(page).flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next()).collect()
}

/// Returns the anchors of a page's headings, as the forge and mdBook derive them.
fn anchors(page: &str) -> Vec<String> {
    let headings =
        prose(page).filter_map(|line| line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' '));
    let of = |character: char| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then(|| character.to_ascii_lowercase()),
    };
    headings.map(|heading| heading.trim().chars().filter_map(of).collect()).collect()
}

/// Returns a message for each broken link of a page at this path.
fn broken(path: &Path, page: &str) -> Vec<String> {
    let folder = path.parent().unwrap();
    let local = targets(page).into_iter().filter(|target| !target.contains("://"));
    let leads = |target: &str| {
        let (file, anchor) =
            target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
        let file = if file.is_empty() { path.to_owned() } else { normal(&folder.join(file)) };
        let text =
            if file == path { Some(page.to_owned()) } else { fs::read_to_string(root().join(&file)).ok() };
        match (text, anchor) {
            (Some(text), Some(anchor)) => anchors(&text).iter().any(|found| found == anchor),
            (Some(_), None) => true,
            (None, _) => anchor.is_none() && root().join(&file).exists(),
        }
    };
    let broken = local.filter(|target| !leads(target));
    broken.map(|target| format!("{}: there is no {target}", path.display())).collect()
}

/// Returns the paths and tests that a page names in backticks and that do not exist.
fn not_there(path: &Path, page: &str) -> Vec<String> {
    let named = prose(page).flat_map(|line| line.split('`').skip(1).step_by(2));
    let ours = named.filter(|name| TOP.iter().any(|top| name.starts_with(top)));
    // Not a command, a pattern or a placeholder, and not written by a build.
    let ours = ours.filter(|name| {
        !name.contains([' ', '*', '{', '<'])
            && !["NAME", "TARGET", "/target/"].iter().any(|word| name.contains(word))
    });
    let gone = ours.filter(|name| !exists(name));
    gone.map(|name| format!("{}: there is no {name}", path.display())).collect()
}

/// Returns the files that a page names by the end of their path, such as `token/header.rs`, and
/// that do not exist.
fn no_such_end(path: &Path, page: &str, files: &[PathBuf]) -> Vec<String> {
    let named = prose(page).flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_rust = |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "rs");
    let ends = named.filter(|name| is_rust(name) && !name.contains([' ', '*', '{', '<', '…']));
    let gone = ends.filter(|name| {
        !["NAME", "foo.rs"].iter().any(|word| name.contains(word))
            && !files.iter().any(|file| file.ends_with(name))
    });
    gone.map(|name| format!("{}: no path ends with {name}", path.display())).collect()
}

/// Whether this file or folder, or this test or constant of a file, exists.
fn exists(name: &str) -> bool {
    let Some((file, item)) = name.split_once("::") else { return root().join(name).exists() };
    let Ok(source) = fs::read_to_string(root().join(file)) else { return false };
    let constant = item.split(" = ").next().unwrap();
    TestFunctions::read(&source).run(item) || source.contains(&format!("const {constant}:"))
}

#[test]
fn links_lead_to_files_and_headings() {
    let problems: Vec<String> = documentation().flat_map(|(path, page)| broken(&path, &page)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn named_paths_and_tests_exist() {
    // The pages that programs write have tests of their own.
    let by_hand = documentation().filter(|(path, _)| !path.starts_with("docs/generated"));
    let problems: Vec<String> = by_hand.flat_map(|(path, page)| not_there(&path, &page)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn broken_link_is_found() {
    let page = "# A heading, of `code`\n[a](providers.md) [b](no.md) [c](#a-heading-of-code) [d](#e)\n\
                ```text\n[f](g.md)\n# h\n```\n[i](providers.md#presets) [j](providers.md#k) [l](https://m.example)";
    let found = broken(Path::new("docs/guide/index.md"), page);
    assert_eq!(
        found.join(" "),
        "docs/guide/index.md: there is no no.md docs/guide/index.md: there is no #e \
                                 docs/guide/index.md: there is no providers.md#k"
    );
}

#[test]
fn named_ends_of_paths_exist() {
    let files: Vec<PathBuf> = ["crates", "examples", "tests", "benches", "fuzz"]
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .collect();
    let problems: Vec<String> =
        documentation().flat_map(|(path, page)| no_such_end(&path, &page, &files)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn missing_end_of_path_is_found() {
    let files = ["a/src/token/header.rs".into(), "a/src/main.rs".into()];
    let page = "`token/header.rs` `header.rs` `oken/header.rs` `src/*.rs` `other.rs`";
    assert_eq!(
        no_such_end(Path::new("b.md"), page, &files),
        ["b.md: no path ends with oken/header.rs", "b.md: no path ends with other.rs"]
    );
}

#[test]
fn missing_path_or_test_is_found() {
    let here = "tests/repository/tests/it/links.rs";
    let page = format!(
        "`{here}` `{here}::missing_path_or_test_is_found` `{here}::FOLDERS` `{here}::no_test` `docs/no.md` \
         `crates/*/src` `verifier.rs`\n```text\n`docs/no.md`\n```"
    );
    assert_eq!(
        not_there(Path::new("a.md"), &page),
        [format!("a.md: there is no {here}::no_test"), "a.md: there is no docs/no.md".to_owned()]
    );
}
