//! A reload with a part that fails changes nothing: the rules, the keys, the used proofs and the
//! introspections are the earlier ones, and nothing of the new file runs.

use std::net::{Ipv4Addr, TcpListener};

use scopegate_issuer::LocalIssuer;

use crate::client::{Connection, get};
use crate::sender::{Client, until_reloaded};
use crate::service::{HEAD, Service, path, write};

/// A listener that accepts no connection. A connection to it waits.
struct Bait(TcpListener);

impl Bait {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// Takes a connection.
    fn is_connected(&self) -> bool {
        self.0.accept().is_ok()
    }
}

/// Returns the file at the start. JWTs of one pool and opaque tokens of another are accepted.
fn first(local: &LocalIssuer) -> String {
    let [jwts, opaque] = [0, 1].map(|index| local.pools().nth(index).unwrap());
    let (name, other, uri) = (jwts.issuer(), opaque.issuer(), opaque.introspection_endpoint());
    format!(
        r#"dpop = "accept"
dpop_nonce = "require"
dpop_nonce_key_file = "undo-nonce.key"
{HEAD}[[issuer]]
issuer = "{name}"
clients = ["local-reader"]
[[issuer]]
issuer = "{other}"
clients = ["local-other"]
[issuer.introspection]
tokens = "opaque"
uri = "{uri}"
client_id = "local-other"
client_secret_file = "undo.secret"
cache_secs = 300
[[route]]
path = "/orders/{{id}}"
GET = "orders/read"
"#
    )
}

/// Returns a valid file with changes of each kind that a reload applies.
fn second(first: &str, bait: &Bait) -> String {
    let added = format!(
        "[[issuer]]\nissuer = \"https://added.example\"\njwks_uri = \"http://{}/keys\"\nclients = [\"a\"]\n\
         [[route]]\npath = \"/added\"\nGET = \"public\"\n",
        bait.address()
    );
    let changed =
        first.replace("GET = \"orders/read\"", "GET = \"orders/write\"").replace("local-reader", "none");
    format!("{}{added}", changed.replace("undo-nonce.key", "undo-next.key"))
}

#[tokio::test]
async fn failed_part_of_a_file_changes_nothing() {
    // FW10
    let local = LocalIssuer::start().await.unwrap();
    for (name, text) in [
        ("undo.secret", "local-other-secret"),
        ("undo-nonce.key", "0123456789abcdef0123456789abcdef"),
        ("undo-next.key", "another key of 32 bytes 01234567"),
    ] {
        write(&path(name), text);
    }
    let (bait, store) = (Bait::new(), Bait::new());
    let earlier = first(&local);
    let next = second(&earlier, &bait);
    let service = Service::start_ready("undo", &earlier).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let client = Client::new(&local);
    let challenged = client.ask(&mut gateway, &client.proof(None)).await;
    let nonce = challenged.header("dpop-nonce").unwrap().to_owned();
    let used = client.proof(Some(&nonce));
    assert_eq!(client.ask(&mut gateway, &used).await.status, 200, "{}", service.log());
    let pool = local.pools().nth(1).unwrap();
    let opaque = pool.opaque_token(&pool.mint().scope("orders/read"));
    assert_eq!(gateway.ask("GET", "/orders/7", Some(&opaque)).await.status, 200, "{}", service.log());
    let calls = pool.introspection_requests();

    let redis = format!("redis://{}", store.address());
    let first_line = |line: &str| format!("{line}\n{next}");
    for (failed, (text, reason)) in [
        (first_line("unknown = 1"), "undo.toml:1:1: expected a key out of"),
        (next.replace("undo.secret", "missing.secret"), "no secret: cannot read file: "),
        (next.replace("undo-next.key", "missing.key"), "no secret: cannot read file: "),
        (first_line("openapi = \"missing.yaml\""), "undo.toml:1:11: "),
        (
            next.replace("https://added.example", "https://added.example/{tenant}")
                .replace("clients = [\"a\"]", "clients = [\"a\"]\ntenants_file = \"missing.txt\""),
            "cannot read file: ",
        ),
        (format!("{next}[revocations]\nfile = \"missing.jsonl\"\n"), "`revocations` has changed"),
        (format!("{next}[revocations]\nredis = \"{redis}\"\n"), "`revocations` has changed"),
        (first_line(&format!("replay_store = \"{redis}\"")), "`dpop` has changed"),
        (
            first_line("certificate_binding = \"accept\"\ncertificate_header = \"client-cert\""),
            "`certificate_binding` has changed",
        ),
        (next.replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:9\""), "`listen` has changed"),
        (next.replace("https://api.example", "https://other.example"), "`public_url` has changed"),
    ]
    .into_iter()
    .enumerate()
    {
        write(&service.file, &text);
        service.signal("HUP");
        until_reloaded(&service, "failed", failed + 1).await;
        let log = service.log();
        let last = log.lines().rfind(|line| line.contains("configuration not reloaded")).unwrap();
        assert!(last.contains(reason) && last.contains(" action=\""), "{reason}: {last}");
        assert_eq!(client.ask(&mut gateway, &used).await.status, 401, "{reason}: a used proof");
        assert_eq!(client.ask(&mut gateway, &client.proof(Some(&nonce))).await.status, 200, "{reason}");
        assert_eq!(gateway.ask("GET", "/orders/7", Some(&opaque)).await.status, 200, "{reason}");
        assert_eq!(gateway.ask("GET", "/added", None).await.status, 403, "{reason}");
        assert_eq!(pool.introspection_requests(), calls, "{reason}: an introspection is repeated");
        assert!(!bait.is_connected() && !store.is_connected(), "{reason}: a part of the new file runs");
        let metrics = get(&service.admin, "/metrics").await.body;
        let fetches =
            format!("scopegate_key_fetches_total{{issuer=\"{}\",outcome=\"ok\"}} 1\n", local.issuer());
        assert!(metrics.contains(&fetches) && !metrics.contains("added.example"), "{reason}: {metrics}");
    }
    // Without a failing part, each change is in effect.
    write(&service.file, &next);
    service.signal("HUP");
    until_reloaded(&service, "ok", 1).await;
    assert_eq!(gateway.ask("GET", "/added", None).await.status, 200);
    assert_eq!(client.ask(&mut gateway, &client.proof(Some(&nonce))).await.status, 401);
    assert_eq!(gateway.ask("GET", "/orders/7", Some(&opaque)).await.status, 403);
    let started = std::time::Instant::now();
    while !bait.is_connected() {
        assert!(started.elapsed() < std::time::Duration::from_secs(60), "{}", service.log());
        tokio::task::yield_now().await;
    }
}
