//! Responses of providers in the form that their servers write, with invented ids.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use scopegate::{
    Claims, ClientAuthentication, Error, FetchAuthorization, Introspection, Issuer, Principal, Verifier,
};
use serde_json::{Value, json};

/// Between `iat` and `exp` of the responses.
const NOW: u64 = 1_800_000_060;
const API: &str = "https://my-api-server.org";
const REALM: &str = "https://sso.example/realms/acme";
const HYDRA: &str = "https://hydra.example/";
const APP: &str = "407408718192.apps.googleusercontent.com";

/// An endpoint with one response for every token.
#[derive(Clone)]
struct Provider {
    response: Arc<Mutex<(u16, Value)>>,
    received: Arc<Mutex<Vec<(Uri, HeaderMap, String)>>>,
    url: String,
}

impl Provider {
    async fn start(response: Value) -> Self {
        let response = Arc::new(Mutex::new((200, response)));
        let mut provider = Self { response, received: Arc::default(), url: String::new() };
        let router = Router::new().fallback(respond).with_state(provider.clone());
        provider.url = testkit::serve(router).await;
        provider
    }

    fn responds(&self, status: u16, body: Value) {
        *self.response.lock().unwrap() = (status, body);
    }

    fn calls(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// Returns the URI, a header and the body of the last request.
    fn last(&self) -> (String, String, String) {
        let received = self.received.lock().unwrap();
        let (uri, headers, body) = received.last().unwrap();
        let authorization = headers[AUTHORIZATION].to_str().unwrap();
        (uri.to_string(), authorization.to_owned(), body.clone())
    }

    fn by_client(&self) -> Introspection {
        let client = ClientAuthentication::client_secret_basic("my-api", "s3cret-of-api");
        Introspection::by_client(&self.url, client).unwrap()
    }

    fn hydra(&self) -> Issuer {
        let key = FetchAuthorization::callback(async || {
            Ok::<_, Error>(HeaderValue::from_static("Bearer ory_pat_1"))
        });
        let admin = Introspection::by_authorization(&self.url, key).unwrap();
        Issuer::hydra(HYDRA).unwrap().introspected(admin).audience(API).token_prefix("ory_at_")
    }

    fn keycloak(&self) -> Issuer {
        Issuer::keycloak(REALM).unwrap().introspected(self.by_client()).audience("my-api").introspect_jwts()
    }

    fn google(&self) -> Issuer {
        Issuer::google(Introspection::by_tokeninfo(&self.url).unwrap()).audience(APP)
    }
}

async fn respond(
    State(provider): State<Provider>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse {
    provider.received.lock().unwrap().push((uri, headers, body));
    let (status, json) = provider.response.lock().unwrap().clone();
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(CONTENT_TYPE, "application/json;charset=UTF-8")], json.to_string())
}

async fn verifier(issuer: Issuer) -> Verifier {
    let clock = || UNIX_EPOCH + Duration::from_secs(NOW);
    Verifier::builder().clock(clock).trust(issuer).start().await.unwrap()
}

async fn result(issuer: Issuer, token: &str) -> Result<Claims, Error> {
    verifier(issuer).await.verify_or_refresh(token).await
}

fn with(response: &Value, name: &str, value: Value) -> Value {
    let mut response = response.clone();
    response[name] = value;
    response
}

fn hydra_response() -> Value {
    json!({
        "active": true, "scope": "orders.read", "client_id": "order-importer", "sub": "order-importer",
        "exp": 1_800_003_600, "iat": 1_800_000_000, "nbf": 1_800_000_000, "aud": [API], "iss": HYDRA,
        "token_type": "Bearer", "token_use": "access_token",
    })
}

#[tokio::test]
async fn opaque_token_of_hydra_is_accepted() {
    // IN01, IN02, IN08
    let hydra = Provider::start(hydra_response()).await;
    let claims = result(hydra.hydra(), "ory_at_1").await.unwrap();
    assert_eq!((claims.issuer(), claims.client_id()), (HYDRA, Some("order-importer")));
    assert!(claims.has_scope("orders.read"));
    assert!(matches!(claims.principal(), Principal::Client { id: "order-importer", .. }));
    let (_, authorization, body) = hydra.last();
    assert_eq!(authorization, "Bearer ory_pat_1");
    assert_eq!(body, "token=ory_at_1&token_type_hint=access_token");
}

