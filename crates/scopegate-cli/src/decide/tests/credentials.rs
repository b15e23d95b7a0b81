//! Credentials of the caller that Envoy removes, over HTTP.

use super::*;

#[tokio::test]
async fn accepted_request_names_credentials_to_remove() {
    let envoy = |strip: &str| {
        let text = |text: String| format!("{strip}{}", text.replace("\"traefik\"", "\"envoy\""));
        live(&config(text), testkit::cognito_verifier())
    };
    let bearer = format!("Bearer {}", token("orders/read"));
    for (strip, expected) in [("", None), ("strip_credentials = true\n", Some("authorization,dpop"))] {
        let live = envoy(strip);
        for (method, path, status) in
            [("GET", "/orders/7", 200), ("OPTIONS", "/orders/7", 200), ("POST", "/orders/7", 403)]
        {
            let request = Request::builder().method(method).uri(format!("/decide{path}"));
            let request = request.header("authorization", &bearer).header("host", "api.example");
            let (question, ()) = request.body(()).unwrap().into_parts();
            let response = decide(&live, &question, PROXY.parse().unwrap()).await;
            assert_eq!(response.status(), status, "{method}");
            let found = response.headers().get("x-envoy-auth-headers-to-remove");
            let found = found.map(|value| value.to_str().unwrap());
            assert_eq!(found, expected.filter(|_| status == 200), "{method}");
        }
    }
}
