//! Does a token or a secret ever get into a log or an answer?
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is the test's failure")]

mod api;

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use api::{READ, READER, Running, WRITER};

/// A log that a test can read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn neither_tokens_nor_secrets_are_logged_or_answered() {
    // D18
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();

    let system = Running::start().await;
    let mut tokens = vec![system.token(READER, READ).await, system.token(WRITER, READ).await];
    tokens.push(system.issuer.mint().expired().sign());
    tokens.push(system.issuer.mint().bad_signature().sign());
    tokens.push(system.issuer.mint().unsigned().sign());
    tokens.push(system.issuer.mint().claim("cnf", 1).sign());
    tokens.push(system.issuer.mint().claim("iss", "https://evil.example\nINFO forged").sign());
    system.issuer.rotate();
    tokens.push(system.issuer.mint().sign());
    tokens.push("opaque-token-of-somebody".to_owned());

    let form =
        [("grant_type", "client_credentials"), ("client_id", READER.0), ("client_secret", "wrong-secret")];
    let refused = system.http.post(system.issuer.token_endpoint()).form(&form).send().await.unwrap();
    let mut heard = refused.text().await.unwrap();
    for token in &tokens {
        for response in [system.get("/orders", token).await, system.post("/orders", token).await] {
            write!(heard, "{:?}", response.headers()).unwrap();
            heard += &response.text().await.unwrap();
        }
    }

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("refused: expired at") && logged.contains("keys fetched"), "{logged}");
    assert!(!logged.contains("\nINFO forged"), "a claim forged a line of the log");
    let parts = tokens.iter().flat_map(|token| token.split('.')).filter(|part| part.len() > 40);
    for secret in parts.chain(["opaque-token-of-somebody", READER.1, WRITER.1, "wrong-secret"]) {
        assert!(!logged.contains(secret), "logged: {secret}");
        assert!(!heard.contains(secret), "answered: {secret}");
    }
}