#[tokio::test]
async fn other_response_of_hydra_is_rejected() {
    // IN08, IN10
    let response = hydra_response();
    for (name, value, kind) in [
        ("aud", json!([]), "missing_claim"),
        ("aud", json!(["https://other.example"]), "wrong_audience"),
        ("iss", json!("https://hydra.example"), "wrong_claim"),
        ("token_use", json!("refresh_token"), "not_an_access_token"),
        ("active", json!(false), "inactive"),
    ] {
        let hydra = Provider::start(with(&response, name, value)).await;
        let error = result(hydra.hydra(), "ory_at_1").await.unwrap_err();
        let found = match error {
            Error::MissingClaim { claim: "aud", .. } => "missing_claim",
            Error::WrongAudience { .. } => "wrong_audience",
            Error::WrongClaim { .. } => "wrong_claim",
            Error::NotAnAccessToken { .. } => "not_an_access_token",
            Error::Inactive { .. } => "inactive",
            other => panic!("{other}"),
        };
        assert_eq!(found, kind);
    }
    let hydra = Provider::start(response).await;
    assert!(result(hydra.hydra(), "another_1").await.is_err(), "it has no prefix");
    assert_eq!(hydra.calls(), 0);
}

/// A lightweight access token has neither `sub` nor `aud`, and the response has both.
fn keycloak_response() -> Value {
    json!({
        "exp": 1_800_000_300, "iat": 1_800_000_000, "jti": "trrtcc:9c2f3b1e-7d44-4a3f-9c57-2a1f0d6f3e11",
        "iss": REALM, "aud": ["my-api", "account"], "sub": "1f4db6ad-5e75-479c-b289-b8096ec1f4f4",
        "typ": "Bearer", "azp": "order-importer", "acr": "1",
        "realm_access": { "roles": ["offline_access"] },
        "resource_access": { "my-api": { "roles": ["orders-reader"] } },
        "scope": "orders:read", "client_id": "order-importer",
        "username": "service-account-order-importer", "token_type": "Bearer", "active": true,
    })
}

fn lightweight_token() -> String {
    use base64::Engine as _;
    let encode = |part: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part.to_string());
    let claims = json!({
        "exp": 1_800_000_300, "iat": 1_800_000_000, "jti": "trrtcc:9c2f3b1e-7d44-4a3f-9c57-2a1f0d6f3e11",
        "iss": REALM, "typ": "Bearer", "azp": "order-importer", "sid": "s", "scope": "orders:read",
    });
    format!("{}.{}.c2ln", encode(json!({ "alg": "RS256", "typ": "JWT", "kid": "k" })), encode(claims))
}

#[tokio::test]
async fn lightweight_token_of_keycloak_is_accepted() {
    // IN08, IN20
    let keycloak = Provider::start(keycloak_response()).await;
    let issuer = keycloak.keycloak().client_roles_as_scopes("my-api");
    let claims = result(issuer, &lightweight_token()).await.unwrap();
    assert_eq!((claims.issuer(), claims.tenant()), (REALM, Some("acme")));
    assert!(claims.has_scope("orders:read") && claims.has_scope("orders-reader"));
    assert!(matches!(claims.principal(), Principal::Client { id: "order-importer", .. }));
}

#[tokio::test]
async fn other_response_of_keycloak_is_rejected() {
    // IN04, IN08
    let response = keycloak_response();
    for (name, value) in [
        ("typ", json!("Refresh")),
        ("typ", json!("ID")),
        ("typ", Value::Null),
        ("aud", json!("account")),
        ("iss", json!("https://sso.example/realms/other")),
        ("active", json!(false)),
    ] {
        let keycloak = Provider::start(with(&response, name, value.clone())).await;
        let error = result(keycloak.keycloak(), &lightweight_token()).await.unwrap_err();
        assert_eq!(error.kind().status(), 401, "{name} {value}: {error}");
    }
    // Without the setting, no JWT is sent.
    let keycloak = Provider::start(response).await;
    let issuer = Issuer::keycloak(REALM).unwrap().introspected(keycloak.by_client()).audience("my-api");
    let error = result(issuer, &lightweight_token()).await.unwrap_err();
    assert_eq!(error.kind().status(), 401, "{error}");
    assert_eq!(keycloak.calls(), 0);
}

