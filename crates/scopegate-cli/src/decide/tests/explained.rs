use super::*;
use crate::decide::explained::{explain, needs_token};

#[tokio::test]
async fn explained_decision_is_the_decision() {
    let live = service();
    let (read, expired) = (token("orders/read"), cognito_token().expires_at(1).sign_with(&KEY));
    for (method, target, token, code) in [
        ("GET", "/orders/7", Some(&read), "accepted"),
        ("POST", "/orders/7", Some(&read), "insufficient_scope"),
        ("GET", "/orders/7", Some(&expired), "expired"),
        ("GET", "/orders/7", None, "no_credentials"),
        ("OPTIONS", "/orders/7", None, "public"),
        ("DELETE", "/orders/7", Some(&read), "no_rule"),
        ("GET", "/unknown", None, "no_rule"),
        ("GET", "/users/%40me", None, "ambiguous_path"),
    ] {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let question = question(method, target, &headers);
        let explained = explain(&live.rules(), &question).await;
        let decided = ask(&live, &question).await;
        assert_eq!(explained.code, code, "{method} {target}");
        assert_eq!(explained.response.status(), decided.status(), "{method} {target}");
        assert_eq!(explained.response.headers(), decided.headers(), "{method} {target}");
        assert_eq!(explained.response.body(), decided.body(), "{method} {target}");
        let is_judged = !matches!(code, "public" | "no_rule" | "ambiguous_path");
        assert_eq!(needs_token(&live.rules(), &question), is_judged, "{method} {target}");
        assert_eq!(explained.lacks.is_some(), matches!(code, "no_rule" | "ambiguous_path"));
    }
}

#[tokio::test]
async fn route_without_the_method_is_named() {
    let live = service();
    for (target, pattern) in [("/orders/7", Some("/orders/{id}")), ("/unknown", None)] {
        let explained = explain(&live.rules(), &question("DELETE", target, &[])).await;
        assert_eq!(explained.pattern.as_deref(), pattern);
    }
}
