//! Introspection by the file: accepted and rejected tokens, outages, credentials and reloads.

use scopegate_issuer::{
    Algorithm, ClientConfig, Config, Fault, LocalIssuer, Mint, Pool, PoolConfig, SigningKey,
};

use crate::client::{Connection, Response};
use crate::program::Run;
use crate::service::{HEAD, Service, path, run, write};

const SECRET: &str = "local-reader-secret";

/// Returns an issuer with introspection. Its secret is in a file of this name.
fn issuer(pool: &Pool, tokens: &str, secret: &str) -> String {
    let (name, uri) = (pool.issuer(), pool.introspection_endpoint());
    format!(
        r#"[[issuer]]
issuer = "{name}"
clients = ["local-reader"]
[issuer.introspection]
tokens = "{tokens}"
uri = "{uri}"
client_id = "local-reader"
client_secret_file = "{secret}"
"#
    )
}

const ROUTES: &str = "[[route]]\npath = \"/orders\"\nGET = \"orders/read\"\n";

/// An issuer, the service, and a connection to it.
struct Fixture {
    local: LocalIssuer,
    service: Service,
    gateway: Connection,
    secret: std::path::PathBuf,
    text: String,
}

impl Fixture {
    async fn start(name: &str, tokens: &str) -> Self {
        Self::with_secret(name, tokens, SECRET, "").await
    }

    /// `more` are further settings of the introspection.
    async fn with_secret(name: &str, tokens: &str, secret: &str, more: &str) -> Self {
        let local = LocalIssuer::start().await.unwrap();
        let file = path(&format!("{name}.secret"));
        write(&file, &format!("{secret}\n"));
        let text = format!("{HEAD}{}{more}{ROUTES}", issuer(&local, tokens, &format!("{name}.secret")));
        let service = Service::start_ready(name, &text).await;
        let gateway = Connection::open(&service.decisions).await;
        Self { local, service, gateway, secret: file, text }
    }

    fn opaque(&self) -> String {
        self.local.opaque_token(&self.local.mint().scope("orders/read"))
    }

    fn jwt(&self) -> String {
        self.local.mint().scope("orders/read").sign()
    }

    async fn ask(&mut self, token: &str) -> Response {
        self.gateway.ask("GET", "/orders", Some(token)).await
    }

    /// Returns the status, and the number of calls that the request has caused.
    async fn status(&mut self, token: &str) -> (u16, u64) {
        let before = self.local.introspection_requests();
        let status = self.ask(token).await.status;
        (status, self.local.introspection_requests() - before)
    }

