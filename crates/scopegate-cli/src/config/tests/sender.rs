//! The settings for bound tokens, and the required authentication of users.

use std::path::{Path, PathBuf};
use std::time::Duration;

use scopegate::CertificateSource;

use super::*;
use crate::routes::access::RequiredUser;

/// Writes files beside a configuration, and returns its path.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("scopegate-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder.join("scopegate.toml")
}

fn parse_at(file: &Path, text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse_with(text, None, &Beside::of(text, file))
}

fn with(more: &str) -> String {
    FILE.replace("dpop = \"accept\"\n", &format!("dpop = \"accept\"\n{more}"))
}

#[test]
fn details_of_proofs_are_read() {
    let key = "0123456789abcdef0123456789abcdef";
    let file = folder("details", &[("key", key), ("password", "s3cret\n")]);
    let parsed = |text: &str| parse_at(&file, text).unwrap_or_else(|problems| panic!("{problems:?}")).dpop;
    let details = "dpop_nonce = \"require\"\ndpop_nonce_key_file = \"key\"\ndpop_algorithms = [\"ES256\"]\n\
                   dpop_max_age_secs = 300\nreplay_store = \"redis://orders@127.0.0.1:7/2\"\n\
                   replay_store_password_file = \"password\"\n";
    let all = parsed(&with(details)).unwrap();
    assert!(all.has_settings_of(&parsed(&with(details)).unwrap()));
    // No detail of it is a detail of another file.
    for (from, to) in [
        ("dpop_nonce = \"require\"\ndpop_nonce_key_file = \"key\"\n", ""),
        ("dpop_nonce_key_file = \"key\"\n", ""),
        ("[\"ES256\"]", "[\"ES384\"]"),
        ("300", "299"),
        ("127.0.0.1:7/2", "127.0.0.1:7/3"),
        ("replay_store_password_file = \"password\"\n", ""),
        ("dpop = \"accept\"", "dpop = \"require\""),
    ] {
        let other = parsed(&with(details).replacen(from, to, 1)).unwrap();
        assert!(!all.has_settings_of(&other), "{from}");
    }
    // A server keeps its user when the password is replaced.
    let other = folder("other-password", &[("key", key), ("password", "0ther\n")]);
    let other = parse_at(&other, &with(details)).unwrap().dpop.unwrap();
    assert!(all.has_settings_of(&other) && all.has_other_password_than(&other));
    assert!(!all.has_other_password_than(&all.clone()) && !all.lacks_secret());
    assert!(all.start("https://api.example").is_ok());
    let shown = format!("{all:?}");
    assert!(!shown.contains(key) && !shown.contains("s3cret"), "{shown}");
    let memory = parsed(&with("replay_store = \"memory\"\ndpop_nonce = \"off\"\n")).unwrap();
    assert!(memory.has_settings_of(&parsed(FILE).unwrap()));
}

#[test]
fn other_key_of_nonces_is_rotated() {
    let text = with("dpop_nonce = \"require\"\ndpop_nonce_key_file = \"key\"\n");
    let parsed = |key: &str| {
        let file = folder("rotated", &[("key", &key.repeat(32))]);
        parse_at(&file, &text).unwrap().dpop.unwrap()
    };
    let (one, same, other) = (parsed("1"), parsed("1"), parsed("2"));
    assert!(one.has_settings_of(&other));
    let started = one.start("https://api.example").unwrap();
    assert!(!started.rotate(&one, &same).unwrap());
    assert!(started.rotate(&one, &other).unwrap());
}

