//! The graph of modules that use each other: rooms, arrows, cycles and imports through `lib.rs`.

use std::collections::{BTreeMap, BTreeSet};

use super::ImportThroughLib;
use super::module::{CrateTree, ROOT};

#[derive(Debug)]
pub(crate) struct Graph {
    /// The number of modules below `lib.rs`.
    pub(crate) modules: usize,
    /// The rooms in the order of `lib.rs`.
    pub(crate) rooms: Vec<String>,
    /// Start and end of each arrow, as indices in `rooms`.
    pub(crate) arrows: BTreeSet<(usize, usize)>,
    pub(crate) cycles: Vec<Vec<String>>,
    /// Arrows between the modules of a cycle, as names.
    pub(crate) cycle_arrows: Vec<[String; 2]>,
    pub(crate) room_cycles: Vec<Vec<String>>,
    pub(crate) imports_through_lib: Vec<ImportThroughLib>,
    /// Places that name an item through another module's re-export.
    pub(crate) through_front_pages: BTreeSet<(String, usize, String)>,
}

impl Graph {
    pub(crate) fn of(tree: &CrateTree) -> Self {
        let mut imports_through_lib = BTreeSet::new();
        let mut through_front_pages = BTreeSet::new();
        let mut edges = BTreeSet::new();
        for (from, module) in tree.modules.iter().enumerate().skip(1) {
            let imports = module.body.imports.iter();
            let imports =
                imports.map(|i| (&i.path, i.line, if i.name.is_none() { "::*" } else { "" }, i.is_public));
            let paths = module.body.paths.iter().map(|path| (&path.path, path.line, "", false));
            for (path, line, end, is_public) in imports.chain(paths) {
                let shown = format!("{}{end}", path.join("::"));
                let target = tree.resolve(from, path);
                // Other paths begin with an import, which is already in the graph.
                let is_whole = matches!(path[0].as_str(), "crate" | "self" | "super");
                if tree.is_through_root(from, path) {
                    let file = module.file.clone();
                    imports_through_lib.insert(ImportThroughLib { file, line, path: shown });
                } else if is_whole && target.is_some_and(|target| target.through_re_export) {
                    through_front_pages.insert((module.file.clone(), line, shown));
                }
                let Some(to) = target.map(|target| target.module) else { continue };
                // A front page that re-exports what its folder defines does not use it.
                let is_front_page = is_public && tree.modules[to].path.starts_with(&module.path);
                if to != from && to != ROOT && !is_front_page {
                    edges.insert((from, to));
                }
            }
        }
        let rooms: Vec<String> = tree.modules[ROOT].children.iter().map(|&room| tree.name(room)).collect();
        let room =
            |module: usize| rooms.iter().position(|room| *room == tree.modules[module].path[0]).unwrap();
        let arrows: BTreeSet<_> = edges.iter().map(|&(from, to)| (room(from), room(to))).collect();
        let arrows: BTreeSet<_> = arrows.into_iter().filter(|(from, to)| from != to).collect();
        let is_parent = |child: usize, parent: usize| tree.modules[child].parent == parent;
        let between_strangers: BTreeSet<(usize, usize)> =
            edges.into_iter().filter(|&(from, to)| !is_parent(from, to) && !is_parent(to, from)).collect();
        let cycles_of_modules = cycles(&between_strangers, |module| tree.name(module));
        let names = between_strangers.iter().map(|&(from, to)| [tree.name(from), tree.name(to)]);
        let is_in_cycle = |arrow: &[String; 2]| {
            cycles_of_modules.iter().any(|cycle| arrow.iter().all(|module| cycle.contains(module)))
        };
        Self {
            modules: tree.modules.len() - 1,
            cycle_arrows: names.filter(is_in_cycle).collect(),
            cycles: cycles_of_modules,
            room_cycles: cycles(&arrows, |room| rooms[room].clone()),
            rooms,
            arrows,
            imports_through_lib: imports_through_lib.into_iter().collect(),
            through_front_pages,
        }
    }

    /// Returns the number of arrows against the order of `lib.rs`.
    pub(crate) fn upward(&self) -> usize {
        self.arrows.iter().filter(|(from, to)| to < from).count()
    }

    pub(crate) fn files_through_lib(&self) -> usize {
        self.imports_through_lib.iter().map(|import| &import.file).collect::<BTreeSet<_>>().len()
    }
}

