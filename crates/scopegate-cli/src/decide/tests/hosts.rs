//! The host of a request selects issuers and routes.

use scopegate::Issuer;
use scopegate_issuer::Mint;
use testkit::{CLIENT, KEY, NOW, OTHER_KEY, builder_at, cognito_issuer, cognito_token, jwks};

use super::*;

/// An issuer of another tenant, with another key.
const OTHER: &str = "https://issuer.example/other";

fn tenants() -> Live {
    let config = config(|text| {
        let text = text.replacen("[[issuer]]\n", "[[issuer]]\nhost = \"a.example\"\n", 1);
        let other = format!(
            "[[issuer]]\nhost = \"b.example\"\nissuer = \"{OTHER}\"\njwks_uri = \"https://issuer.example/k\"\nclients = [\"{CLIENT}\"]\n[[route]]\n"
        );
        let text = text.replacen("[[route]]\n", &other, 1);
        text.replace("path = \"/me\"", "host = [\"a.example\", \"b.example\"]\npath = \"/me\"")
    });
    let other = Issuer::from_jwks(OTHER, &jwks([OTHER_KEY.jwk()])).unwrap().client(CLIENT);
    live(&config, builder_at(NOW).trust(cognito_issuer()).trust(other).build().unwrap())
}

#[tokio::test]
async fn host_chooses_issuers_and_routes() {
    // FW12
    let live = tenants();
    let of_a = cognito_token().sign_with(&KEY);
    let of_b = Mint::cognito(OTHER, CLIENT).issued_at(NOW).lifetime(60).sign_with(&OTHER_KEY);
    for (host, path, token, expected) in [
        ("a.example", "/me", &of_a, 200),
        ("A.example:443", "/me", &of_a, 200),
        ("b.example", "/me", &of_b, 200),
        ("b.example", "/me", &of_a, 401),
        ("a.example", "/me", &of_b, 401),
        // Routes without a host have the host of the public URL, which has no issuer here.
        ("api.example", "/orders/7", &of_a, 401),
        ("a.example", "/orders/7", &of_a, 403),
        ("c.example", "/me", &of_a, 403),
        ("a.example, b.example", "/me", &of_a, 403),
    ] {
        let bearer = format!("Bearer {token}");
        let headers = [("x-forwarded-host", host), ("authorization", bearer.as_str()), ("host", "a.example")];
        let response = ask(&live, &question("GET", path, &headers)).await;
        assert_eq!(response.status(), expected, "{host} {path}");
        if expected == 401 && host == "b.example" {
            let challenge = response.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.contains("https://b.example/.well-known/"), "{challenge}");
        }
    }
    // Without the header, there is no default: `Host` is that of the service.
    let bearer = format!("Bearer {of_a}");
    let headers = [("authorization", bearer.as_str()), ("host", "a.example")];
    assert_eq!(ask(&live, &question("GET", "/me", &headers)).await.status(), 500);
}

#[tokio::test]
async fn metadata_is_that_of_the_host() {
    let live = tenants();
    for (host, issuer) in [
        ("a.example", Some(ISSUER)),
        ("b.example:443", Some(OTHER)),
        ("api.example", None),
        ("c.example", None),
    ] {
        let (request, ()) = Request::get(METADATA).header("host", host).body(()).unwrap().into_parts();
        let response = ask(&live, &request).await;
        assert_eq!(response.status().as_u16(), if issuer.is_some() { 200 } else { 404 }, "{host}");
        let document = String::from_utf8(response.into_body().to_vec()).unwrap();
        let Some(issuer) = issuer else { continue };
        let resource = host.trim_end_matches(":443");
        assert!(document.contains(&format!(r#""resource":"https://{resource}""#)), "{document}");
        assert!(document.contains(&format!(r#""authorization_servers":["{issuer}"]"#)), "{document}");
    }
}
