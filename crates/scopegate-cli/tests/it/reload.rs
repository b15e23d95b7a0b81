//! Reloading of the file while requests are decided.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use scopegate_issuer::{LocalIssuer, Pool};

use crate::client::{Connection, get};
use crate::service::{HEAD, Service, write};

/// Returns a file in which one scope and one client decide about `/orders`. The issuer of `/stable` is
/// always the same.
fn config(local: &LocalIssuer, scope: &str, client: &str) -> String {
    let issuers: Vec<&str> = local.pools().map(Pool::issuer).collect();
    let [changing, stable] = issuers[..2] else { panic!("{issuers:?}") };
    format!(
        r#"{HEAD}[[issuer]]
issuer = "{changing}"
clients = ["{client}"]
[[issuer]]
issuer = "{stable}"
clients = ["stable"]
[[route]]
path = "/orders"
GET = "{scope}"
[[route]]
path = "/stable"
GET = "stable"
"#
    )
}

/// Waits until a request has this status.
async fn until(gateway: &mut Connection, uri: &str, token: &str, status: u16) {
    let started = Instant::now();
    while gateway.ask("GET", uri, Some(token)).await.status != status {
        assert!(started.elapsed() < Duration::from_secs(60), "{uri} never gets {status}");
        tokio::task::yield_now().await;
    }
}

