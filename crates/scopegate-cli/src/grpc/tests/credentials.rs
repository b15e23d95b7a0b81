//! Credentials of the caller that Envoy removes, over gRPC.

use super::*;

#[tokio::test]
async fn credentials_are_removed_beside_other_spellings() {
    let live = |strip: &str| {
        let text = |text: String| format!("{strip}{}", text.replace("\"traefik\"", "\"envoy\""));
        live(&config(text), testkit::cognito_verifier())
    };
    let bearer = format!("Bearer {}", token("orders/read"));
    let (kept, stripped) = (live(""), live("strip_credentials = true\n"));
    for method in ["GET", "OPTIONS"] {
        let removed = async |live: &Live| {
            let request = http(method, "/orders/7", &[("authorization", &bearer)]);
            accepted(ask(live, request).await).headers_to_remove
        };
        let (before, after) = (removed(&kept).await, removed(&stripped).await);
        assert!(!before.contains(&"authorization".to_owned()), "{before:?}");
        assert_eq!(after, [before, vec!["authorization".to_owned(), "dpop".to_owned()]].concat(), "{method}");
    }
}
