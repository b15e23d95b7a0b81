//! Prose without code: the doc comments of a Rust file, or the text of a Markdown page.
//!
//! Code blocks, HTML comments, link targets and the definitions of link references are omitted. A
//! code span counts as one word, [`CODE`].

/// Replaces a code span.
pub(super) const CODE: &str = "_";

/// A paragraph, an item of a list, a heading or a row of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) text: String,
    /// Tables have no sentences, so their commas do not count.
    pub(super) is_table: bool,
}

/// Returns the prose of the doc comments.
pub(super) fn rust(source: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut page = String::new();
    for line in source.lines() {
        let line = line.trim_start();
        let is_outer = line.starts_with("///") && !line.starts_with("////");
        if is_outer || line.starts_with("//!") {
            page.push_str(line[3..].strip_prefix(' ').unwrap_or(&line[3..]));
            page.push('\n');
        } else if !page.is_empty() {
            blocks.append(&mut markdown(&page));
            page.clear();
        }
    }
    blocks.append(&mut markdown(&page));
    blocks
}

/// Returns the prose of a page.
pub(super) fn markdown(page: &str) -> Vec<Block> {
    let page = without_comments(page);
    let mut blocks = Blocks::default();
    let mut fence = None;
    for line in page.lines() {
        let text = line.trim_start();
        let marks = text.len() - text.trim_start_matches(['`', '~']).len();
        match fence {
            // A fence ends with at least as many marks as at its beginning, and without other text.
            Some(length) if marks >= length && text.trim_end().len() == marks => fence = None,
            Some(_) => {}
            None if marks >= 3 => {
                blocks.end();
                fence = Some(marks);
            }
            None => blocks.line(text),
        }
    }
    blocks.end();
    blocks.done
}

fn without_comments(page: &str) -> String {
    let mut parts = page.split("<!--");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once("-->").map_or("", |(_, rest)| rest))
}

#[derive(Default)]
struct Blocks {
    done: Vec<Block>,
    open: String,
}

impl Blocks {
    fn line(&mut self, line: &str) {
        let is_table = line.starts_with('|');
        let is_heading = line.starts_with('#');
        let item = list_item(line);
        if line.is_empty() || is_table || is_heading || item.is_some() {
            self.end();
        }
        // A reference definition, or the line of dashes under the head of a table.
        if is_definition(line) || line.chars().all(|c| "|-: ".contains(c)) {
            return;
        }
        if is_table {
            // Each cell is a separate phrase.
            for cell in line.replace("\\|", " ").trim_matches('|').split('|') {
                let text = plain(cell);
                if !text.trim().is_empty() {
                    self.done.push(Block { text: text.trim().to_owned(), is_table: true });
                }
            }
            return;
        }
        if !self.open.is_empty() {
            self.open.push(' ');
        }
        self.open.push_str(item.unwrap_or(line).trim_start_matches(['#', '>', ' ']).trim_end());
        if is_heading {
            self.end();
        }
    }

    fn end(&mut self) {
        let text = plain(&std::mem::take(&mut self.open));
        if !text.trim().is_empty() {
            self.done.push(Block { text: text.trim().to_owned(), is_table: false });
        }
    }
}

/// Returns the text after `- `, `* ` or `1. `.
fn list_item(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_number = rest.len() < line.len();
    let marks = if is_number { [". ", ") "] } else { ["- ", "* "] };
    marks.into_iter().find_map(|mark| rest.strip_prefix(mark))
}

fn is_definition(line: &str) -> bool {
    line.starts_with('[') && line.contains("]: ")
}

/// Returns text without code spans and link targets.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', ']', '<']) {
        plain.push_str(&rest[..at]);
        let (mark, behind) = rest[at..].split_at(1);
        rest = match mark {
            "`" => {
                let ticks = 1 + behind.len() - behind.trim_start_matches('`').len();
                let fence = "`".repeat(ticks);
                let code = &rest[at + ticks..];
                plain.push_str(CODE);
                code.find(&fence).map_or("", |end| &code[end + ticks..])
            }
            "]" => {
                let close = match behind.chars().next() {
                    Some('(') => ')',
                    Some('[') => ']',
                    _ => '\0',
                };
                behind.find(close).map_or(behind, |end| &behind[end + 1..])
            }
            // An HTML tag or a URL.
            _ => behind.find('>').map_or(behind, |end| &behind[end + 1..]),
        };
    }
    plain.push_str(rest);
    plain.replace("![", "").replace(['[', '*'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(blocks: &[Block]) -> Vec<&str> {
        blocks.iter().map(|block| block.text.as_str()).collect()
    }

    #[test]
    fn only_doc_comments_are_prose() {
        let source = "//! A page.\n\n// no\n/// An item\n/// of two lines.\nfn f() { /* no */ }\n    /// Inner.\n//// no\n";
        assert_eq!(texts(&rust(source)), ["A page.", "An item of two lines.", "Inner."]);
    }

    #[test]
    fn code_is_left_out() {
        let page = "A `b c` d ``e ` f``.\n\n```rust\nlet x;\n```\n\n````\n```\nno\n````\nEnd.\n";
        assert_eq!(texts(&markdown(page)), ["A _ d _.", "End."]);
        assert_eq!(texts(&rust("/// A.\n/// ```\n/// nobody();\n/// ```\n/// B.\n")), ["A.", "B."]);
    }

    #[test]
    fn links_keep_their_text() {
        let page = "See [the page](a/what-is.md), [`X`](x), [y][z] and ![a picture](b.svg) <https://no.example>.\n\n[z]: whoever.md\n";
        assert_eq!(texts(&markdown(page)), ["See the page, _, y and a picture ."]);
    }

    #[test]
    fn comments_of_html_are_left_out() {
        assert_eq!(texts(&markdown("A <!-- nobody\nhears --> b.")), ["A  b."]);
    }

    #[test]
    fn headings_items_and_cells_are_blocks() {
        let page = "# A\nB\n- C\n  D\n1. E\n\n| f | g |\n| --- | ---: |\n| h | |\n";
        let blocks = markdown(page);
        assert_eq!(texts(&blocks), ["A", "B", "C D", "E", "f", "g", "h"]);
        assert_eq!(blocks.iter().filter(|block| block.is_table).count(), 3);
    }
}
