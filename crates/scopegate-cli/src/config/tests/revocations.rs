//! `[revocations]`: which values are accepted, and where is a mistake?

use super::issuers::{Folder, OPAQUE};
use crate::config::problem::Needed;

#[test]
fn revocation_files_have_their_settings() {
    let folder = Folder::new();
    let read = |table: &str| folder.read(&format!("{OPAQUE}[revocations]\n{table}\n"));
    folder.write("a.jsonl", "\n");
    let config = read("file = \"a.jsonl\"\nmax_feed_age_secs = 3600\ncapacity = 100").unwrap();
    assert!(config.revocations.is_some() && config.unavailable.is_empty());
    let config = read("file = [\"a.jsonl\", \"b.jsonl\"]").unwrap();
    let unavailable: Vec<String> = config.unavailable.iter().map(|found| found.problem.to_string()).collect();
    assert!(
        unavailable.len() == 1 && unavailable[0].starts_with("17:20: cannot read file: "),
        "{unavailable:?}"
    );
    for (table, expected) in [
        ("", "16:1: expected the key `file` or `redis`, found none of them"),
        ("file = []", "17:8: expected at least one string in the list"),
        ("file = \"\"", "17:8: expected the path of a file, found none"),
        ("file = [\"a.jsonl\", \"a.jsonl\"]", "17:9: expected each file once"),
        ("file = \"a.jsonl\"\nmax_feed_age_secs = 0.1", "18:21: "),
        ("file = \"a.jsonl\"\ncapacity = 0", "18:12: expected a number from 1 to 16777216, found 0"),
        (
            "file = \"a.jsonl\"\npoll = 1",
            "18:1: expected a key out of `file`, `redis`, `redis_password_file`, `redis_key_prefix`, `max_feed_age_secs`, `capacity`",
        ),
    ] {
        let error = read(table).unwrap_err();
        assert!(error.starts_with(expected), "{table}: {error}");
    }
    let many: Vec<String> = (0..17).map(|number| format!("\"{number}\"")).collect();
    assert!(read(&format!("file = [{}]", many[..16].join(","))).is_ok());
    assert!(read(&format!("file = [{}]", many.join(","))).unwrap_err().contains("expected at most 16 files"));
}

/// A table with each setting of a server.
const REDIS: &str = "redis = \"rediss://orders@redis.example/2\"\nredis_password_file = \"secret\"\n\
                     redis_key_prefix = \"orders\"\nmax_feed_age_secs = 5\ncapacity = 100";

#[test]
fn revocations_of_redis_have_their_settings() {
    let folder = Folder::new();
    folder.write("a.jsonl", "\n");
    let read = |table: &str| {
        let config = folder.read(&format!("{OPAQUE}[revocations]\n{table}\n"))?;
        assert!(!format!("{config:?}").contains("s3cret"));
        assert!(config.unavailable.is_empty());
        config.revocations.ok_or_else(String::new)
    };
    let all = read(REDIS).unwrap();
    assert!(all == read(REDIS).unwrap() && !all.lacks_secret());
    // No setting of it is a setting of another table.
    for (from, to) in [
        ("/2", "/3"),
        ("redis_password_file = \"secret\"\n", ""),
        ("redis_key_prefix = \"orders\"\n", ""),
        ("= 5", "= 6"),
        ("= 100", "= 101"),
        ("redis =", "file = \"a.jsonl\"\nredis ="),
    ] {
        assert_ne!(all, read(&REDIS.replacen(from, to, 1)).unwrap(), "{from}");
    }
    // Only a restart replaces a password.
    folder.write("secret", "0ther-s3cret");
    let other = read(REDIS).unwrap();
    assert!(all == other && all.has_other_password_than(&other));
    assert!(!all.has_other_password_than(&all.clone()));
}

#[test]
fn mistake_of_redis_has_its_place() {
    // FW11
    let folder = Folder::new();
    let read = |table: &str| folder.read(&format!("{OPAQUE}[revocations]\n{table}\n"));
    let url = |url: &str| REDIS.replace("rediss://orders@redis.example/2", url);
    for (table, expected) in [
        (url("http://127.0.0.1"), "17:9: expected a URL: rediss://"),
        (url("redis://:s3cret@127.0.0.1:x"), "17:9: expected a URL: "),
        (url("rediss:orders:s3cret"), "17:9: expected a URL: "),
        (url("redis://:s3cret@redis.example"), "17:9: connection to redis.example:6379 without TLS"),
        (REDIS.replace("\"secret\"", "\"empty\""), "18:23: expected a secret: the file is empty"),
        (REDIS.replace("\"orders\"", "\"a{b\""), "19:20: key prefix out of range"),
        (REDIS.replace("= 5", "= 4.9"), "20:21: feed age out of range: expected 5 s to 30 days"),
        (REDIS.replace("= 100", "= 16777217"), "21:12: expected a number from 1 to 16777216"),
        ("file = \"a\"\nredis_password_file = \"secret\"".to_owned(), "18:23: expected `redis` with a URL"),
        ("file = \"a\"\nredis_key_prefix = \"orders\"".to_owned(), "18:20: expected `redis` with a URL"),
        (REDIS.replacen("redis =", "redis_url =", 1), "16:1: expected the key `file` or `redis`"),
    ] {
        let error = read(&table).map(|_| ()).expect_err(&table);
        assert!(error.starts_with(expected), "{expected}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn missing_password_is_needed_always() {
    let folder = Folder::new();
    let config =
        folder.read(&format!("{OPAQUE}[revocations]\n{}\n", REDIS.replace("\"secret\"", "\"none\"")));
    let config = config.unwrap();
    assert!(config.revocations.unwrap().lacks_secret());
    let [unavailable] = config.unavailable.as_slice() else { panic!("{:?}", config.unavailable) };
    assert_eq!(unavailable.needed, Needed::Always);
    assert!(unavailable.problem.to_string().starts_with("18:23: no secret: cannot read file: "));
}
