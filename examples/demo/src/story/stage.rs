//! Plays one step over HTTP, and compares the response with the expected one.

use std::io::Write;

use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Response, StatusCode};
use scopegate_client::AddToken;
use serde_json::Value;

use super::page::Page;
use crate::caller::{Credentials, Token};
use crate::failure::Failure;

/// A request, the expected response, and the reason.
pub(super) struct Step<'a> {
    pub(super) title: &'a str,
    pub(super) request: Request<'a>,
    pub(super) expected: Expected,
    pub(super) why: &'a str,
}

/// A request to the API.
pub(super) struct Request<'a> {
    method: Method,
    path: &'a str,
    tokens: Vec<&'a Token>,
    /// The proof of a bound token (DPoP).
    proof: Option<&'a Token>,
    body: Option<Value>,
}

impl<'a> Request<'a> {
    pub(super) fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, tokens: Vec::new(), proof: None, body: None }
    }

    pub(super) fn post(path: &'a str, body: Value) -> Self {
        Self { method: Method::POST, path, tokens: Vec::new(), proof: None, body: Some(body) }
    }

    /// Adds an `Authorization` header on each call. A correct caller sends only one.
    pub(super) fn with(mut self, token: &'a Token) -> Self {
        self.tokens.push(token);
        self
    }

    /// Sends the tokens in the scheme `DPoP`, with this proof.
    pub(super) fn with_proof(mut self, proof: &'a Token) -> Self {
        self.proof = Some(proof);
        self
    }

    fn scheme(&self) -> &'static str {
        if self.proof.is_some() { "DPoP" } else { "Bearer" }
    }
}

/// The expected response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    status: u16,
    challenge: Challenge,
    /// A part of the body.
    body: &'static str,
}

/// The expected header `WWW-Authenticate`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Challenge {
    /// No challenge.
    Absent,
    /// A challenge without `error`.
    WithoutError,
    /// A challenge that contains each of these parts.
    With(&'static [&'static str]),
}

impl Expected {
    pub(super) const fn ok(status: u16, body: &'static str) -> Self {
        Self { status, challenge: Challenge::Absent, body }
    }

    pub(super) const fn refused(status: u16, challenge: Challenge) -> Self {
        Self { status, challenge, body: "" }
    }

    /// Returns the first difference between a response and the expected one.
    fn contradiction(self, answer: &Answer) -> Option<String> {
        let found = answer.status.as_u16();
        if found != self.status {
            return Some(format!("expected {}, found {found}", self.status));
        }
        let challenge = answer.challenge.as_deref();
        let missing = match (self.challenge, challenge) {
            (Challenge::Absent, None) => None,
            (Challenge::WithoutError, Some(found)) if !found.contains("error=") => None,
            (Challenge::With(parts), Some(found)) => parts.iter().copied().find(|part| !found.contains(part)),
            (Challenge::Absent, Some(_)) => Some("no challenge"),
            (Challenge::WithoutError, _) => Some("a challenge without error"),
            (Challenge::With(_), None) => Some("a challenge"),
        };
        if let Some(missing) = missing {
            return Some(format!("expected {missing}, found {}", challenge.unwrap_or("no challenge")));
        }
        (!answer.body.contains(self.body))
            .then(|| format!("expected {} in the body, found {}", self.body, answer.body))
    }
}

/// A response.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) challenge: Option<String>,
    pub(super) body: String,
}

impl Answer {
    async fn read(response: Response) -> reqwest::Result<Self> {
        let challenge = response.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Ok(Self { status: response.status(), challenge, body: response.text().await? })
    }
}

/// The number of steps, and of expected responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) steps: usize,
    pub(crate) as_expected: usize,
}

/// The state of the story: the HTTP client, the page and the score.
pub(super) struct Stage<'a, W> {
    http: Client,
    api: &'a str,
    page: Page<'a, W>,
    score: Score,
}

impl<'a, W: Write> Stage<'a, W> {
    pub(super) fn new(api: &'a str, page: Page<'a, W>) -> Result<Self, Failure> {
        // Everything is on this machine, so no proxy is needed. Without TLS, no certificates are needed.
        let http = Client::builder().no_proxy().tls_certs_only([]).build()?;
        Ok(Self { http, api, page, score: Score::default() })
    }

    pub(super) fn chapter(&mut self, title: &str) -> Result<(), Failure> {
        Ok(self.page.chapter(title)?)
    }

    /// Sends the next requests to another API.
    pub(super) fn call(&mut self, api: &'a str) {
        self.api = api;
    }