#[test]
fn mistake_of_proofs_has_its_place() {
    // FW11
    let file = folder("mistakes", &[("short", "0123456789abcdef0123456789abcde"), ("long", &"0".repeat(64))]);
    let off = |more: &str| FILE.replace("dpop = \"accept\"\n", more);
    let redis = "expected \"memory\" or a URL: ";
    for (text, expected) in [
        (with("dpop_nonce = \"yes\"\n"), "7:14: expected \"off\" or \"require\", found \"yes\""),
        (with("dpop_nonce_key_file = \"short\"\n"), "7:23: expected `dpop_nonce = \"require\"` beside it"),
        (with("dpop_nonce = \"require\"\ndpop_nonce_key_file = \"short\"\n"), "8:23: short: "),
        (with("dpop_algorithms = [\"ES256\", \"RS1\"]\n"), "7:29: "),
        (with("dpop_algorithms = []\n"), "7:19: expected at least one string"),
        (with("dpop_algorithms = [\"ML-DSA-87\"]\n"), "7:1: "),
        (with("dpop_max_age_secs = 0\n"), "7:21: expected 1 to 300 seconds, found 0"),
        (with("dpop_max_age_secs = 301\n"), "7:21: expected 1 to 300 seconds, found 301"),
        (with("dpop_max_age_secs = -1\n"), "7:21: expected 1 to 300 seconds, found -1"),
        (with("dpop_max_age_secs = \"60\"\n"), "7:21: expected 1 to 300 seconds, found a value of type"),
        (with("replay_store = \"http://127.0.0.1\"\n"), &format!("7:16: {redis}")),
        (
            with("replay_store = \"redis://redis.example\"\n"),
            "7:16: connection to redis.example:6379 without TLS",
        ),
        (with("replay_store = \"redis://:s3cret@127.0.0.1:x\"\n"), &format!("7:16: {redis}")),
        (with("replay_store = \"rediss:orders:s3cret\"\n"), &format!("7:16: {redis}")),
        (with("replay_store = \"redis.example:s3cret\"\n"), &format!("7:16: {redis}")),
        (
            with("replay_store_password_file = \"short\"\n"),
            "7:30: expected `replay_store` with a URL beside it",
        ),
        (off("replay_store = \"memory\"\n"), "6:1: expected `dpop` of \"accept\" or \"require\" beside it"),
        (off("dpop = \"off\"\ndpop_nonce = \"off\"\n"), "7:1: expected `dpop` of"),
    ] {
        let problems = parse_at(&file, &text).err().unwrap_or_default();
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
        assert!(!found[0].contains("s3cret") && !found[0].contains("0123"), "{found:?}");
    }
    for (key, found) in [("none", 1), ("long", 0)] {
        let text = with(&format!("dpop_nonce = \"require\"\ndpop_nonce_key_file = \"{key}\"\n"));
        let unavailable = parse_at(&file, &text).unwrap().unavailable;
        assert_eq!(unavailable.len(), found, "{key}: {unavailable:?}");
    }
    for valid in
        ["dpop_max_age_secs = 1\n", "dpop_max_age_secs = 300\n", "dpop_algorithms = [\"ML-DSA-44\"]\n"]
    {
        assert!(parse_at(&file, &with(valid)).is_ok(), "{valid}");
    }
}

