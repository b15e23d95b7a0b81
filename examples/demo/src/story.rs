//! The script of the story: requests and their expected responses, step by step.

mod bound;
mod curl;
mod page;
mod stage;

use std::io::Write;

use scopegate_client::AddToken;
use scopegate_issuer::LocalIssuer;
use serde_json::json;

pub(crate) use self::curl::print_curl_lines;
use self::page::Page;
pub(crate) use self::stage::Score;
use self::stage::{Challenge, Expected, Request, Stage, Step};
use crate::api::{READ, WRITE};
use crate::caller::{OTHER, READER, Token, WRITER};
use crate::failure::Failure;

/// A pool of the local issuer that the API does not trust.
const OTHER_POOL: &str = "eu-west-1_Local0002";

/// Plays the story with the API at these URLs. The second one requires tokens that are bound to a key.
///
/// # Errors
/// Returns an error if there is no response, or if the output is closed. The score counts
/// unexpected responses.
pub(crate) async fn tell(
    issuer: &LocalIssuer,
    api: &str,
    bound: &str,
    out: &mut impl Write,
) -> Result<Score, Failure> {
    let mut stage = Stage::new(api, Page::new(out))?;
    stage.note(&format!(
        "The API at {api} trusts the issuer {} and its clients local-reader and local-writer. It fetches the \
         issuer's public keys from {}, and verifies tokens locally.",
        issuer.issuer(),
        issuer.jwks_uri()
    ))?;
    without_a_token(&mut stage).await?;
    let reader = a_reader(&mut stage, issuer).await?;
    a_writer(&mut stage, issuer, &reader).await?;
    new_keys(&mut stage, issuer, &reader).await?;
    a_program(&mut stage, issuer, api).await?;
    tokens_that_are_not_good(&mut stage, issuer).await?;
    not_one_token(&mut stage, issuer).await?;
    bound::stolen_token(&mut stage, issuer, bound).await?;
    stage.end()
}