    pub(super) fn note(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.page.note(text)?)
    }

    pub(super) async fn play(&mut self, step: Step<'_>) -> Result<(), Failure> {
        let Step { title, request, expected, why } = step;
        self.begin(title, &request)?;
        let scheme = request.scheme();
        let mut sent = self.http.request(request.method, format!("{}{}", self.api, request.path));
        for token in request.tokens {
            sent = sent.header(AUTHORIZATION, secret(&format!("{scheme} {}", token.as_str()))?);
        }
        if let Some(proof) = request.proof {
            sent = sent.header("DPoP", secret(proof.as_str())?);
        }
        let sent = request.body.iter().fold(sent, reqwest::RequestBuilder::json);
        self.judge(&Answer::read(sent.send().await?).await?, expected, why)
    }

    fn begin(&mut self, title: &str, request: &Request<'_>) -> Result<(), Failure> {
        self.score.steps += 1;
        self.page.title(self.score.steps, title)?;
        self.page.request(request.method.as_str(), request.path)?;
        for token in &request.tokens {
            self.page.line(&format!("Authorization: {} {token}", request.scheme()))?;
        }
        if let Some(proof) = request.proof {
            self.page.line(&format!("DPoP: {proof}"))?;
        }
        if let Some(body) = &request.body {
            self.page.line(&body.to_string())?;
        }
        Ok(())
    }

    fn judge(&mut self, answer: &Answer, expected: Expected, why: &str) -> Result<(), Failure> {
        self.page.answer(answer)?;
        match expected.contradiction(answer) {
            None => self.score.as_expected += 1,
            Some(contradiction) => self.page.unexpected(&contradiction)?,
        }
        Ok(self.page.why(why)?)
    }

    /// Plays a token request as a step. The story ends if it fails.
    pub(super) async fn fetch_token(
        &mut self,
        title: &str,
        client: Credentials,
        endpoint: &str,
        why: &str,
    ) -> Result<Token, Failure> {
        self.score.steps += 1;
        self.page.title(self.score.steps, title)?;
        self.page.request("POST", endpoint)?;
        self.page.line(&format!("Authorization: Basic ({} and its secret)", client.id))?;
        self.page.line("grant_type=client_credentials")?;
        let received = client.token(endpoint).await?;
        let token = Token::from(&received);
        self.page.token(&token, received.expires_in())?;
        self.score.as_expected += 1;
        self.page.why(why)?;
        Ok(token)
    }

    /// Plays a step of a program whose layer adds the token.
    pub(super) async fn play_as(&mut self, program: &AddToken, step: Step<'_>) -> Result<(), Failure> {
        let Step { title, request, expected, why } = step;
        self.begin(title, &request)?;
        let sent = self.http.request(request.method, format!("{}{}", self.api, request.path));
        let sent = request.body.iter().fold(sent, reqwest::RequestBuilder::json);
        let answer = program.send(sent).await.map_err(|error| Failure::runtime(&error))?;
        self.judge(&Answer::read(answer).await?, expected, why)
    }

    pub(super) fn end(mut self) -> Result<Score, Failure> {
        self.page.score(self.score)?;
        Ok(self.score)
    }
}

/// Returns the header value. It is marked as sensitive, so that the HTTP client does not log it.
fn secret(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(text).map_err(|error| Failure::runtime(&error))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORBIDDEN: Expected = Expected::refused(403, Challenge::With(&[r#"error="insufficient_scope""#]));

    fn answer(status: u16, challenge: Option<&str>, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, challenge: challenge.map(ToOwned::to_owned), body: body.to_owned() }
    }

    #[test]
    fn expected_response_has_no_difference() {
        for (expected, answer) in [
            (Expected::ok(200, "tea"), answer(200, None, r#"["tea"]"#)),
            (Expected::refused(401, Challenge::WithoutError), answer(401, Some("Bearer"), "no")),
            (FORBIDDEN, answer(403, Some(r#"Bearer error="insufficient_scope""#), "no")),
        ] {
            assert_eq!(expected.contradiction(&answer), None);
        }
    }

    #[test]
    fn unexpected_response_is_described() {
        for (expected, answer, contradiction) in [
            (FORBIDDEN, answer(200, None, "[]"), "expected 403, found 200"),
            (FORBIDDEN, answer(403, None, ""), "expected a challenge, found no challenge"),
            (
                FORBIDDEN,
                answer(403, Some("Bearer"), ""),
                r#"expected error="insufficient_scope", found Bearer"#,
            ),
            (
                Expected::refused(401, Challenge::WithoutError),
                answer(401, Some("Bearer error=x"), ""),
                "expected a challenge without error, found Bearer error=x",
            ),
            (Expected::ok(200, ""), answer(200, Some("Bearer"), ""), "expected no challenge, found Bearer"),
            (Expected::ok(200, "tea"), answer(200, None, "[]"), "expected tea in the body, found []"),
        ] {
            assert_eq!(expected.contradiction(&answer).as_deref(), Some(contradiction));
        }
    }
}
