//! Client secrets: accepted methods, and the response to each failure (RFC 6749 §2.3.1, §5.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{RequestBuilder, Response};
use scopegate_issuer::{ClientConfig, Config, LocalIssuer, PoolConfig};
use serde_json::{Value, json};

async fn issuer() -> LocalIssuer {
    LocalIssuer::start().await.unwrap()
}

fn post(issuer: &LocalIssuer) -> RequestBuilder {
    reqwest::Client::new().post(issuer.token_endpoint())
}

fn basic(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// Returns the status, the challenge, and the error with its description.
async fn answer(request: RequestBuilder, form: &[(&str, &str)]) -> (u16, Option<String>, Value) {
    let response: Response = request.form(form).send().await.unwrap();
    let challenge =
        response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let mut body: Value = response.json().await.unwrap();
    if status == 200 {
        body = Value::Null;
    }
    (status, challenge, body)
}

fn granted() -> (u16, Option<String>, Value) {
    (200, None, Value::Null)
}

fn rejected(status: u16, error: &str, description: &str) -> (u16, Option<String>, Value) {
    let challenge = (status == 401).then(|| "Basic realm=\"scopegate-issuer\"".to_owned());
    (status, challenge, json!({ "error": error, "error_description": description }))
}

fn wrong(status: u16) -> (u16, Option<String>, Value) {
    rejected(status, "invalid_client", "the client is unknown or its secret is wrong")
}

#[tokio::test]
async fn wrong_basic_credentials_get_401_and_challenge() {
    // E28
    let issuer = issuer().await;
    for (text, expected) in [
        ("local-reader:local-reader-secret", granted()),
        ("local-reader:local-writer-secret", wrong(401)),
        ("local-reader:local-reader-secre", wrong(401)),
        ("local-reader:", wrong(401)),
        ("nobody:local-reader-secret", wrong(401)),
        (":local-reader-secret", wrong(401)),
        (":", wrong(401)),
    ] {
        let request = post(&issuer).header("authorization", basic(text));
        assert_eq!(answer(request, &[GRANT]).await, expected, "{text}");
    }
}

#[tokio::test]
async fn wrong_body_credentials_get_400() {
    // E28
    let issuer = issuer().await;
    for (id, secret, expected) in [
        ("local-reader", "local-reader-secret", granted()),
        ("local-reader", "local-writer-secret", wrong(400)),
        ("nobody", "local-reader-secret", wrong(400)),
    ] {
        let form = [GRANT, ("client_id", id), ("client_secret", secret)];
        assert_eq!(answer(post(&issuer), &form).await, expected, "{id}");
    }
}

#[tokio::test]
async fn missing_credentials_are_an_invalid_client() {
    let issuer = issuer().await;
    let none = rejected(401, "invalid_client", "the client did not authenticate");
    assert_eq!(answer(post(&issuer), &[GRANT]).await, none);
    let half = rejected(400, "invalid_client", "client_id and client_secret are both needed");
    assert_eq!(answer(post(&issuer), &[GRANT, ("client_id", "local-reader")]).await, half);
    assert_eq!(answer(post(&issuer), &[GRANT, ("client_secret", "local-reader-secret")]).await, half);
}

#[tokio::test]
async fn two_valid_methods_at_once_are_invalid_request() {
    let issuer = issuer().await;
    let request = || post(&issuer).header("authorization", basic("local-reader:local-reader-secret"));
    let id = ("client_id", "local-reader");
    let secret = ("client_secret", "local-reader-secret");
    let two = rejected(400, "invalid_request", "the client authenticates in more than one way");
    assert_eq!(answer(request(), &[GRANT, id, secret]).await, two);
    assert_eq!(answer(request(), &[GRANT, secret]).await, two);
    // A client id without a secret is accepted if it is the same id.
    assert_eq!(answer(request(), &[GRANT, id]).await, granted());
    assert_eq!(answer(request(), &[GRANT, ("client_id", "local-writer")]).await, two);
}

#[tokio::test]
async fn authorization_header_is_read_strictly() {
    let issuer = issuer().await;
    let good = STANDARD.encode("local-reader:local-reader-secret");
    let malformed = || rejected(400, "invalid_request", "the Basic credentials are malformed");
    let scheme = || rejected(401, "invalid_client", "the authentication scheme is not supported");
    for (header, expected) in [
        (format!("Basic {good}"), granted()),
        (format!("bAsIc {good}"), granted()),
        (format!("Bearer {good}"), scheme()),
        (format!("Basic{good}"), scheme()),
        ("Basic".to_owned(), malformed()),
        ("Basic !!!".to_owned(), malformed()),
        (format!("Basic {good} x"), malformed()),
        (basic("no colon"), malformed()),
        (basic("local-reader:%"), malformed()),
        (basic("local-reader:%ff"), malformed()),
    ] {
        let request = post(&issuer).header("authorization", &header);
        assert_eq!(answer(request, &[GRANT]).await, expected, "{header}");
    }
    let value = format!("Basic {good}");
    let request = post(&issuer).header("authorization", &value).header("authorization", &value);
    let twice = rejected(400, "invalid_request", "there is more than one Authorization header");
    assert_eq!(answer(request, &[GRANT]).await, twice);
}

/// Encodes as `application/x-www-form-urlencoded`. Escapes all characters except letters and
/// digits.
fn encoded(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[tokio::test]
async fn ids_and_secrets_of_any_text_are_accepted() {
    let texts = [":", "a:b", "%", "%41", "+", "a b", " ", "\u{e9}\u{4f60}", "&=", "\"'\\"];
    let mut pool = PoolConfig::new("eu-west-1_Odd00001").resource_server("r", ["s"]);
    for text in texts {
        pool = pool.client(ClientConfig::new(format!("id{text}"), format!("secret{text}"), ["r/s"]));
    }
    let issuer = LocalIssuer::start_with(Config::empty().pool(pool)).await.unwrap();
    for text in texts {
        let (id, secret) = (format!("id{text}"), format!("secret{text}"));
        let form = [GRANT, ("client_id", id.as_str()), ("client_secret", secret.as_str())];
        assert_eq!(answer(post(&issuer), &form).await, granted(), "{text:?} in the body");

        let pair = format!("{}:{}", encoded(&id), encoded(&secret));
        let request = post(&issuer).header("authorization", basic(&pair));
        assert_eq!(answer(request, &[GRANT]).await, granted(), "{text:?} in Basic");
    }
    // The same client with a secret that is not encoded: `%41` is decoded to `A`.
    let request = post(&issuer).header("authorization", basic("id%2541:secret%41"));
    assert_eq!(answer(request, &[GRANT]).await, wrong(401));
}

#[tokio::test]
async fn unknown_client_and_wrong_secret_get_same_response() {
    let issuer = issuer().await;
    for form in [[GRANT].as_slice(), &[GRANT, ("scope", "unknown")], &[("grant_type", "password")]] {
        let known = post(&issuer).header("authorization", basic("local-reader:wrong"));
        let unknown = post(&issuer).header("authorization", basic("nobody:wrong"));
        assert_eq!(answer(known, form).await, answer(unknown, form).await);
    }
}