/// Returns the strongly connected components with more than one node, sorted.
fn cycles(edges: &BTreeSet<(usize, usize)>, name: impl Fn(usize) -> String) -> Vec<Vec<String>> {
    let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(from, to) in edges {
        next.entry(from).or_default().push(to);
    }
    let reached: BTreeMap<usize, BTreeSet<usize>> =
        next.keys().map(|&from| (from, reachable(&next, from))).collect();
    let leads = |from: usize, to: usize| reached.get(&from).is_some_and(|reached| reached.contains(&to));
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for &node in next.keys().filter(|&&node| leads(node, node)) {
        let members = next.keys().filter(|&&other| leads(node, other) && leads(other, node));
        let mut members: Vec<String> = members.map(|&member| name(member)).collect();
        members.sort();
        found.insert(members);
    }
    found.into_iter().collect()
}

fn reachable(next: &BTreeMap<usize, Vec<usize>>, from: usize) -> BTreeSet<usize> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(node) = open.pop() {
        for &to in next.get(&node).into_iter().flatten() {
            if reached.insert(to) {
                open.push(to);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::super::module::tests::tree;
    use super::*;

    #[test]
    fn arrows_point_down_or_up_the_list() {
        let graph = Graph::of(&tree(&[
            ("src/lib.rs", "mod a; mod b; mod c; pub use c::C;"),
            ("src/a.rs", "use crate::b::B; use crate::b::d::D; use crate::C;"),
            ("src/b.rs", "pub(crate) mod d; pub(crate) struct B(d::D);"),
            ("src/b/d.rs", "pub(crate) struct D; #[cfg(test)] mod tests { use crate::a::A; }"),
            ("src/c.rs", "use crate::a; pub struct C;"),
        ]));
        assert_eq!((graph.modules, graph.rooms.len()), (4, 3));
        assert_eq!(graph.arrows, BTreeSet::from([(0, 1), (0, 2), (2, 0)]));
        assert_eq!((graph.upward(), graph.files_through_lib()), (1, 1));
        // The import through `lib.rs` does not hide the cycle.
        assert_eq!(graph.cycles, [["a", "c"]]);
    }

    #[test]
    fn parent_and_child_are_no_cycle() {
        let graph = Graph::of(&tree(&[
            ("src/lib.rs", "mod a;"),
            ("src/a.rs", "mod b; mod c; use b::B; pub(crate) struct A;"),
            ("src/a/b.rs", "use super::A; use super::c::C; pub(super) struct B;"),
            ("src/a/c.rs", "pub(super) struct C;"),
        ]));
        assert_eq!(graph.cycles, [[""; 0]; 0]);
    }

    #[test]
    fn front_page_with_re_exports_is_no_cycle() {
        let graph = |visibility: &str| {
            Graph::of(&tree(&[
                ("src/lib.rs", "mod a;"),
                ("src/a.rs", &format!("mod b; {visibility} use b::c::C; pub(crate) struct A;")),
                ("src/a/b.rs", "mod c;"),
                ("src/a/b/c.rs", "use crate::a::A; pub struct C;"),
            ]))
        };
        assert_eq!(graph("pub").cycles, [[""; 0]; 0]);
        assert_eq!(graph("pub(crate)").cycles, [[""; 0]; 0]);
        assert_eq!(graph("").cycles, [["a", "a::b::c"]]);
        assert_eq!(graph("").cycle_arrows, [["a", "a::b::c"], ["a::b::c", "a"]]);
    }

    #[test]
    fn brothers_that_name_each_other_are_a_cycle() {
        let graph = Graph::of(&tree(&[
            ("src/lib.rs", "mod a; mod e;"),
            ("src/a.rs", "mod b; mod c; mod d;"),
            ("src/a/b.rs", "use super::c::C; pub(super) struct B; fn f() { crate::e::f() }"),
            ("src/a/c.rs", "use super::d; pub(super) struct C;"),
            ("src/a/d.rs", "type D = super::b::B; pub(super) struct B;"),
            ("src/e.rs", "pub(crate) fn f() {}"),
        ]));
        assert_eq!(graph.cycles, [["a::b", "a::c", "a::d"]]);
        assert_eq!(graph.room_cycles, [[""; 0]; 0]);
    }

    #[test]
    fn rooms_can_be_cycle_without_module_cycle() {
        let graph = Graph::of(&tree(&[
            ("src/lib.rs", "mod a; mod e;"),
            ("src/a.rs", "mod b; mod c;"),
            ("src/a/b.rs", "use crate::e::E;"),
            ("src/a/c.rs", "pub(crate) struct C;"),
            ("src/e.rs", "use crate::a::c::C; pub(crate) struct E;"),
        ]));
        assert_eq!(graph.cycles, [[""; 0]; 0]);
        assert_eq!(graph.room_cycles, [["a", "e"]]);
    }
}