/// Waits until this number of files had no effect, and returns the metrics.
async fn until_failed(service: &Service, failed: u32) -> String {
    let line = format!("scopegate_config_reloads_total{{outcome=\"failed\"}} {failed}\n");
    let started = Instant::now();
    loop {
        let metrics = get(&service.admin, "/metrics").await.body;
        if metrics.contains(&line) {
            return metrics;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{metrics}\n{}", service.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_verdict_is_wrong_while_file_changes() {
    // FW10
    const CHANGES: usize = 20;
    const REQUESTS: usize = 10_000;
    let local = LocalIssuer::start().await.unwrap();
    let [first, second] = [("a", "one"), ("b", "two")];
    let files = [first, second].map(|(scope, client)| config(&local, scope, client));
    let service = Service::start_ready("reload", &files[0]).await;
    let stable = local.pools().nth(1).unwrap();
    let mint = |scope: &str, client: &str| local.mint().client(client).scope(scope).sign();
    // Each token, its path, and its statuses under the two files.
    let tokens = Arc::new([
        (mint("a", "one"), "/orders", [200, 401]),
        (mint("b", "two"), "/orders", [401, 200]),
        // Only the routes of one file with the issuers of the other would accept these.
        (mint("b", "one"), "/orders", [403, 401]),
        (mint("a", "two"), "/orders", [401, 403]),
        (stable.mint().client("stable").scope("stable").sign(), "/stable", [200, 200]),
    ]);
    let (asked, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let gateways: Vec<_> = (0..4)
        .map(|_| {
            let (tokens, asked, is_over) = (Arc::clone(&tokens), Arc::clone(&asked), Arc::clone(&is_over));
            let address = service.decisions.clone();
            tokio::spawn(async move {
                let mut gateway = Connection::open(&address).await;
                let mut seen = [[0; 2]; 5];
                while !is_over.load(Ordering::Relaxed) || asked.load(Ordering::Relaxed) < REQUESTS {
                    for (at, (token, uri, statuses)) in tokens.iter().enumerate() {
                        let response = gateway.ask("GET", uri, Some(token)).await;
                        let file = statuses.iter().position(|status| *status == response.status);
                        seen[at][file.unwrap_or_else(|| panic!("wrong verdict: {at} {response:?}"))] += 1;
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                }
                seen
            })
        })
        .collect();
    let mut gateway = Connection::open(&service.decisions).await;
    for change in 1..=CHANGES {
        // A file with a mistake has no effect.
        write(&service.file, &files[change % 2].replace("public_url", "public_ulr"));
        service.signal("HUP");
        write(&service.file, &files[change % 2]);
        service.signal("HUP");
        let (token, uri, statuses) = &tokens[0];
        until(&mut gateway, uri, token, statuses[change % 2]).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut seen = [[0; 2]; 5];
    for gateway in gateways {
        for (sum, more) in seen.iter_mut().flatten().zip(gateway.await.unwrap().iter().flatten()) {
            *sum += more;
        }
    }
    assert!(asked.load(Ordering::Relaxed) >= REQUESTS);
    assert!(seen[..4].iter().flatten().all(|count| *count > 0), "both files decided: {seen:?}");
    // The keys of both issuers were fetched once.
    let metrics = get(&service.admin, "/metrics").await.body;
    for pool in local.pools().take(2) {
        let line = format!("scopegate_key_fetches_total{{issuer=\"{}\",outcome=\"ok\"}} 1\n", pool.issuer());
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[tokio::test]
async fn file_with_mistake_keeps_the_rules() {
    // FW10
    let local = LocalIssuer::start().await.unwrap();
    let text = config(&local, "a", "one");
    let service = Service::start_ready("mistake", &text).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let token = local.mint().client("one").scope("a").sign();
    let mut failed = 0;
    for (change, reason) in [
        (text.replace("gateway", "gatway"), "mistake.toml:4:1: expected a key out of"),
        (text.replacen("127.0.0.1:0", "127.0.0.1:9", 1), "`listen` has changed, which needs a restart"),
        (
            format!("listen_grpc = \"127.0.0.1:0\"\n{text}"),
            "`listen_grpc` has changed, which needs a restart",
        ),
        (format!("dpop = \"require\"\n{text}"), "`dpop` has changed, which needs a restart"),
        (String::new(), "expected the key `listen`, found none"),
    ] {
        write(&service.file, &change);
        service.signal("HUP");
        failed += 1;
        let metrics = until_failed(&service, failed).await;
        assert!(metrics.contains("scopegate_config_valid 0\n"), "{metrics}");
        assert!(service.log().contains(reason), "{reason}\n{}", service.log());
        assert_eq!(gateway.ask("GET", "/orders", Some(&token)).await.status, 200);
    }
    write(&service.file, &text.replace("\"a\"", "\"b\""));
    service.signal("HUP");
    until(&mut gateway, "/orders", &token, 403).await;
    assert!(get(&service.admin, "/metrics").await.body.contains("scopegate_config_valid 1\n"));
}

#[tokio::test]
async fn changed_file_is_applied_without_signal() {
    let local = LocalIssuer::start().await.unwrap();
    let text = config(&local, "a", "one");
    let service = Service::start_ready("watched", &text).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let token = local.mint().client("one").scope("a").sign();
    assert_eq!(gateway.ask("GET", "/orders", Some(&token)).await.status, 200);
    write(&service.file, &text.replace("GET = \"a\"", "GET = \"b\""));
    until(&mut gateway, "/orders", &token, 403).await;
}

#[tokio::test]
async fn unreadable_file_is_reported_without_signal() {
    // FW10, FW11
    let local = LocalIssuer::start().await.unwrap();
    let text = config(&local, "a", "one");
    let service = Service::start_ready("unreadable", &text).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let token = local.mint().client("one").scope("a").sign();
    std::fs::remove_file(&service.file).unwrap();
    let metrics = until_failed(&service, 1).await;
    assert!(metrics.contains("scopegate_config_valid 0\n"), "{metrics}");
    assert!(service.log().contains("unreadable.toml: cannot read file: "), "{}", service.log());
    std::fs::write(&service.file, [text.as_bytes(), b"\n# \xff"].concat()).unwrap();
    until_failed(&service, 2).await;
    let line = text.lines().count() + 2;
    let mistake = format!("unreadable.toml:{line}:3: expected UTF-8, found the byte 0xff");
    assert!(service.log().contains(&mistake), "{}", service.log());
    assert_eq!(gateway.ask("GET", "/orders", Some(&token)).await.status, 200);
    write(&service.file, &text.replace("\"a\"", "\"b\""));
    until(&mut gateway, "/orders", &token, 403).await;
    assert!(get(&service.admin, "/metrics").await.body.contains("scopegate_config_valid 1\n"));
    // Each change is reported once.
    assert_eq!(service.log().matches("configuration not reloaded").count(), 2, "{}", service.log());
}

#[tokio::test]
async fn issuer_is_added_and_removed() {
    let local = LocalIssuer::start().await.unwrap();
    let text = config(&local, "a", "one");
    let stable = local.pools().nth(1).unwrap();
    let entry = format!("[[issuer]]\nissuer = \"{}\"\nclients = [\"stable\"]\n", stable.issuer());
    let without = text.replace(&entry, "");
    assert!(without.len() < text.len());
    let service = Service::start_ready("issuers", &without).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let token = stable.mint().client("stable").scope("stable").sign();
    assert_eq!(gateway.ask("GET", "/stable", Some(&token)).await.status, 401);
    for (file, status) in [(&text, 200), (&without, 401), (&text, 200)] {
        write(&service.file, file);
        service.signal("HUP");
        until(&mut gateway, "/stable", &token, status).await;
    }
}
