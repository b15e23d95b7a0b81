//! Tenants that sign up and leave while the service runs.

use std::time::{Duration, Instant};

use scopegate_issuer::LocalIssuer;

use crate::client::{Connection, get};
use crate::service::{HEAD, Service, path, write};

/// Waits until a token has this status.
async fn until(gateway: &mut Connection, token: &str, status: u16) {
    let started = Instant::now();
    while gateway.ask("GET", "/orders", Some(token)).await.status != status {
        assert!(started.elapsed() < Duration::from_secs(60), "never {status}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn changed_list_of_tenants_is_applied() {
    let local = LocalIssuer::start().await.unwrap();
    let issuers: Vec<&str> = local.pools().map(scopegate_issuer::Pool::issuer).collect();
    let [(base, first), (_, second)] = [issuers[0], issuers[1]].map(|name| name.rsplit_once('/').unwrap());
    let list = path("signed-up.txt");
    write(&list, &format!("{first}\n"));
    let text = format!(
        "{HEAD}[[issuer]]\nissuer = \"{base}/{{tenant}}\"\nclients = [\"a\"]\ntenants_file = \"signed-up.txt\"\n\
         [[route]]\npath = \"/orders\"\nGET = \"orders/read\"\n"
    );
    let service = Service::start_ready("tenants", &text).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let tokens: Vec<String> =
        local.pools().map(|pool| pool.mint().client("a").scope("orders/read").sign()).collect();
    until(&mut gateway, &tokens[0], 200).await;
    assert_eq!(gateway.ask("GET", "/orders", Some(&tokens[1])).await.status, 401);
    // Sign-up, without a signal.
    write(&list, &format!("{first}\n{second}\n"));
    until(&mut gateway, &tokens[1], 200).await;
    assert_eq!(gateway.ask("GET", "/orders", Some(&tokens[0])).await.status, 200);
    // An empty list is no list.
    write(&list, "");
    service.logged("signed-up.txt: expected at least one tenant, found none").await;
    for token in &tokens[..2] {
        assert_eq!(gateway.ask("GET", "/orders", Some(token)).await.status, 200);
    }
    // The first tenant leaves.
    write(&list, second);
    service.signal("HUP");
    until(&mut gateway, &tokens[0], 401).await;
    assert_eq!(gateway.ask("GET", "/orders", Some(&tokens[1])).await.status, 200);
    let metrics = get(&service.admin, "/metrics").await.body;
    let fetched = format!("scopegate_key_fetches_total{{issuer=\"{}\",outcome=\"ok\"}} 1\n", issuers[0]);
    assert!(metrics.contains(&fetched), "{metrics}");
}
