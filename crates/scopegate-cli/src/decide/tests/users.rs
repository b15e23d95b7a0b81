//! The required authentication of the user (step-up, RFC 9470).

use scopegate_issuer::Mint;

use super::*;

/// A token of a user.
fn user_token() -> Mint {
    cognito_token().claim("sub", "user-1")
}

fn stepping_up() -> Live {
    let rule = "GET = { all = [\"orders/read\"], acr = [\"urn:mfa\", \"gold\"], max_auth_age_secs = 300 }";
    live_of(&config(|text| text.replace("GET = \"orders/read\"", rule)))
}

#[tokio::test]
async fn user_must_have_authenticated_as_required() {
    // RFC 9470 §3
    let live = stepping_up();
    let user = || user_token().scope("orders/read").claim("acr", "gold").claim("auth_time", NOW - 300);
    for (token, expected) in [
        (user(), 200),
        (user().claim("acr", "pwd"), 401),
        (user().without_claim("acr"), 401),
        (user().claim("auth_time", NOW - 301), 401),
        (user().without_claim("auth_time"), 401),
        // The scopes are checked before.
        (user().scope("x").claim("acr", "pwd"), 403),
    ] {
        let token = token.sign_with(&KEY);
        assert_eq!(status(&live, "GET", "/orders/7", &token).await, expected);
        // Another rule has no such requirement.
        assert_eq!(status(&service(), "GET", "/me", &token).await, 200);
    }
    // A client that acts for itself cannot authenticate as a user.
    assert_eq!(status(&live, "GET", "/orders/7", &token("orders/read")).await, 403);
}

#[tokio::test]
async fn challenge_names_required_authentication() {
    let live = stepping_up();
    let token = user_token().scope("orders/read").claim("acr", "pwd").sign_with(&KEY);
    let headers = [("authorization", format!("Bearer {token}"))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let response = ask(&live, &question("GET", "/orders/7", &headers)).await;
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    for part in ["insufficient_user_authentication", r#"acr_values="urn:mfa gold""#, "max_age"] {
        assert!(challenge.contains(part), "{challenge}");
    }
    // The scopes of such a rule are in the metadata.
    let (request, ()) = Request::get(METADATA).body(()).unwrap().into_parts();
    let document = String::from_utf8(ask(&live, &request).await.into_body().to_vec()).unwrap();
    assert!(document.contains("\"orders/read\""), "{document}");
}
