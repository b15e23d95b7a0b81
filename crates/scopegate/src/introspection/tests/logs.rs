//! The log events of failures, and of their end.

use std::sync::Arc;

use testkit::{Log, pass};
use tokio::runtime::Handle;
use tracing_subscriber::filter::LevelFilter;

use super::fixture::{Fixture, SECOND, SETTINGS, Server};

#[tokio::test]
async fn suspension_of_known_tokens_is_logged_beside_unseen_ones() {
    // IN15
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    server.fails(500);
    for n in 0..5 {
        assert_eq!(fixture.ask(&format!("invented-{n}")).await, "undecided 1");
    }
    let logged = |tokens: &str| {
        let (message, tokens) =
            ("introspection keeps failing, calls are suspended", format!("tokens=\"{tokens}\""));
        log.text().lines().filter(|line| line.contains(message) && line.contains(&tokens)).count()
    };
    assert_eq!((logged("unseen"), logged("all")), (1, 0), "{}", log.text());
    for n in 0..5 {
        assert_eq!(fixture.ask_verified(&format!("signed-{n}")).await, "undecided 1");
    }
    assert_eq!((logged("unseen"), logged("all")), (1, 1), "{}", log.text());
}

#[tokio::test]
async fn first_success_after_replacement_is_logged_if_calls_were_suspended() {
    // IN05
    for is_suspended in [true, false] {
        let server = Server::start().await;
        let first = Fixture::new(&server);
        let log = Log::of_thread_without_times(LevelFilter::INFO);
        server.fails(401);
        for n in 0..if is_suspended { 5 } else { 4 } {
            assert_eq!(first.ask(&format!("valid-{n}")).await, "misconfigured");
        }
        let client = Fixture::client("new secret");
        let mut next = Fixture::with_settings(&server, client, SETTINGS, &Handle::current());
        Arc::get_mut(&mut next.introspector).unwrap().take_over(&first.introspector, true);
        server.works();
        for n in 0..2 {
            assert_eq!(next.ask(&format!("valid-{n}")).await, "active s");
        }
        pass(10 * SECOND).await;
        assert_eq!(next.ask("valid-0").await, "active s");
        let works_again = log.text().matches("introspection works again").count();
        assert_eq!(works_again, usize::from(is_suspended), "{}", log.text());
    }
}
