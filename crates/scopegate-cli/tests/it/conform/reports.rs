//! The reports: text, JSON and `JUnit`. None of them contains a token.

use roxmltree::Document;
use serde_json::Value;

use super::api::{Flaw, with};
use super::conform;
use crate::program::file;

const FLAW: Flaw = Flaw::Accepts(|seen| seen.payload["nonce"].is_string());

#[tokio::test(flavor = "multi_thread")]
async fn text_says_what_got_in_and_why() {
    let run = conform(Some(FLAW), &["--algorithm", "EdDSA"]).await;
    assert_eq!(run.code, 1, "{}{}", run.out, run.errors);
    assert!(run.out.starts_with("1 HOLE: 0 warnings, "), "{}", run.out);
    let expected = "✗ id-token             GOT IN: an ID token [ID token]. A login page gets a token\n";
    assert!(run.out.contains(expected), "{}", run.out);
    assert!(run.out.contains("(RFC 8725 §3.12)"), "{}", run.out);
    assert!(run.out.contains("\nTokens: --form rfc9068 --algorithm EdDSA\n"), "{}", run.out);
    assert!(run.out.lines().skip(1).all(|line| line.chars().count() <= 80), "{}", run.out);
    assert!(run.out.contains("\nAnswers\n✓ challenge"), "{}", run.out);
    has_no_token(&run.out);
    has_no_token(&run.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lists_every_check() {
    let run = conform(Some(FLAW), &["--json", "--algorithm", "EdDSA"]).await;
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["verdict"], "failed");
    let names = ["checks", "requests", "stopped", "tokens", "url", "verdict"];
    assert!(report.as_object().unwrap().keys().eq(names), "{}", run.out);
    let checks = report["checks"].as_array().unwrap();
    let id_token = checks.iter().find(|check| check["id"] == "id-token").unwrap();
    assert_eq!(id_token["outcome"], "failed");
    assert_eq!(
        (&id_token["level"], &id_token["details"]),
        (&"hole".into(), &serde_json::json!(["ID token"]))
    );
    for check in checks {
        for name in ["id", "group", "level", "outcome", "title", "reference", "harm"] {
            assert!(check[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {check}");
        }
    }
    has_no_token(&run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn junit_counts_match_its_cases() {
    let path = file("conform.junit.xml", "");
    // An ID token gets in, and the challenge is missing.
    let flaw = Flaw::Answers(|seen, response| match () {
        () if seen.payload["nonce"].is_string() => with(response, 200, None),
        () if seen.authorization.is_empty() => with(response, 401, None),
        () => response,
    });
    let run = conform(Some(flaw), &["--algorithm", "EdDSA", "--junit", path.to_str().unwrap()]).await;
    assert_eq!(run.code, 1, "{}{}", run.out, run.errors);
    let text = std::fs::read_to_string(path).unwrap();
    has_no_token(&text);
    let document = Document::parse(&text).unwrap();
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
    let with = |tag: &str| {
        let has = |case: &&roxmltree::Node<'_, '_>| case.children().any(|child| child.has_tag_name(tag));
        cases.iter().filter(has).map(|case| case.attribute("name").unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(with("failure"), ["id-token"]);
    assert_eq!(with("skipped"), ["wrong-client"]);
    assert_eq!(with("system-out"), ["challenge"]);
    let counts = ["tests", "failures", "errors", "skipped"].map(|name| suite.attribute(name).unwrap());
    assert_eq!(counts, [&cases.len().to_string(), "1", "0", "1"]);
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert!(failure.attribute("message").unwrap().contains("RFC 8725"), "{text}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn lost_junit_report_leaves_the_text() {
    // A full disk: the file can be created, and not be written.
    let run = conform(Some(FLAW), &["--algorithm", "EdDSA", "--junit", "/dev/full"]).await;
    assert_eq!(run.code, 70, "{}{}", run.out, run.errors);
    assert!(run.out.starts_with("1 HOLE: "), "{}", run.out);
    assert!(run.errors.contains("--junit /dev/full: "), "{}", run.errors);
}

/// The header of a token begins with `{"`.
fn has_no_token(text: &str) {
    assert!(!text.contains("eyJ"), "{text}");
}
