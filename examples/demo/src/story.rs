//! What callers do and what they are answered, step by step: the script. How a step is played and judged is
//! `story/stage.rs`, how it looks is `story/page.rs`.

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

/// Plays the whole story against the API at this address.
///
/// # Errors
/// When there is no answer at all, or nobody listens to the story any more. A wrong answer is in the score.
pub(crate) async fn tell(issuer: &LocalIssuer, api: &str, out: &mut impl Write) -> Result<Score, Failure> {
    let mut stage = Stage::new(api, Page::new(out))?;
    stage.note(&format!(
        "The API at {api} trusts the issuer {} and its clients local-reader and local-writer. It learns the \
         issuer's public keys from {}, and asks nobody about a token.",
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
    stage.end()
}

async fn without_a_token<W: Write>(stage: &mut Stage<'_, W>) -> Result<(), Failure> {
    stage.chapter("No token")?;
    let step = Step {
        title: "Somebody asks whether the API is up",
        request: Request::get("/health"),
        expected: Expected::ok(200, r#""ok""#),
        why: "This route has no layer, so no token is asked for.",
    };
    stage.play(step).await?;
    let step = Step {
        title: "Somebody wants to read the orders",
        request: Request::get("/orders"),
        expected: Expected::refused(401, Challenge::WithoutError),
        why: "The challenge says how to do it: with a bearer token that grants api.read. It has no error code, \
              since nothing was tried that could be wrong (RFC 6750 section 3.1).",
    };
    stage.play(step).await
}

async fn a_reader<W: Write>(stage: &mut Stage<'_, W>, issuer: &LocalIssuer) -> Result<Token, Failure> {
    stage.chapter("A client that may read")?;
    let title = "local-reader asks the issuer for a token";
    let why = "The client shows its id and secret to the issuer, never to the API. What it gets is signed, not \
               secret: anybody can read these claims, and only the issuer can make a token that says so.";
    let reader = stage.fetch_token(title, READER, &issuer.token_endpoint(), why).await?;
    let step = Step {
        title: "local-reader reads the orders",
        request: Request::get("/orders").with(&reader),
        expected: Expected::ok(200, "[]"),
        why: "The signature is the issuer's, the token is in time and was issued to a client that is trusted, and \
              it grants api.read. There are no orders yet.",
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
        why: "A good token, but not for this: the challenge names the scope that it would have to grant.",
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
    let title = "local-writer asks the issuer for a token";
    let why = "It did not say which scopes it wants, so it gets all that the issuer has for it.";
    let writer = stage.fetch_token(title, WRITER, &issuer.token_endpoint(), why).await?;
    let step = Step {
        title: "local-writer places an order",
        request: Request::post("/orders", json!({ "item": "tea", "quantity": 2 })).with(&writer),
        expected: Expected::ok(201, r#""ordered_by":"local-writer""#),
        why: "The token grants api.write. Who ordered is what the token says, not what the body says.",
    };
    stage.play(step).await?;
    let step = Step {
        title: "local-reader reads again",
        request: Request::get("/orders").with(reader),
        expected: Expected::ok(200, r#""item":"tea""#),
        why: "The same token as before: it is good for an hour and for any number of requests.",
    };
    stage.play(step).await?;
    let step = Step {
        title: "local-writer asks who it is",
        request: Request::get("/whoami").with(&writer),
        expected: Expected::ok(200, r#""client_id":"local-writer""#),
        why: "Any good token will do here. The principal is a client that acts for itself, not a user.",
    };
    stage.play(step).await
}

async fn new_keys<W: Write>(
    stage: &mut Stage<'_, W>,
    issuer: &LocalIssuer,
    old: &Token,
) -> Result<(), Failure> {
    stage.chapter("The issuer changes its keys")?;
    issuer.rotate();
    stage.note(&format!(
        "The issuer has begun to sign with a new key, and publishes it beside the old one. The API does not know \
         yet; it has fetched the keys {}.",
        times(issuer.jwks_fetches())
    ))?;
    let step = Step {
        title: "local-reader still has a token that the old key signed",
        request: Request::get("/orders").with(old),
        expected: Expected::ok(200, "tea"),
        why: "The old key is still published, so nothing changes for tokens that are already out.",
    };
    stage.play(step).await?;
    let title = "local-reader asks for another token";
    let why = "To the client it is a token like the first one. Its header names the new key.";
    let new = stage.fetch_token(title, READER, &issuer.token_endpoint(), why).await?;
    let step = Step {
        title: "local-reader uses the token that the new key signed",
        request: Request::get("/orders").with(&new),
        expected: Expected::ok(200, "tea"),
        why: "The token names a key that the API does not have, so it fetches the keys while the request waits. \
              Made-up key ids cannot make it do so more than once in 30 seconds.",
    };
    stage.play(step).await?;
    issuer.revoke_previous();
    stage.note(&format!(
        "The API has fetched the keys {}. The issuer now drops the old key. The API finds out at its next regular \
         fetch, at the latest after 10 minutes, and refuses the old key's tokens from then on.",
        times(issuer.jwks_fetches())
    ))
}

async fn a_program<W: Write>(
    stage: &mut Stage<'_, W>,
    issuer: &LocalIssuer,
    api: &str,
) -> Result<(), Failure> {
    stage.chapter("A program that leaves tokens to its layer")?;
    let credentials = WRITER.at(&issuer.token_endpoint(), &[READ])?;
    let scopes = WRITE.parse().map_err(|error| Failure::setting(&error))?;
    let program = AddToken::new(&credentials, api).map_err(|error| Failure::setting(&error))?;
    let program = program.with_step_up_to(scopes);
    let before = issuer.token_requests();
    let step = Step {
        title: "The program reads the orders",
        request: Request::get("/orders"),
        expected: Expected::ok(200, "tea"),
        why: "Nobody wrote a line about tokens here: scopegate-client asked for one, keeps it for the next calls, and \
              renews it before it ends.",
    };
    stage.play_as(&program, step).await?;
    let step = Step {
        title: "The program places an order, with a token that only reads",
        request: Request::post("/orders", json!({ "item": "scones", "quantity": 3 })),
        expected: Expected::ok(201, r#""ordered_by":"local-writer""#),
        why: "The API refused and named the scope that it needs. The program may ask for that one, so it got a second \
              token and repeated the request.",
    };
    stage.play_as(&program, step).await?;
    let asked = times(issuer.token_requests() - before);
    stage.note(&format!("The issuer was asked for a token {asked}."))
}

async fn tokens_that_are_not_good<W: Write>(
    stage: &mut Stage<'_, W>,
    issuer: &LocalIssuer,
) -> Result<(), Failure> {
    const REFUSED: Expected = Expected::refused(401, Challenge::With(&[r#"error="invalid_token""#]));
    stage.chapter("Tokens that are not good")?;
    let tampered = Token::from(issuer.mint().tampered().sign());
    let step = Step {
        title: "Somebody has changed one bit of a good token",
        request: Request::get("/orders").with(&tampered),
        expected: REFUSED,
        why: "The signature is not that of this content. The caller is told little; the reason is in the log.",
    };
    stage.play(step).await?;
    let expired = Token::from(issuer.mint().expired().sign());
    let step = Step {
        title: "A token that ended an hour ago",
        request: Request::get("/orders").with(&expired),
        expected: REFUSED,
        why: "Everything else about it is right. The caller should get a new one, and is told so.",
    };
    stage.play(step).await?;
    let elsewhere = issuer.pool(OTHER_POOL);
    let elsewhere = elsewhere.ok_or_else(|| Failure::Runtime(format!("no pool {OTHER_POOL}")))?;
    let foreign = Token::from(&OTHER.token(&elsewhere.token_endpoint()).await?);
    let step = Step {
        title: "A good token of another issuer, the pool next door",
        request: Request::get("/orders").with(&foreign),
        expected: REFUSED,
        why: "The API does not trust that issuer, so it does not even look for its keys.",
    };
    stage.play(step).await?;
    let unsigned = Token::from(issuer.mint().unsigned().sign());
    let step = Step {
        title: "A token without signature, whose header says that none is needed",
        request: Request::get("/orders").with(&unsigned),
        expected: REFUSED,
        why: "Which algorithms are good enough is for the API to say (RFC 8725 section 3.1), and `none` is not.",
    };
    stage.play(step).await
}

async fn not_one_token<W: Write>(stage: &mut Stage<'_, W>, issuer: &LocalIssuer) -> Result<(), Failure> {
    stage.chapter("Not one token")?;
    let token = Token::from(&READER.token(&issuer.token_endpoint()).await?);
    let step = Step {
        title: "A good token, sent in two Authorization headers",
        request: Request::get("/orders").with(&token).with(&token),
        expected: Expected::refused(400, Challenge::With(&[r#"error="invalid_request""#])),
        why: "Of two, a proxy may have checked the one and the API might read the other. So neither counts.",
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