    /// Waits until the issuer's rules are replaced for the `count`th time.
    async fn reload(&self, text: &str, count: usize) {
        write(&self.service.file, text);
        self.service.signal("HUP");
        while self.service.log().matches("configuration reloaded").count() < count {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn opaque_tokens_are_introspected_without_jwts() {
    // IN20
    let mut it = Fixture::start("opaque", "opaque").await;
    let token = it.opaque();
    assert_eq!(it.status(&token).await, (200, 1));
    assert_eq!(it.status(&token).await, (200, 0));
    assert_eq!(it.status("invented").await, (401, 1));
    let jwt = it.jwt();
    assert_eq!(it.status(&jwt).await, (401, 0));
    let other = it.local.opaque_token(&it.local.mint().scope("x"));
    assert_eq!(it.status(&other).await, (403, 1));
}

#[tokio::test]
async fn all_tokens_are_introspected() {
    // IN20
    let mut it = Fixture::start("all", "all").await;
    for token in [it.opaque(), it.jwt()] {
        assert_eq!(it.status(&token).await, (200, 1));
    }
    // The endpoint knows that it is expired.
    let expired = it.local.mint().scope("orders/read").expired().sign();
    assert_eq!(it.status(&expired).await, (401, 1));
}

#[tokio::test]
async fn jwts_are_introspected_after_verification() {
    // IN18
    let mut it = Fixture::start("after-jwt", "after_jwt").await;
    let (valid, forged) = (it.jwt(), it.local.mint().scope("orders/read").bad_signature().sign());
    let revoked = it.jwt();
    revoke(&it.local, &revoked).await;
    assert_eq!(it.status(&valid).await, (200, 1));
    assert_eq!(it.status(&revoked).await, (401, 1));
    assert_eq!(it.status(&forged).await, (401, 0));
    let opaque = it.opaque();
    assert_eq!(it.status(&opaque).await, (401, 0));
}

/// Revokes a token at the issuer, as its client does (RFC 7009).
async fn revoke(local: &LocalIssuer, token: &str) {
    let (_, host) = local.issuer().split_once("//").unwrap();
    let (address, pool) = host.split_once('/').unwrap();
    let body = format!("token={token}&client_id=local-reader&client_secret={SECRET}");
    let (length, form) = (body.len().to_string(), "application/x-www-form-urlencoded");
    let mut issuer = Connection::open(address).await;
    let headers = [("host", address), ("content-type", form), ("content-length", length.as_str())];
    let response = issuer.send_body(&format!("POST /{pool}/oauth2/revoke"), &headers, &body).await;
    assert_eq!(response.status, 200, "{response:?}");
}

#[tokio::test]
async fn outage_of_endpoint_is_503() {
    // IN06
    let mut it = Fixture::start("outage", "opaque").await;
    let known = it.opaque();
    assert_eq!(it.status(&known).await, (200, 1));
    it.local.set_introspection_fault(Fault::Status(500));
    let further = it.opaque();
    let response = it.ask(&further).await;
    assert_eq!((response.status, response.header("www-authenticate")), (503, None));
    assert!(response.header("retry-after").unwrap().parse::<u32>().is_ok());
    // A cached result is used, and the service stays ready.
    assert_eq!(it.status(&known).await, (200, 0));
    it.service.ready().await;
    it.local.clear_introspection_fault();
    let next = it.opaque();
    assert_eq!(it.ask(&next).await.status, 200);
}

#[tokio::test]
async fn wrong_credentials_are_500_and_hidden() {
    // IN05, IN22
    let mut it = Fixture::with_secret("wrong-secret", "opaque", "wr0ng-s3cret", "").await;
    let token = it.opaque();
    let response = it.ask(&token).await;
    assert_eq!((response.status, response.header("www-authenticate")), (500, None));
    it.service.logged("the credentials of this API are rejected").await;
    // The right secret takes effect, and the change needs no signal.
    write(&it.secret, SECRET);
    it.service.logged("configuration reloaded").await;
    assert_eq!(it.ask(&token).await.status, 200);
    let log = it.service.log();
    for hidden in ["wr0ng-s3cret", SECRET, &token] {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
}

#[tokio::test]
async fn reload_keeps_results_and_reads_secret() {
    let mut it = Fixture::start("rotated", "opaque").await;
    let token = it.opaque();
    assert_eq!(it.status(&token).await, (200, 1));
    let text = it.text.clone();
    it.reload(&text.replace("/orders\"", "/orders/{id}\""), 1).await;
    it.reload(&text, 2).await;
    assert_eq!(it.status(&token).await, (200, 0));
    // Another secret: results stay, and the next call is rejected.
    write(&it.secret, "r0tated-s3cret");
    it.reload(&text, 3).await;
    assert_eq!(it.status(&token).await, (200, 0));
    let further = it.opaque();
    assert_eq!(it.status(&further).await, (500, 1));
    // A missing secret has no effect.
    std::fs::remove_file(&it.secret).unwrap();
    it.service.signal("HUP");
    it.service.logged("rotated.toml:13:22: no secret: ").await;
    assert_eq!(it.status(&token).await, (200, 0));
    assert!(!it.service.log().contains("s3cret"), "{}", it.service.log());
}

#[tokio::test]
async fn secret_is_read_from_environment() {
    let local = LocalIssuer::start().await.unwrap();
    let text = format!("{HEAD}{}{ROUTES}", issuer(&local, "opaque", "x"));
    let text = text.replace("client_secret_file = \"x\"", "client_secret_env = \"ORDERS_SECRET\"");
    for (secret, status) in [(SECRET, 200), ("wr0ng-s3cret", 500)] {
        let service = Service::start_with("variable", &text, &[("ORDERS_SECRET", secret)]);
        let mut gateway = Connection::open(&service.decisions).await;
        let token = local.opaque_token(&local.mint().scope("orders/read"));
        assert_eq!(gateway.ask("GET", "/orders", Some(&token)).await.status, status);
        assert!(!service.log().contains(secret), "{}", service.log());
    }
}

#[test]
fn missing_secret_is_warning_and_ends_start() {
    let file = path("no-secret.toml");
    let text = format!(
        "{HEAD}[[issuer]]\nissuer = \"https://a.example\"\nclients = [\"a\"]\n[issuer.introspection]\n\
         tokens = \"opaque\"\nuri = \"https://a.example/introspect\"\nclient_id = \"a\"\n\
         client_secret_file = \"no-such-secret\"\n{ROUTES}"
    );
    write(&file, &text);
    let file = file.to_str().unwrap();
    let (code, out, error) = run(&["check", file]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(out.contains("warning: 13:22: no secret: cannot read file:"), "{out}");
    let (code, out, error) = run(&["serve", "--config", file]);
    assert_eq!((code, out.as_str()), (Some(64), ""));
    assert!(error.contains("no-secret.toml:13:22: no secret: cannot read file:"), "{error}");
}

#[tokio::test]
async fn issuer_of_opaque_tokens_is_replaced() {
    let it = Fixture::start("replaced", "opaque").await;
    let mut gateway = Connection::open(&it.service.decisions).await;
    let [first, other] = [it.local.pools().next(), it.local.pools().nth(1)].map(Option::unwrap);
    let token = |pool: &Pool| pool.opaque_token(&pool.mint().scope("orders/read"));
    let (of_first, of_other) = (token(first), token(other));
    assert_eq!(gateway.ask("GET", "/orders", Some(&of_first)).await.status, 200);
    assert_eq!(gateway.ask("GET", "/orders", Some(&of_other)).await.status, 401);
    // Both have no prefix, so only one can be trusted at a time.
    write(&path("other.secret"), "local-other-secret");
    let next = it.text.replace(first.issuer(), other.issuer()).replace("local-reader", "local-other");
    it.reload(&next.replace("replaced.secret", "other.secret"), 1).await;
    assert_eq!(gateway.ask("GET", "/orders", Some(&of_first)).await.status, 401);
    assert_eq!(gateway.ask("GET", "/orders", Some(&of_other)).await.status, 200);
    it.reload(&it.text, 2).await;
    assert_eq!(gateway.ask("GET", "/orders", Some(&of_first)).await.status, 200);
    assert_eq!(gateway.ask("GET", "/orders", Some(&of_other)).await.status, 401);
}

#[tokio::test]
async fn signed_responses_are_required() {
    for (name, tokens) in [("signed-opaque", "opaque"), ("signed-jwt", "after_jwt")] {
        let mut it = Fixture::with_secret(name, tokens, SECRET, "responses = \"signed\"\n").await;
        let token = if tokens == "opaque" { it.opaque() } else { it.jwt() };
        assert_eq!(it.status(&token).await, (200, 1), "{}", it.service.log());
        it.local.set_signed_introspection(Mint::bad_signature);
        let token = if tokens == "opaque" { it.opaque() } else { it.jwt() };
        assert_eq!(it.status(&token).await.0, 503);
    }
}

/// Explains a token for the file of the service.
fn explain(it: &Fixture, token: &str, more: &[&str]) -> Run {
    let file = it.service.file.to_str().unwrap();
    let flags = ["explain", "--config", file, "--request", "GET /orders"];
    crate::program::run(&[&flags, more].concat(), token)
}

#[tokio::test(flavor = "multi_thread")]
async fn explanation_asks_the_issuer() {
    for tokens in ["opaque", "all", "after_jwt"] {
        let it = Fixture::start(&format!("explained-{tokens}"), tokens).await;
        let (valid, other) = match tokens {
            "opaque" => (it.opaque(), "invented".to_owned()),
            _ => (it.jwt(), it.jwt()),
        };
        if tokens != "opaque" {
            revoke(&it.local, &other).await;
        }
        let accepted = explain(&it, &valid, &[]);
        assert_eq!(accepted.code, 0, "{tokens}: {}{}", accepted.out, accepted.errors);
        assert!(accepted.out.starts_with("VALID at "), "{tokens}: {}", accepted.out);
        let rejected = explain(&it, &other, &[]);
        assert_eq!(rejected.code, 1, "{tokens}: {}{}", rejected.out, rejected.errors);
        assert!(rejected.out.starts_with("REJECTED with 401 (inactive)"), "{tokens}: {}", rejected.out);
        let json = explain(&it, &other, &["--json"]);
        assert!(json.out.contains("\"code\": \"inactive\""), "{tokens}: {}", json.out);
        // The issuer knows only whether the token is active now.
        let earlier = explain(&it, &valid, &["--at", "2026-01-01T00:00:00Z"]);
        assert_eq!((earlier.code, earlier.out.as_str()), (2, ""), "{tokens}");
        assert!(earlier.errors.contains("omit --at"), "{}", earlier.errors);
        it.local.set_introspection_fault(Fault::Status(500));
        let undecidable = explain(&it, &valid, &[]);
        assert_eq!(undecidable.code, 2, "{tokens}: {}{}", undecidable.out, undecidable.errors);
        let calls = it.local.introspection_requests();
        std::fs::remove_file(&it.secret).unwrap();
        let unread = explain(&it, &valid, &[]);
        assert_eq!((unread.code, unread.out.as_str()), (2, ""), "{tokens}");
        assert!(unread.errors.contains("the secret for it cannot be read here"), "{}", unread.errors);
        assert_eq!(it.local.introspection_requests(), calls, "{tokens}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_jwt_is_explained_without_a_call() {
    let it = Fixture::start("explained-forged", "after_jwt").await;
    let forged = it.local.mint().scope("orders/read").bad_signature().sign();
    let rejected = explain(&it, &forged, &[]);
    assert_eq!(rejected.code, 1, "{}{}", rejected.out, rejected.errors);
    assert!(rejected.out.contains("signature"), "{}", rejected.out);
    assert_eq!(it.local.introspection_requests(), 0);
}

#[tokio::test]
async fn client_authenticates_by_its_key() {
    let [key, other] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256));
    let pool = PoolConfig::new("eu-west-1_Keys").resource_server("https://api.example", ["read"]);
    let client = ClientConfig::with_key("api", &key, ["https://api.example/read"]);
    let local = LocalIssuer::start_with(Config::empty().pool(pool.client(client))).await.unwrap();
    let text = format!("{HEAD}{}{ROUTES}", issuer(&local, "opaque", "x"))
        .replace("client_id = \"local-reader\"", "client_id = \"api\"\nauth_method = \"private_key_jwt\"")
        .replace("clients = [\"local-reader\"]", "clients = [\"api\"]");
    for (name, key, status) in [("own", &key, 200), ("other", &other, 500)] {
        write(&path(&format!("{name}.pem")), &key.private_key_pem());
        let secret = format!("private_key_file = \"{name}.pem\"");
        let text = text.replace("client_secret_file = \"x\"", &secret);
        let service = Service::start_ready(&format!("{name}-key"), &text).await;
        let mut gateway = Connection::open(&service.decisions).await;
        let token = local.opaque_token(&local.mint().scope("orders/read"));
        let response = gateway.ask("GET", "/orders", Some(&token)).await;
        assert_eq!(response.status, status, "{}", service.log());
    }
}

#[tokio::test]
async fn opaque_token_of_unchanged_issuer_stays_accepted() {
    // Issuers beside it come and go, with and without keys.
    let mut it = Fixture::start("unchanged", "opaque").await;
    let token = it.opaque();
    assert_eq!(it.status(&token).await, (200, 1));
    let other = it.local.pools().nth(1).unwrap();
    let opaque = issuer(other, "opaque", "unchanged.secret");
    let opaque = format!("{opaque}token_prefix = \"other_\"\n");
    let jwts = format!("[[issuer]]\nissuer = \"{}\"\nclients = [\"a\"]\n", other.issuer());
    let texts =
        [opaque, jwts, String::new()].map(|more| it.text.replace("[[route]]", &format!("{more}[[route]]")));
    for count in 1..=9 {
        write(&it.service.file, &texts[count % 3]);
        it.service.signal("HUP");
        while it.service.log().matches("configuration reloaded").count() < count {
            assert_eq!(it.status(&token).await, (200, 0), "{}", it.service.log());
        }
        assert_eq!(it.status(&token).await, (200, 0), "{}", it.service.log());
    }
}