fn google_response() -> Value {
    json!({
        "azp": APP, "aud": APP, "sub": "111461344714442243111",
        "scope": "openid https://www.googleapis.com/auth/userinfo.email",
        "exp": "1800003600", "expires_in": "3540", "email": "user@example.com",
        "email_verified": "true", "access_type": "online",
    })
}

#[tokio::test]
async fn access_token_of_google_is_accepted() {
    let google = Provider::start(google_response()).await;
    let claims = result(google.google(), "ya29.a0").await.unwrap();
    assert_eq!((claims.issuer(), claims.client_id()), ("https://accounts.google.com", Some(APP)));
    assert!(matches!(claims.principal(), Principal::Subject { id: "111461344714442243111", .. }));
    assert!(claims.has_scope("https://www.googleapis.com/auth/userinfo.email"));
    assert_eq!(claims.expires_at().as_secs(), 1_800_003_600);
    let (uri, authorization, body) = google.last();
    // IN01: the token is not in the URL.
    assert_eq!((uri.as_str(), authorization.as_str(), body.as_str()), ("/", "Bearer ya29.a0", ""));
}

#[tokio::test]
async fn other_response_of_google_is_rejected() {
    // IN03, IN06, IN07, IN08
    let response = google_response();
    let invalid = json!({ "error": "invalid_token", "error_description": "Invalid Value" });
    for (status, body, expected) in [
        (400, invalid.clone(), 401),
        (401, invalid.clone(), 401),
        (200, with(&response, "aud", json!("1.apps.googleusercontent.com")), 401),
        (200, with(&response, "exp", json!("1799999000")), 401),
        (200, with(&response, "exp", json!("soon")), 503),
        (200, invalid.clone(), 503),
        (200, json!({}), 503),
        // No credentials of this API exist, so they cannot be wrong.
        (401, json!({ "error": { "code": 401, "status": "UNAUTHENTICATED" } }), 503),
        (403, invalid.clone(), 503),
        (429, invalid.clone(), 503),
        (500, invalid, 503),
    ] {
        let google = Provider::start(response.clone()).await;
        google.responds(status, body.clone());
        let error = result(google.google(), "ya29.a0").await.unwrap_err();
        assert_eq!(error.kind().status(), expected, "{status} {body}: {error}");
    }
}

#[tokio::test]
async fn invented_tokens_do_not_suspend_google() {
    // IN05, IN06
    let google = Provider::start(google_response()).await;
    let verifier = verifier(google.google()).await;
    google.responds(401, json!({ "error": { "status": "UNAUTHENTICATED" } }));
    for n in 0..10 {
        let error = verifier.verify_or_refresh(format!("invented-{n}")).await.unwrap_err();
        assert!(matches!(error, Error::IntrospectionUnavailable { .. }), "{error}");
    }
    google.responds(200, google_response());
    assert!(verifier.verify_or_refresh("ya29.a0").await.is_ok());
}

#[tokio::test]
async fn each_preset_can_be_introspected() {
    let provider = Provider::start(json!({})).await;
    let drafts = [
        Issuer::auth0("acme.eu.auth0.com").unwrap(),
        Issuer::okta("https://acme.okta.com/oauth2/default").unwrap(),
        Issuer::entra("6f0a9f0c-63a9-4d1a-9f8e-2f8a6a4f7c53").unwrap(),
        Issuer::rfc9068("https://issuer.example").unwrap(),
        Issuer::from_metadata("https://issuer.example").unwrap(),
        Issuer::cognito("eu-west-1_Ab12Cd34E").unwrap(),
        Issuer::keycloak(REALM).unwrap(),
        Issuer::hydra(HYDRA).unwrap(),
    ];
    for draft in drafts {
        let issuer = draft.introspected(provider.by_client()).audience(API);
        let shown = format!("{issuer:?}");
        assert!(Verifier::builder().trust(issuer).start_lazy().is_ok(), "{shown}");
    }
}
