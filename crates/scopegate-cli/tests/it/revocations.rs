//! Revocation files and status lists by the file.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::{Duration, Instant};

use scopegate_issuer::LocalIssuer;

use crate::client::{Connection, get};
use crate::serve::config;
use crate::service::{Service, path, run, write};

/// Waits until a token has this status.
async fn until(gateway: &mut Connection, token: &str, status: u16) {
    let started = Instant::now();
    while gateway.ask("GET", "/orders/7", Some(token)).await.status != status {
        assert!(started.elapsed() < Duration::from_secs(60), "never {status}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn revoked_token_of_file_is_rejected() {
    let local = LocalIssuer::start().await.unwrap();
    let file = path("revoked.jsonl");
    std::fs::write(&file, "\n").unwrap();
    let text = format!("{}[revocations]\nfile = \"revoked.jsonl\"\n", config(local.issuer()));
    let service = Service::start_ready("revoked", &text).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let mint = |id: &str| local.mint().scope("orders/read").claim("jti", id).sign();
    let (one, other) = (mint("one"), mint("other"));
    until(&mut gateway, &one, 200).await;
    until(&mut gateway, &other, 200).await;
    let mut open = OpenOptions::new().append(true).open(&file).unwrap();
    writeln!(open, "{{\"iss\":\"{}\",\"jti\":\"one\"}}", local.issuer()).unwrap();
    until(&mut gateway, &one, 401).await;
    assert_eq!(gateway.ask("GET", "/orders/7", Some(&other)).await.status, 200);
    // The entries stay without the file, and a reload does not need it.
    std::fs::remove_file(&file).unwrap();
    write(&service.file, &text.replace("GET = \"public\"", "GET = \"authenticated\""));
    service.signal("HUP");
    service.logged("configuration reloaded").await;
    assert_eq!(gateway.ask("GET", "/orders/7", Some(&one)).await.status, 401);
    assert_eq!(gateway.ask("GET", "/orders/7", Some(&other)).await.status, 200);
    write(&service.file, &text.replace("revoked.jsonl", "others.jsonl"));
    service.signal("HUP");
    service.logged("`revocations` has changed, which needs a restart").await;
    assert_eq!(gateway.ask("GET", "/orders/7", Some(&one)).await.status, 401);
    assert_eq!(get(&service.admin, "/readyz").await.status, 200);
}

#[test]
fn missing_revocation_file_ends_start() {
    let file = path("no-revocations.toml");
    let text = config("http://127.0.0.1:1/pool");
    write(&file, &format!("{text}[revocations]\nfile = \"no-such.jsonl\"\n"));
    let file = file.to_str().unwrap();
    let (code, out, error) = run(&["check", file]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let line = text.lines().count() + 2;
    assert!(out.contains(&format!("warning: {line}:8: cannot read file: ")), "{out}");
    let (code, out, error) = run(&["serve", "--config", file]);
    assert_eq!((code, out.as_str()), (Some(64), ""));
    assert!(error.contains(&format!("no-revocations.toml:{line}:8: cannot read file: ")), "{error}");
}

#[tokio::test]
async fn old_revocations_are_503() {
    let local = LocalIssuer::start().await.unwrap();
    let file = path("aged.jsonl");
    std::fs::write(&file, "\n").unwrap();
    let revocations = "[revocations]\nfile = [\"aged.jsonl\"]\nmax_feed_age_secs = 1\n";
    let service = Service::start_ready("aged", &format!("{}{revocations}", config(local.issuer()))).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let token = local.mint().scope("orders/read").sign();
    until(&mut gateway, &token, 200).await;
    std::fs::remove_file(&file).unwrap();
    until(&mut gateway, &token, 503).await;
    assert_eq!(get(&service.admin, "/readyz").await.status, 503);
    std::fs::write(&file, "\n").unwrap();
    until(&mut gateway, &token, 200).await;
}

#[tokio::test]
async fn status_list_of_issuer_is_enforced() {
    let local = LocalIssuer::start().await.unwrap();
    local.set_status(8, 1);
    let without = config(local.issuer());
    let with = |rule: &str| without.replace("clients =", &format!("status_list = \"{rule}\"\nclients ="));
    let mint = |index| local.mint().scope("orders/read").status_index(index).sign();
    let (valid, revoked) = (mint(7), mint(8));
    let unlisted = local.mint().scope("orders/read").sign();
    for (name, text, statuses) in [
        ("list-ignored", without.clone(), [200, 200, 200]),
        ("list-optional", with("optional"), [200, 401, 200]),
        ("list-required", with("required"), [200, 401, 401]),
    ] {
        let service = Service::start_ready(name, &text).await;
        let mut gateway = Connection::open(&service.decisions).await;
        for (token, status) in [&valid, &revoked, &unlisted].into_iter().zip(statuses) {
            assert_eq!(gateway.ask("GET", "/orders/7", Some(token)).await.status, status, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explanation_reads_revocations() {
    let local = LocalIssuer::start().await.unwrap();
    let revoked = path("explained.jsonl");
    let line = format!("{{\"iss\":\"{}\",\"jti\":\"one\"}}\n", local.issuer());
    std::fs::write(&revoked, line).unwrap();
    let file = path("explained-revocations.toml");
    write(&file, &format!("{}[revocations]\nfile = \"explained.jsonl\"\n", config(local.issuer())));
    let flags = ["explain", "--config", file.to_str().unwrap(), "--request", "GET /orders/7"];
    let token = |id: &str| local.mint().scope("orders/read").claim("jti", id).sign();
    let valid = crate::program::run(&flags, &token("other"));
    assert_eq!(valid.code, 0, "{}{}", valid.out, valid.errors);
    let rejected = crate::program::run(&flags, &token("one"));
    assert_eq!(rejected.code, 1, "{}{}", rejected.out, rejected.errors);
    assert!(rejected.out.starts_with("REJECTED with 401 (revoked)"), "{}", rejected.out);
    std::fs::remove_file(&revoked).unwrap();
    let undecidable = crate::program::run(&flags, &token("other"));
    assert_eq!((undecidable.code, undecidable.out.as_str()), (2, ""));
    assert!(undecidable.errors.contains("no revocations from "), "{}", undecidable.errors);
}