async fn without_a_token<W: Write>(stage: &mut Stage<'_, W>) -> Result<(), Failure> {
    stage.chapter("No token")?;
    let step = Step {
        title: "A health check without a token",
        request: Request::get("/health"),
        expected: Expected::ok(200, r#""ok""#),
        why: "This route has no layer, so it requires no token.",
    };
    stage.play(step).await?;
    let step = Step {
        title: "A request for the orders without a token",
        request: Request::get("/orders"),
        expected: Expected::refused(401, Challenge::WithoutError),
        why: "The challenge asks for a bearer token with the scope api.read. It has no error code, because the \
              request has no credentials (RFC 6750 section 3.1).",
    };
    stage.play(step).await
}

async fn a_reader<W: Write>(stage: &mut Stage<'_, W>, issuer: &LocalIssuer) -> Result<Token, Failure> {
    stage.chapter("A client that may read")?;
    let title = "local-reader requests a token from the issuer";
    let why = "The client sends its id and secret to the issuer, never to the API. The token is signed but not \
               encrypted: every holder can read these claims, but only the issuer can sign them.";
    let reader = stage.fetch_token(title, READER, &issuer.token_endpoint(), why).await?;
    let step = Step {
        title: "local-reader reads the orders",
        request: Request::get("/orders").with(&reader),
        expected: Expected::ok(200, "[]"),
        why: "The issuer's signature is valid, the token is not expired, its client is trusted, and it has the \
              scope api.read. There are no orders yet.",
    };
    stage.play(step).await?;
    let step = Step {
        title: "local-reader tries to write",
        request: Request::post("/orders", json!({ "item": "tea", "quantity": 2 })).with(&reader),
        expected: Expected::refused(
            403,
            Challenge::With(&[
                r#"error="insufficient_scope""#,
                r#"scope="https://my-api-server.org/api.write""#,
            ]),
        ),
        why: "The token is valid, but it lacks a scope. The challenge names the required scope.",
    };
    stage.play(step).await?;
    Ok(reader)
}

async fn a_writer<W: Write>(
    stage: &mut Stage<'_, W>,
    issuer: &LocalIssuer,
    reader: &Token,
) -> Result<(), Failure> {
    stage.chapter("A client that may write")?;
    let title = "local-writer requests a token from the issuer";
    let why = "The request has no scope, so the issuer grants all scopes of the client.";
    let writer = stage.fetch_token(title, WRITER, &issuer.token_endpoint(), why).await?;
    let step = Step {
        title: "local-writer places an order",
        request: Request::post("/orders", json!({ "item": "tea", "quantity": 2 })).with(&writer),
        expected: Expected::ok(201, r#""ordered_by":"local-writer""#),
        why: "The token has the scope api.write. The API takes ordered_by from the token, not from the body.",
    };
    stage.play(step).await?;
    let step = Step {
        title: "local-reader reads again",
        request: Request::get("/orders").with(reader),
        expected: Expected::ok(200, r#""item":"tea""#),
        why: "The same token as before. It is valid for an hour, for any number of requests.",
    };
    stage.play(step).await?;
    let step = Step {
        title: "local-writer requests its own identity",
        request: Request::get("/whoami").with(&writer),
        expected: Expected::ok(200, r#""client_id":"local-writer""#),
        why: "This route accepts every valid token. The principal is a client that acts for itself, not a user.",
    };
    stage.play(step).await
}

async fn new_keys<W: Write>(
    stage: &mut Stage<'_, W>,
    issuer: &LocalIssuer,
    old: &Token,
) -> Result<(), Failure> {
    stage.chapter("Key rotation")?;
    issuer.rotate();
    stage.note(&format!(
        "The issuer now signs with a new key, and publishes it together with the old one. The API still has the \
         old key set, which it has fetched {}.",
        times(issuer.jwks_fetches())
    ))?;
    let step = Step {
        title: "local-reader uses a token that the old key signed",
        request: Request::get("/orders").with(old),
        expected: Expected::ok(200, "tea"),
        why: "The old key is still published, so its tokens are still valid.",
    };
    stage.play(step).await?;
    let title = "local-reader requests another token";
    let why = "For the client, nothing has changed. The header of the token names the new key.";
    let new = stage.fetch_token(title, READER, &issuer.token_endpoint(), why).await?;
    let step = Step {
        title: "local-reader uses the token that the new key signed",
        request: Request::get("/orders").with(&new),
        expected: Expected::ok(200, "tea"),
        why: "The key id is unknown to the API, so it fetches the key set while the request waits. Attackers can \
              invent key ids, so the API does this at most once in 30 seconds.",
    };
    stage.play(step).await?;
    issuer.revoke_previous();
    stage.note(&format!(
        "The API has fetched the keys {}. The issuer now removes the old key. The API rejects its tokens after the \
         next regular fetch, which is at most 10 minutes away.",
        times(issuer.jwks_fetches())
    ))
}

async fn a_program<W: Write>(
    stage: &mut Stage<'_, W>,
    issuer: &LocalIssuer,
    api: &str,
) -> Result<(), Failure> {
    stage.chapter("A program whose HTTP client adds tokens")?;
    let credentials = WRITER.at(&issuer.token_endpoint(), &[READ])?;
    let scopes = WRITE.parse().map_err(|error| Failure::setting(&error))?;
    let program = AddToken::new(&credentials, api).map_err(|error| Failure::setting(&error))?;
    let program = program.with_step_up_to(scopes);
    let before = issuer.token_requests();
    let step = Step {
        title: "The program reads the orders",
        request: Request::get("/orders"),
        expected: Expected::ok(200, "tea"),
        why: "This request contains no code for tokens. scopegate-client fetches a token, caches it for the next \
              calls, and renews it before it expires.",
    };
    stage.play_as(&program, step).await?;
    let step = Step {
        title: "The program places an order, with a token that only reads",
        request: Request::post("/orders", json!({ "item": "scones", "quantity": 3 })),
        expected: Expected::ok(201, r#""ordered_by":"local-writer""#),
        why: "The API rejected the first request, and named the required scope. The program is allowed to request \
              this scope, so it fetched a second token and repeated the request.",
    };
    stage.play_as(&program, step).await?;
    let asked = times(issuer.token_requests() - before);
    stage.note(&format!("The program requested a token {asked}."))
}

async fn tokens_that_are_not_good<W: Write>(
    stage: &mut Stage<'_, W>,
    issuer: &LocalIssuer,
) -> Result<(), Failure> {
    const REFUSED: Expected = Expected::refused(401, Challenge::With(&[r#"error="invalid_token""#]));
    stage.chapter("Invalid tokens")?;
    let tampered = Token::from(issuer.mint().tampered().sign());
    let step = Step {
        title: "A token that was changed after it was signed",
        request: Request::get("/orders").with(&tampered),
        expected: REFUSED,
        why: "The signature does not match the content. The response does not reveal the reason; the log has it.",
    };
    stage.play(step).await?;
    let expired = Token::from(issuer.mint().expired().sign());
    let step = Step {
        title: "An expired token",
        request: Request::get("/orders").with(&expired),
        expected: REFUSED,
        why: "The rest of the token is valid. The error code invalid_token asks the caller for a new token.",
    };
    stage.play(step).await?;
    let elsewhere = issuer.pool(OTHER_POOL);
    let elsewhere = elsewhere.ok_or_else(|| Failure::Runtime(format!("no pool {OTHER_POOL}")))?;
    let foreign = Token::from(&OTHER.token(&elsewhere.token_endpoint()).await?);
    let step = Step {
        title: "A valid token of another issuer: the second pool",
        request: Request::get("/orders").with(&foreign),
        expected: REFUSED,
        why: "The API does not trust this issuer, so it does not fetch its keys.",
    };
    stage.play(step).await?;
    let unsigned = Token::from(issuer.mint().unsigned().sign());
    let step = Step {
        title: "A token without signature: its header has the algorithm none",
        request: Request::get("/orders").with(&unsigned),
        expected: REFUSED,
        why: "The API decides which algorithms it accepts (RFC 8725 section 3.1), and never accepts none.",
    };
    stage.play(step).await
}

async fn not_one_token<W: Write>(stage: &mut Stage<'_, W>, issuer: &LocalIssuer) -> Result<(), Failure> {
    stage.chapter("Two tokens")?;
    let token = Token::from(&READER.token(&issuer.token_endpoint()).await?);
    let step = Step {
        title: "A valid token in two Authorization headers",
        request: Request::get("/orders").with(&token).with(&token),
        expected: Expected::refused(400, Challenge::With(&[r#"error="invalid_request""#])),
        why: "A proxy may have verified one header while the API reads the other. So the API rejects both.",
    };
    stage.play(step).await
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}
