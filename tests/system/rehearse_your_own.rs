//! The example of `docs/reference/rehearsal.md`.

use std::time::Duration;

use scopegate_issuer::{Event, LocalIssuer, Rehearsal, Report};

#[tokio::test]
async fn rotation_rejects_no_valid_token() {
    println!("{}", Report::HEADER);
    for event in [Event::RotateWithOverlap, Event::RotateWithoutOverlap] {
        // Each event needs a new issuer, because most resource servers limit fetches for unknown keys.
        let issuer = LocalIssuer::start().await.unwrap();
        let url = start_my_api(issuer.issuer()).await;

        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let is_accepted = move |token: String| {
            let request = http.get(&url).bearer_auth(token);
            async move { request.send().await.unwrap().status().is_success() }
        };
        let rehearsal = Rehearsal::new(&issuer).duration(Duration::from_secs(1));
        let report = rehearsal.play(event, is_accepted).await;
        println!("{report}");
        assert_eq!(report.valid_rejected, 0);
    }
}

async fn start_my_api(issuer: &str) -> String {
    let trusted = scopegate_axum::Issuer::cognito_at(issuer).unwrap().client(crate::api::READER.0);
    let verifier = scopegate_axum::Verifier::builder().trust(trusted).start().await.unwrap();
    let whoami =
        axum::routing::get(async |claims: scopegate_axum::Claims| format!("{:?}", claims.client_id()));
    let layer = scopegate_axum::RequireToken::new(&verifier);
    testkit::serve(axum::Router::new().route("/", whoami).layer(layer)).await
}

#[test]
fn documented_example_is_the_tested_one() {
    let document = include_str!("../../docs/reference/rehearsal.md");
    let (_, source) = include_str!("rehearse_your_own.rs").split_once("\n\n").unwrap();
    let (example, _) = source.split_once("\nasync fn start_my_api").unwrap();
    assert!(
        document.contains(&format!("```rust\n{example}```")),
        "docs/reference/rehearsal.md and this file differ"
    );
}