#[test]
fn certificate_has_one_source() {
    // MT07
    let header =
        |name: &str| with(&format!("certificate_binding = \"accept\"\ncertificate_header = \"{name}\"\n"));
    for (name, other) in [
        ("client-cert", "ssl-client-cert"),
        ("x-forwarded-client-cert", "client-cert"),
        ("ssl-client-cert", "x-amzn-mtls-clientcert-leaf"),
        ("x-amzn-mtls-clientcert-leaf", "x-forwarded-client-cert"),
    ] {
        let read = |name: &str| parse(&header(name)).unwrap().certificates.unwrap();
        assert_ne!(read(name).header, read(other).header, "{name}");
        assert_eq!(*read(name).settings().source(), CertificateSource::Tls);
        assert!(!read(name).settings().is_required());
    }
    let required = header("client-cert").replace("binding = \"accept\"", "binding = \"require\"");
    assert!(parse(&required).unwrap().certificates.unwrap().settings().is_required());
    for valid in ["", "certificate_binding = \"off\"\n"] {
        assert_eq!(parse(&with(valid)).unwrap().certificates, None, "{valid}");
    }
    // Messages of Envoy have a field for it.
    let grpc = format!("listen_grpc = \"127.0.0.1:9001\"\n{}", with("certificate_binding = \"accept\"\n"));
    assert_eq!(parse(&grpc).unwrap().certificates.unwrap().header, None);
    for (more, expected) in [
        ("certificate_binding = \"accept\"\n", "7:1: expected `certificate_header` or `listen_grpc`"),
        ("certificate_binding = \"yes\"\n", "7:23: expected \"off\", \"accept\" or \"require\""),
        ("certificate_header = \"client-cert\"\n", "7:22: expected `certificate_binding` of"),
        (
            "certificate_binding = \"accept\"\ncertificate_header = \"Client-Cert\"\n",
            "8:22: expected a header out of `client-cert`",
        ),
    ] {
        let found = problems_of(&with(more));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
    }
}

#[test]
fn rule_can_require_authentication_of_user() {
    let rule = |rule: &str| FILE.replace("GET = \"orders/read\"", &format!("GET = {rule}"));
    let user = |values: &[&str], age: Option<u64>| RequiredUser {
        acr: values.iter().map(ToString::to_string).collect(),
        max_age: age.map(Duration::from_secs),
    };
    for (text, scopes, user) in [
        ("{ acr = [\"urn:mfa\", \"gold\"] }", None, user(&["urn:mfa", "gold"], None)),
        ("{ all = [\"a\"], max_auth_age_secs = 300 }", Some(scopegate::all_of(["a"])), user(&[], Some(300))),
        (
            "{ any = [\"a\", \"b\"], acr = [\"gold\"], max_auth_age_secs = 1 }",
            Some(scopegate::any_of(["a", "b"])),
            user(&["gold"], Some(1)),
        ),
    ] {
        let config = parse(&rule(text)).unwrap();
        assert_eq!(config.routes[0].access(&Method::GET), Some(&Access::User { scopes, user }), "{text}");
    }
    for (text, expected) in [
        ("{ acr = [] }", "19:15: expected at least one string"),
        ("{ acr = [\"a b\"] }", "19:16: expected a value of `acr`"),
        ("{ max_auth_age_secs = 0 }", "19:29: expected 1 to 31536000 seconds, found 0"),
        ("{ all = [\"a\"], any = [\"b\"], acr = [\"c\"] }", "19:7: expected either `all` or `any`"),
        ("{ }", "19:7: expected either `all` or `any`"),
        ("{ acr = [\"a\"], role = [\"b\"] }", "19:"),
    ] {
        let found = problems_of(&rule(text));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
    }
    let many = |count: usize| format!("{{ acr = [{}] }}", vec!["\"a\""; count].join(", "));
    assert!(problems_of(&rule(&many(16))).is_empty());
    assert!(problems_of(&rule(&many(17)))[0].contains("expected at most 16 values of `acr`"));
}

#[test]
fn algorithms_of_issuer_are_read() {
    // ML04
    let with = |list: &str| FILE.replace("cognito = ", &format!("algorithms = {list}\ncognito = "));
    let (es, ml) = (parse(&with("[\"ES256\"]")).unwrap(), parse(&with("[\"ML-DSA-44\"]")).unwrap());
    assert!(es.issuers[0].has_rules_of(&parse(&with("[\"ES256\"]")).unwrap().issuers[0]));
    assert!(!es.issuers[0].has_rules_of(&ml.issuers[0]));
    assert!(!es.issuers[0].has_rules_of(&parse(FILE).unwrap().issuers[0]));
    for (list, expected) in [("[\"none\"]", "9:15: "), ("[]", "9:14: "), ("\"ES256\"", "9:14: ")] {
        let found = problems_of(&with(list));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{list}: {found:?}");
    }
}
