use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use super::*;
use crate::revocation::Revocations;

struct Fixture {
    path: PathBuf,
    source: RevocationSource,
    before: Option<Contents>,
    at: Instant,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("scopegate-contents-{name}-{}", std::process::id()));
        let source = Revocations::new().source("file").unwrap();
        Self { path, source, before: None, at: Instant::now() }
    }

    fn read(&mut self) -> Reading {
        self.try_read().unwrap()
    }

    fn try_read(&mut self) -> io::Result<Reading> {
        let look = Look { path: &self.path, max_len: 1 << 20, at: self.at };
        Contents::read(look, &mut self.before, &self.source)
    }

    fn contents(&self) -> &Contents {
        self.before.as_ref().unwrap()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn line(name: impl std::fmt::Display) -> String {
    format!("{{\"iss\":\"i\",\"jti\":\"{name}\"}}\n")
}

#[test]
fn only_new_lines_of_a_grown_file_are_parsed() {
    let mut fixture = Fixture::new("grown");
    fs::write(&fixture.path, (0..1_000).map(line).collect::<String>()).unwrap();
    assert!(matches!(fixture.read(), Reading::Whole(all) if all.len() == 1_000));
    assert!(matches!(fixture.read(), Reading::Unchanged));
    let mut file = File::options().append(true).open(&fixture.path).unwrap();
    file.write_all([line(1_000), line(1_001)].concat().as_bytes()).unwrap();
    assert!(matches!(fixture.read(), Reading::Appended(new) if new.len() == 2));
    // A malformed line has its number in the file.
    file.write_all(b"x\n").unwrap();
    assert!(matches!(fixture.read(), Reading::Appended(new) if new.len() == 0));
    file.write_all(line(1_003).trim_end().as_bytes()).unwrap();
    assert!(matches!(fixture.read(), Reading::Appended(new) if new.len() == 1));
    file.write_all(b"\n").unwrap();
    // The line that is complete now is parsed once more.
    assert!(matches!(fixture.read(), Reading::Appended(new) if new.len() == 1));
    let contents = fixture.contents();
    assert_eq!((contents.malformed.count, contents.malformed.first[0].0), (1, 1_003));
    assert_eq!(contents.complete_lines, 1_004);
}

#[test]
fn any_difference_in_old_lines_is_a_new_whole() {
    let first = [line("a"), line("b")].concat();
    for (number, second) in [
        first.replacen("\"a\"", "\"c\"", 1) + &first,
        first.replacen("\"b\"", "\"c\"", 1) + &first,
        first.trim_end().to_owned(),
        String::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let mut fixture = Fixture::new(&format!("whole-{number}"));
        fs::write(&fixture.path, &first).unwrap();
        assert!(matches!(fixture.read(), Reading::Whole(_)));
        fs::write(&fixture.path, &second).unwrap();
        assert!(matches!(fixture.read(), Reading::Whole(_)), "{second}");
        assert!(!fixture.contents().has_grown, "{second}");
    }
}

#[test]
fn whole_reading_finds_that_the_file_has_grown() {
    let mut fixture = Fixture::new("has-grown");
    for (before, after) in [
        (String::new(), line("a")),
        (line("a"), line("a")),
        (line("a"), [line("a"), line("b")].concat()),
        ([line("a"), line("b")[..9].to_owned()].concat(), [line("a"), line("c")].concat()),
    ] {
        fs::write(&fixture.path, before).unwrap();
        fixture.read();
        fs::write(&fixture.path, after).unwrap();
        let look = Look { path: &fixture.path, max_len: 1 << 20, at: fixture.at };
        Contents::read_whole(look, &mut fixture.before, &fixture.source).unwrap();
        assert!(fixture.contents().has_grown);
    }
}

#[test]
fn file_with_any_time_is_not_read_again_after_two_seconds() {
    for (name, days) in [("past", -365_i64), ("future", 365)] {
        let mut fixture = Fixture::new(name);
        fs::write(&fixture.path, line("a")).unwrap();
        let file = File::options().write(true).open(&fixture.path).unwrap();
        let (now, distance) = (SystemTime::now(), Duration::from_secs(days.unsigned_abs() * 86_400));
        file.set_modified(if days < 0 { now - distance } else { now + distance }).unwrap();
        assert!(matches!(fixture.read(), Reading::Whole(_)));
        for (millis, is_read) in [(250, true), (2_000, true), (2_001, true), (2_002, false), (9_000, false)] {
            let begin = fixture.contents().stamp_seen;
            fixture.at = begin + Duration::from_millis(millis);
            let reading = fixture.read();
            assert_eq!(matches!(reading, Reading::Unchanged), is_read, "{name} {millis} {reading:?}");
            assert_eq!(matches!(reading, Reading::Current), !is_read, "{name} {millis} {reading:?}");
        }
        // Another change is noticed, though length and modification time are the same.
        let modified = fs::metadata(&fixture.path).unwrap().modified().unwrap();
        fs::write(&fixture.path, line("b")).unwrap();
        file.set_modified(modified).unwrap();
        #[cfg(unix)]
        assert!(matches!(fixture.read(), Reading::Whole(_)), "{name}");
    }
}

#[test]
fn byte_order_mark_is_skipped_at_the_start_only() {
    let mut fixture = Fixture::new("mark");
    fs::write(&fixture.path, ["\u{feff}", &line("a"), "\u{feff}", &line("b")].concat()).unwrap();
    assert!(matches!(fixture.read(), Reading::Whole(all) if all.len() == 1));
    assert_eq!(fixture.contents().malformed.first[0].0, 2);
    fs::write(&fixture.path, ["\u{feff}", &line("a")].concat()).unwrap();
    assert!(matches!(fixture.read(), Reading::Whole(all) if all.len() == 1));
    assert_eq!(fixture.contents().malformed, Malformed::default());
    // An empty file that an editor has saved.
    fixture.source.revoke(crate::Revocation::token("i", "a")).unwrap();
    for empty in ["", "\u{feff}"] {
        fs::write(&fixture.path, empty).unwrap();
        assert!(fixture.try_read().unwrap_err().to_string().contains("is empty"), "{empty:?}");
    }
    fs::write(&fixture.path, "\u{feff}\n").unwrap();
    assert!(matches!(fixture.read(), Reading::Whole(all) if all.len() == 0));
}

#[test]
fn lines_of_each_issuer_are_counted() {
    let mut fixture = Fixture::new("issuers");
    let of = |issuer: &str| format!("{{\"iss\":\"{issuer}\",\"jti\":\"a\"}}\n");
    fs::write(&fixture.path, [of("a"), of("b"), "x\n".to_owned(), of("a")].concat()).unwrap();
    fixture.read();
    let named = |all: &[&str]| {
        let mut issuers = NamedIssuers::default();
        for name in all {
            issuers.add(name);
        }
        issuers
    };
    assert_eq!(fixture.contents().issuers, named(&["a", "a", "b"]));
    let mut file = File::options().append(true).open(&fixture.path).unwrap();
    file.write_all(of("c").as_bytes()).unwrap();
    fixture.read();
    assert_eq!(fixture.contents().issuers, named(&["a", "a", "b", "c"]));
}
