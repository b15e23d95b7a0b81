//! The address of a server, its lifetime and its shutdown.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use scopegate_issuer::{Config, ConfigError, Fault, LocalIssuer, StartError};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

async fn answers(url: &str) -> bool {
    reqwest::get(url).await.is_ok_and(|response| response.status() == 200)
}

/// Returns whether the server has stopped listening, after the runtime ended its aborted tasks.
async fn is_closed(address: &str) -> bool {
    for _ in 0..1000 {
        if TcpStream::connect(address).await.is_err() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test]
async fn server_listens_on_free_loopback_port() {
    let (one, two) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
    assert!(one.url().starts_with("http://127.0.0.1:") && one.url() != two.url());
    assert_eq!(one.issuer(), format!("{}/eu-west-1_Local0001", one.url()));
    assert_eq!(one.jwks_uri(), format!("{}/.well-known/jwks.json", one.issuer()));
    assert_eq!(one.token_endpoint(), format!("{}/oauth2/token", one.issuer()));
    assert!(answers(&one.jwks_uri()).await && answers(&two.jwks_uri()).await);
}

#[tokio::test]
async fn last_handle_stops_the_server() {
    let issuer = LocalIssuer::start().await.unwrap();
    let (address, jwks_uri) = (issuer.url().replace("http://", ""), issuer.jwks_uri());
    let (clone, pool, mint) = (issuer.clone(), issuer.default_pool(), issuer.mint());
    drop(issuer);
    assert!(answers(&jwks_uri).await);
    drop(clone);
    assert!(answers(&jwks_uri).await);
    drop(pool);
    assert!(is_closed(&address).await);
    // A mint needs only the keys.
    assert_eq!(mint.sign().split('.').count(), 3);
}

#[tokio::test]
async fn dropped_server_ends_open_connections() {
    let issuer = LocalIssuer::start().await.unwrap();
    issuer.set_fault(Fault::Drip);
    let mut response = reqwest::get(issuer.jwks_uri()).await.unwrap();
    drop(issuer);
    let until_it_breaks = async {
        while let Ok(chunk) = response.chunk().await {
            assert!(chunk.is_some(), "the body ended as if it were complete");
        }
    };
    timeout(Duration::from_secs(20), until_it_breaks).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn late_publication_ends_with_the_server() {
    const DAY: Duration = Duration::from_secs(86_400);
    // After a drop, its tasks end at once, not after the delay.
    let issuer = LocalIssuer::start().await.unwrap();
    issuer.publish_after(DAY);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 2, "the server and the publication");
    drop(issuer);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tasks(), 0);

    // After a shutdown, the key is not published, even if a handle remains.
    let issuer = LocalIssuer::start().await.unwrap();
    let pool = issuer.default_pool();
    pool.publish_after(DAY);
    let published = pool.jwks();
    issuer.shut_down().await;
    tokio::time::sleep(2 * DAY).await;
    assert_eq!(pool.jwks(), published);
    pool.publish_after(DAY);
    tokio::time::sleep(2 * DAY).await;
    assert_eq!(pool.jwks(), published);
}

#[tokio::test]
async fn shutdown_works_for_all_handles() {
    let issuer = LocalIssuer::start().await.unwrap();
    let (clone, address) = (issuer.clone(), issuer.url().replace("http://", ""));
    assert!(answers(&issuer.jwks_uri()).await);
    issuer.shut_down().await;
    assert!(is_closed(&address).await);
    drop(clone);
}

#[tokio::test(start_paused = true)]
async fn shutdown_completes_open_requests_despite_idle_connections() {
    let issuer = LocalIssuer::start().await.unwrap();
    issuer.set_fault(Fault::Delay(Duration::from_secs(3)));
    // The client is reused, so that its connection stays open after the response.
    let client = reqwest::Client::new();
    let open = tokio::spawn(client.get(issuer.jwks_uri()).send());
    while issuer.jwks_fetches() == 0 {
        tokio::task::yield_now().await;
    }
    let before = Instant::now();
    issuer.shut_down().await;
    assert!(before.elapsed() < Duration::from_secs(5));
    assert_eq!(open.await.unwrap().unwrap().status(), 200);
    drop(client);
}

#[tokio::test]
async fn occupied_address_is_a_listen_error() {
    let first = LocalIssuer::start().await.unwrap();
    let address: SocketAddr = first.url().replace("http://", "").parse().unwrap();
    let error = LocalIssuer::start_with(Config::default().listen(address)).await.unwrap_err();
    assert!(matches!(&error, StartError::Listen(source) if source.kind() == std::io::ErrorKind::AddrInUse));
    assert_eq!(error.to_string(), "cannot listen on the address of the local issuer");
}

#[tokio::test]
async fn address_other_than_loopback_is_rejected() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let config = Config::default().listen(address.parse().unwrap());
        let error = LocalIssuer::start_with(config).await.unwrap_err();
        assert!(matches!(error, StartError::Config(ConfigError::NotLoopback { .. })), "{address}");
    }
}

#[tokio::test]
async fn ipv6_loopback_address_is_written_in_brackets() {
    let config = Config::default().listen(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)));
    match LocalIssuer::start_with(config).await {
        Ok(issuer) => {
            assert!(issuer.url().starts_with("http://[::1]:"));
            assert!(answers(&issuer.jwks_uri()).await);
        }
        // The machine has no IPv6.
        Err(error) => assert!(matches!(error, StartError::Listen(_))),
    }
}
