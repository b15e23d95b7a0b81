//! The house of a checkout, measured in its source text: the modules of each crate, the arrows
//! between them, the lines of code, and the tests.
//!
//! A *room* is a module that `lib.rs` declares. An *arrow* leads from one room to another if code
//! in the first uses an item that the second defines. Re-exports are followed to the definition. An
//! arrow points *upwards* if `lib.rs` declares its end before its start. Test code has no arrows.

mod lexer;
mod test_code;
mod use_tree;
mod body;
mod module;
mod resolve;
mod graph;
mod lines;
mod duplicates;
mod tests_in;
mod report;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use self::graph::Graph;
use self::lines::Lines;
use self::module::CrateTree;
use self::tests_in::TestCount;

/// A measured checkout.
#[derive(Debug)]
pub struct House {
    folders: Vec<Folder>,
}

/// A crate, or another folder that holds tests only.
#[derive(Debug)]
struct Folder {
    name: String,
    /// `None` if the folder has no `src/lib.rs`.
    graph: Option<Graph>,
    lines: Lines,
    tests: TestCount,
}

/// An import that names an item through `lib.rs`, which only re-exports it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImportThroughLib {
    /// The path relative to the crate.
    pub file: String,
    /// The line number, counted from one.
    pub line: usize,
    /// The path in the source, with braces resolved.
    pub path: String,
}

/// The text of each file by its relative path.
type Sources = BTreeMap<String, String>;

impl House {
    /// Reads every crate in `directory/crates`, and the tests and examples beside them.
    ///
    /// # Panics
    ///
    /// Panics if `directory/crates` or one of the files cannot be read.
    pub fn read(directory: &Path) -> Self {
        let crates = directory.join("crates");
        let mut names: Vec<String> = fs::read_dir(&crates)
            .unwrap_or_else(|error| panic!("{}: {error}", crates.display()))
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().join("Cargo.toml").is_file())
            .map(|entry| entry.file_name().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        let mut read: Vec<(String, Sources)> = Vec::new();
        for name in names {
            let sources = sources(&crates.join(&name));
            read.push((name, sources));
        }
        for beside in ["tests", "examples"] {
            let sources = sources(&directory.join(beside));
            if !sources.is_empty() {
                // All of it is test code.
                let sources = sources.into_iter().map(|(path, text)| (format!("tests/{path}"), text));
                read.push((beside.to_owned(), sources.collect()));
            }
        }
        Self::measure(read)
    }

    fn measure(read: Vec<(String, Sources)>) -> Self {
        let trees: Vec<Option<CrateTree>> = read.iter().map(|(_, sources)| tree(sources)).collect();
        let mut lines: Vec<Lines> = read
            .iter()
            .zip(&trees)
            .map(|((_, sources), tree)| Lines::count(sources, tree.as_ref()))
            .collect();
        duplicates::mark(&mut lines);
        let folders = read.into_iter().zip(trees).zip(lines).map(|(((name, sources), tree), lines)| Folder {
            tests: TestCount::of(&sources),
            graph: tree.as_ref().map(Graph::of),
            name,
            lines,
        });
        Self { folders: folders.collect() }
    }

    /// Returns the names of the crates with a `src/lib.rs` or `src/main.rs`.
    pub fn crates(&self) -> impl Iterator<Item = &str> {
        self.folders.iter().filter(|folder| folder.graph.is_some()).map(|folder| folder.name.as_str())
    }

    /// Returns the imports of this crate that name `lib.rs` instead of the defining module.
    ///
    /// # Panics
    ///
    /// Panics if there is no such crate.
    pub fn imports_through_lib(&self, name: &str) -> &[ImportThroughLib] {
        &self.graph(name).imports_through_lib
    }

    /// Returns the cycles of this crate, each as the names of its modules. Arrows between a module
    /// and its parent are ignored.
    ///
    /// # Panics
    ///
    /// Panics if there is no such crate.
    pub fn cycles(&self, name: &str) -> &[Vec<String>] {
        &self.graph(name).cycles
    }

    fn graph(&self, name: &str) -> &Graph {
        let folder = self.folders.iter().find(|folder| folder.name == name);
        folder.and_then(|folder| folder.graph.as_ref()).unwrap_or_else(|| panic!("no crate {name}"))
    }
}

/// Returns the modules of a library, or of a program.
fn tree(sources: &Sources) -> Option<CrateTree> {
    ["src/lib.rs", "src/main.rs"].into_iter().find_map(|root| CrateTree::read(sources, root))
}

/// Reads the Rust files of a folder and its subfolders, except for build directories.
fn sources(directory: &Path) -> Sources {
    let mut sources = Sources::new();
    read_into(&mut sources, directory, "");
    sources
}

fn read_into(sources: &mut Sources, directory: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.map(|entry| entry.unwrap()) {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str().unwrap();
        let relative = format!("{prefix}{name}");
        if path.is_dir() {
            if !matches!(name, "target" | "node_modules") {
                read_into(sources, &path, &format!("{relative}/"));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{relative}: {error}"));
            sources.insert(relative, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn of(files: &[(&str, &str)]) -> House {
        let sources = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        House::measure(vec![("sample".to_owned(), sources.collect())])
    }

    #[test]
    fn import_of_the_defining_module_is_accepted() {
        let house = of(&[
            ("src/lib.rs", "mod verifier;\nmod keys;\npub use keys::set::KeySet;"),
            ("src/verifier.rs", "use crate::keys::set::KeySet;\nfn f() { crate::keys::g(); }"),
            ("src/keys.rs", "pub(crate) mod set;\npub(crate) fn g() {}"),
            ("src/keys/set.rs", "pub struct KeySet;\n#[cfg(test)]\nmod tests { use crate::KeySet; }"),
        ]);
        assert_eq!(house.imports_through_lib("sample"), []);
        assert_eq!(house.cycles("sample"), [[""; 0]; 0]);
    }

    #[test]
    fn import_through_lib_is_found() {
        let import = |file: &str, line, path: &str| ImportThroughLib {
            file: file.to_owned(),
            line,
            path: path.to_owned(),
        };
        let house = of(&[
            ("src/lib.rs", "mod verifier;\nmod keys;\npub use keys::set::KeySet;"),
            ("src/verifier.rs", "use crate::{keys, KeySet};\nuse super::*;\nfn f() { crate::new(); }"),
            ("src/keys.rs", "pub(crate) mod set;"),
            ("src/keys/set.rs", "pub struct KeySet;\n\nuse super::super::KeySet as Same;"),
        ]);
        let expected = [
            import("src/keys/set.rs", 3, "super::super::KeySet"),
            import("src/verifier.rs", 1, "crate::KeySet"),
            import("src/verifier.rs", 2, "super::*"),
            import("src/verifier.rs", 3, "crate::new"),
        ];
        assert_eq!(house.imports_through_lib("sample"), expected);
    }
}
